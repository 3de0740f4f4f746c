"""How well maps fit where a reader looked on the same picture, beside floors that know nothing of the picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from models.card import Figure, MetricRow
from models.gaze_classifier.gaze_frames import gaze_map
from models.gaze_classifier.prepared_pictures import PreparedPicture, with_borrowed_gaze
from models.metrics.bootstrap import mean_interval
from models.metrics.heat_map import centre_map
from models.metrics.saliency import cc, kl_divergence

Floats = NDArray[np.float64]

UNIFORM_SHARE = 0.05
"""Mixed into every map before KL divergence, so that one fixation on an empty place does not decide it."""
MEASURES = ("CC", "KL")
CENTRE, BORROWED = "centre bias", "gaze on another patient"


def readers_maps(pictures: Sequence[PreparedPicture], size_px: int, weighting: str) -> Floats:
    """(N, size, size) of pictures that were all looked at."""
    found: list[Floats] = []
    for one in pictures:
        assert one.fixations is not None
        found.append(gaze_map(one.fixations, size_px, weighting=weighting).astype(np.float64))
    return np.stack(found)


def fit_rows(
    maps: Mapping[str, Floats],
    pictures: Sequence[PreparedPicture],
    *,
    size_px: int,
    weighting: str,
    seed: int,
    resamples: int,
) -> dict[str, MetricRow]:
    """A row for each map, then the floors: correlation (higher is better) and KL divergence in nats (lower is better).

    Parameters
    ----------
    maps
        (N, size, size) by name, of these pictures.
    pictures
        All of them with fixations, of at least two patients.
    """
    scores = fit_scores(maps, pictures, size_px=size_px, weighting=weighting, seed=seed)
    patients = [one.patient for one in pictures]
    rows = {}
    for name, measures in scores.items():
        figures = {}
        for measure, values in measures.items():
            given = [float("nan") if value is None else value for value in values]
            found = mean_interval(given, patients, seed=seed, resamples=resamples)
            if np.isfinite(found.mean):
                ends = {"low": found.low, "high": found.high} if found.available else {}
                figures[measure] = Figure(value=found.mean, **ends)
        rows[name] = MetricRow(role="floor" if name in (CENTRE, BORROWED) else "candidate", measures=figures)
    return rows


def fit_scores(
    maps: Mapping[str, Floats], pictures: Sequence[PreparedPicture], *, size_px: int, weighting: str, seed: int
) -> dict[str, dict[str, list[float | None]]]:
    """As `fit_rows`, of every picture: `MEASURES` by name of the map; None where a map has no such value."""
    truth = readers_maps(pictures, size_px, weighting)
    centre = centre_map((1, size_px, size_px)).density_kji[0]
    floors = {
        CENTRE: np.broadcast_to(centre, truth.shape),
        BORROWED: readers_maps(with_borrowed_gaze(pictures, seed), size_px, weighting),
    }
    found: dict[str, dict[str, list[float | None]]] = {}
    for name, each in {**maps, **floors}.items():
        pairs = list(zip(truth, each, strict=True))
        found[name] = {
            "CC": [_known(cc(real, said)) for real, said in pairs],
            "KL": [_known(kl_divergence(real, mixed(said))) for real, said in pairs],
        }
    return found


def mixed(values: Floats) -> Floats:
    """A map that sums to 1, mixed with the uniform one; an empty map becomes uniform."""
    total = values.sum()
    uniform = np.full(values.shape, 1 / values.size)
    return uniform if total <= 0 else (1 - UNIFORM_SHARE) * values / total + UNIFORM_SHARE * uniform


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None
