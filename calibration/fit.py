"""A correction on top of the tracker's own gaze: none, offset, gain or affine, chosen honestly or refused.

Source and target are `screen_px`, so the coefficients in a session file apply to gaze as it arrives; errors are judged
in degrees. One point a target: the median of its valid gaze. The candidate with the least leave-one-out mean error is
applied only when it beats no correction by `REQUIRED_IMPROVEMENT`: without such a gate a 3 x 3 fit made about half of
the sessions of a low-cost tracker worse (measured on tim-murphy/gazepoint_eyelink_validation_data, 59 sessions of nine
points; the margin was read off that data set and is a starting value).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from calibration.geometry import ScreenGeometry
from calibration.procedure import TargetSamples

REQUIRED_IMPROVEMENT = 0.20
"""Share by which a correction must beat none in leave-one-out mean error (see the module's source)."""

MINIMUM_VALID_SAMPLES = 5
"""Fewer valid samples on a target give no usable median (our choice; 0.17 s at 30 Hz)."""

MINIMUM_POINTS = {"none": 1, "offset": 2, "gain": 3, "affine": 5}
"""Targets that a candidate needs: what determines it plus at least one to leave out (affine 3 + 2)."""

IDENTITY = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0))

_Coefficients = tuple[tuple[float, float, float], tuple[float, float, float]]


@dataclass(frozen=True)
class Refit:
    """One eye's correction and why it was chosen.

    Attributes
    ----------
    kind
        none, offset, gain (gain and offset for each axis) or affine.
    coefficients
        2 x 3, `screen_px` to `screen_px`: x' = a x + b y + c.
    loo_error_deg
        Leave-one-out mean error of each candidate in degrees; None where the points do not determine it.
    reason
        Why this kind, in plain words.
    n_points
        Targets that had data.
    """

    kind: str
    coefficients: _Coefficients
    loo_error_deg: dict[str, float | None]
    reason: str
    n_points: int

    def apply(self, screen_px: ArrayLike) -> NDArray[np.float64]:
        """Corrected `screen_px` (..., 2); NaN stays NaN."""
        px = np.asarray(screen_px, dtype=np.float64)
        if self.kind == "none":
            return px.copy()
        # Written out: a product with a matrix of two columns is several times slower on a million rows.
        x, y = px[..., 0], px[..., 1]
        return np.stack([a * x + b * y + c for a, b, c in self.coefficients], axis=-1)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "kind": self.kind,
            "coefficients": [list(row) for row in self.coefficients],
            "loo_error_deg": dict(self.loo_error_deg),
            "reason": self.reason,
            "n_points": self.n_points,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Refit:
        """The inverse of `to_dict`; ValueError when a value is missing or makes no sense."""
        try:
            kind = str(values["kind"])
            matrix = np.asarray(values["coefficients"], dtype=np.float64)
            errors = {
                str(name): None if error is None else float(error) for name, error in values["loo_error_deg"].items()
            }
            reason, n_points = str(values["reason"]), int(values["n_points"])
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError(f"a refit is incomplete: {error}") from error
        if kind not in MINIMUM_POINTS:
            raise ValueError(f"a refit of unknown kind {kind!r}")
        if matrix.shape != (2, 3) or not np.isfinite(matrix).all():
            raise ValueError("the coefficients of a refit must be 2 x 3 finite numbers")
        return cls(kind, _rows(matrix), errors, reason, n_points)


def identity_refit(reason: str) -> Refit:
    """No correction, with the reason."""
    return Refit("none", IDENTITY, {}, reason, 0)


def fit_eyes(samples: Sequence[TargetSamples], geometry: ScreenGeometry) -> dict[str, Refit]:
    """A `Refit` for each eye that occurs in the samples."""
    eyes = sorted({eye for target in samples for eye in target.eyes})
    return {eye: fit_eye(*target_points(samples, eye), geometry) for eye in eyes}


