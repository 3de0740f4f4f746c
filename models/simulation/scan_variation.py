"""How scans of the same body differ, drawn without regard to what the patient has: calibration, breath, kernel, noise.

They keep counts of Hounsfield units from telling the findings; ranges are ours, wide on purpose.
"""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from models.simulation.finding_canvas import Array
from models.simulation.random_fields import PlaneWaves
from models.simulation.thorax import LOWEST_STORED_HU

LUNG_OFFSET_HU = (-45.0, 70.0)
NOISE_HU = (4.0, 26.0)
UNEVEN_HU = 14.0


def vary_scan(hu: Array, rng: np.random.Generator) -> Array:
    """float32 (K, J, I) Hounsfield units as another scanner, another breath and another kernel would give them."""
    unmeasured = hu <= LOWEST_STORED_HU
    changed = _recalibrated(hu, rng)
    changed += _uneven_tissue(hu.shape, rng) * ((hu > -250) & (hu < 250))
    sigma = float(rng.uniform(0.0, 0.55))
    if sigma > 0.25:
        changed = gaussian_filter(changed, (0, sigma, sigma), truncate=3.0)
    noise_hu = np.float32(rng.uniform(*NOISE_HU))
    noise = noise_hu * rng.standard_normal(hu.shape, dtype=np.float32)
    changed = changed + np.where(hu > -950, noise, np.float32(0.5) * noise)
    changed[unmeasured] = LOWEST_STORED_HU
    return np.asarray(np.clip(changed, LOWEST_STORED_HU, 3071), dtype=np.float32)


def _uneven_tissue(shape_kji: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Soft tissue that is not equally dense everywhere: beam hardening, fat in muscle, blood of its own density."""
    waves = PlaneWaves(rng, 70.0, count=12)
    deviation = np.float32(rng.uniform(0, UNEVEN_HU))
    slices, rows, columns = shape_kji
    y, x = np.arange(rows) * 3.0, np.arange(columns) * 3.0
    return np.stack([deviation * waves.on_slice(x, y, 3.0 * k) for k in range(slices)])


def _recalibrated(hu: Array, rng: np.random.Generator) -> Array:
    lung = float(rng.uniform(*LUNG_OFFSET_HU))
    fat, soft = rng.uniform(-18, 18), rng.uniform(-14, 14)
    bone = float(rng.uniform(0.8, 1.25))
    given = np.array([-1024.0, -1000, -880, -650, -100, 50, 150, 600, 3071])
    # What is air stays air; half of the lung's offset reaches what is half lung.
    wanted = given + np.array([0.0, 0, lung, 0.6 * lung, fat, soft, soft, 600 * (bone - 1), 0])
    return np.interp(hu, given, wanted).astype(np.float32)
