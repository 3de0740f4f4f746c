"""Display windows: DICOM's formulas (PS3.3 C.11.2.1), a display table, the automatic window, the presets."""

from __future__ import annotations

import tomllib
from functools import lru_cache
from importlib.resources import files
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.ct.volume import VoiTable, VoiWindow, Volume

Preset = VoiWindow | Literal["auto", "dicom"]
AUTO_PERCENTILES = (0.1, 99.9)  # 3D Slicer's automatic window
_SAMPLES = 1_000_000


def apply_window(
    values: ArrayLike, window: VoiWindow, invert: bool = False, table: VoiTable | None = None
) -> NDArray[np.uint8]:
    """Grey levels 0..255 of values in the window's units, by the formula that the window names.

    ``LINEAR`` (C.11.2.1.2.1) ramps over ``width - 1`` about ``centre - 0.5``; ``LINEAR_EXACT`` (C.11.2.1.3.2) over
    ``width`` about ``centre``; ``SIGMOID`` (C.11.2.1.3.1) never quite reaches its ends. A width under 1 counts as 1.
    ``TABLE`` is the curve of the file (C.11.2.1.1), which the window moves and stretches.

    Parameters
    ----------
    table
        For ``TABLE``, of the same volume.

    Returns
    -------
    uint8, shaped as `values`, rounded half up.

    Raises
    ------
    ValueError
        ``TABLE`` without one.
    """
    x = np.asarray(values, dtype=np.float64)
    width = max(float(window.width), 1.0)
    centre = float(window.centre)
    if window.function == "TABLE":
        if table is None:
            raise ValueError("a window of a table, and no table")
        at = np.rint((x - centre) * (table.width / width) + table.centre)
        own = table.grey[np.clip(at + 32768, 0, 65535).astype(np.intp)]
        return np.asarray(255 - own if invert else own, dtype=np.uint8)
    if window.function == "SIGMOID":
        # The exponent is bounded where the result is 0 or 255 anyway, so that nothing overflows.
        fraction = 1.0 / (1.0 + np.exp(np.clip(-4.0 * (x - centre) / width, -60.0, 60.0)))
    elif window.function == "LINEAR_EXACT":
        fraction = (x - centre) / width + 0.5
    elif width == 1.0:
        fraction = np.where(x <= centre - 0.5, 0.0, 1.0)
    else:
        fraction = (x - (centre - 0.5)) / (width - 1.0) + 0.5
    grey = np.floor(np.clip(fraction, 0.0, 1.0) * 255.0 + 0.5).astype(np.uint8)
    return np.asarray(255 - grey if invert else grey, dtype=np.uint8)


def window_lut(
    window: VoiWindow, invert: bool = False, levels: int = 65536, table: VoiTable | None = None
) -> NDArray[np.uint8]:
    """Grey level of every int16 value: use as ``lut[voxels.view(np.uint16)]``.

    Parameters
    ----------
    table
        As for `apply_window`.
    levels
        Entries of the table, a power of two up to 65,536; the upper half belongs to the negative values.

    Returns
    -------
    uint8 (levels,).
    """
    index = np.arange(levels)
    values = np.where(index < levels // 2, index, index - levels)
    return apply_window(values, window, invert, table)


def auto_window(volume: Volume) -> VoiWindow:
    """Window over the percentiles 0.1 to 99.9 of the volume, padding left out, from about a million of its voxels."""
    step = max(1, round((volume.voxels.size / _SAMPLES) ** 0.5))
    sample = volume.voxels[:, ::step, ::step]
    if volume.padding is not None:
        sample = sample[~volume.padding[:, ::step, ::step]]
    if not sample.size:
        return VoiWindow(0.0, 1.0, "Automatic")
    low, high = (float(v) for v in np.percentile(sample, AUTO_PERCENTILES))
    return VoiWindow((low + high) / 2, max(high - low, 1.0), "Automatic")


@lru_cache(maxsize=1)
def load_presets() -> tuple[tuple[str, Preset], ...]:
    """Key ``"0"`` to ``"9"`` and its window, ``"auto"`` or ``"dicom"``, from ``resources/window_presets.toml``."""
    table = tomllib.loads(files("resources").joinpath("window_presets.toml").read_text(encoding="utf-8"))
    presets: list[tuple[str, Preset]] = []
    for row in table["preset"]:
        special = row.get("special")
        if special == "auto" or special == "dicom":
            presets.append((row["key"], special))
        else:
            presets.append((row["key"], VoiWindow(float(row["centre"]), float(row["width"]), row["name"])))
    return tuple(presets)