def target_points(samples: Sequence[TargetSamples], eye: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median valid gaze and target, both (N, 2) `screen_px`, of the targets on which the eye has data."""
    gaze, targets = [], []
    for target in samples:
        window = target.eyes.get(eye)
        if window is not None and int(window.valid.sum()) >= MINIMUM_VALID_SAMPLES:
            gaze.append(np.median(window.px[window.valid], axis=0))
            targets.append(target.target_px)
    return np.asarray(gaze, dtype=np.float64).reshape(-1, 2), np.asarray(targets, dtype=np.float64).reshape(-1, 2)


def fit_eye(gaze_px: ArrayLike, targets_px: ArrayLike, geometry: ScreenGeometry) -> Refit:
    """Choose a correction for one eye.

    Parameters
    ----------
    gaze_px, targets_px
        (N, 2) `screen_px`, one row a target.
    """
    gaze = np.asarray(gaze_px, dtype=np.float64).reshape(-1, 2)
    targets = np.asarray(targets_px, dtype=np.float64).reshape(-1, 2)
    if len(gaze) == 0:
        return identity_refit("no target has valid gaze, so there is nothing to correct from")
    errors = {kind: _leave_one_out_deg(kind, gaze, targets, geometry) for kind in MINIMUM_POINTS}
    raw = errors["none"]
    rivals = {kind: error for kind, error in errors.items() if kind != "none" and error is not None}
    if raw is None or not rivals:
        return Refit(
            "none", IDENTITY, errors, f"{len(gaze)} target(s) with gaze are too few to test a correction", len(gaze)
        )
    best = min(rivals, key=lambda kind: rivals[kind])
    gain = 1.0 - rivals[best] / raw if raw > 0 else 0.0
    compared = f"left-out error {rivals[best]:.2f} degrees with {best}, {raw:.2f} without correction"
    solved = _SOLVERS[best](gaze, targets)
    if gain < REQUIRED_IMPROVEMENT or solved is None:
        reason = f"no correction: {compared}, less than {REQUIRED_IMPROVEMENT:.0%} better"
        return Refit("none", IDENTITY, errors, reason, len(gaze))
    return Refit(best, _rows(solved), errors, f"{best}: {compared}, {gain:.0%} better", len(gaze))


def _leave_one_out_deg(
    kind: str, gaze: NDArray[np.float64], targets: NDArray[np.float64], geometry: ScreenGeometry
) -> float | None:
    """Mean error in degrees on each point when the others are fitted; None when they do not determine the candidate."""
    if len(gaze) < MINIMUM_POINTS[kind]:
        return None
    errors = []
    for left_out in range(len(gaze)):
        kept = np.arange(len(gaze)) != left_out
        matrix = _SOLVERS[kind](gaze[kept], targets[kept])
        if matrix is None:
            return None
        predicted = gaze[left_out] @ matrix[:, :2].T + matrix[:, 2]
        errors.append(float(geometry.angle_between_deg(predicted, targets[left_out])))
    return float(np.mean(errors))


def _solve_none(gaze: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64] | None:
    return np.asarray(IDENTITY)


def _solve_offset(gaze: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64] | None:
    matrix = np.array(IDENTITY)
    matrix[:, 2] = (targets - gaze).mean(axis=0)
    return matrix


def _solve_gain(gaze: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64] | None:
    matrix = np.zeros((2, 3))
    for axis in range(2):
        solved = _least_squares(gaze[:, [axis]], targets[:, axis])
        if solved is None:
            return None
        matrix[axis, axis], matrix[axis, 2] = solved
    return matrix


def _solve_affine(gaze: NDArray[np.float64], targets: NDArray[np.float64]) -> NDArray[np.float64] | None:
    solved = _least_squares(gaze, targets)
    return None if solved is None else solved.T


def _least_squares(source: NDArray[np.float64], goal: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Linear fit with intercept (slopes first); None when the points lie on a line or a spot within a pixel or so."""
    centre = source.mean(axis=0)
    spread = np.linalg.svd(source - centre, compute_uv=False)
    if len(source) <= source.shape[1] or spread.min() < np.sqrt(len(source)):
        return None
    slopes = np.linalg.lstsq(source - centre, goal - goal.mean(axis=0), rcond=None)[0]
    return np.concatenate([slopes, [goal.mean(axis=0) - centre @ slopes]])


def _rows(matrix: NDArray[np.float64]) -> _Coefficients:
    (a, b, c), (d, e, f) = matrix.tolist()
    return (a, b, c), (d, e, f)


_SOLVERS: dict[str, Callable[[NDArray[np.float64], NDArray[np.float64]], NDArray[np.float64] | None]] = {
    "none": _solve_none,
    "offset": _solve_offset,
    "gain": _solve_gain,
    "affine": _solve_affine,
}
