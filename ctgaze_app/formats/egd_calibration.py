"""How far the gaze was from the calibration targets of the chest X-ray study, as published and with its sign.

Twenty pictures apart, the study showed a white disc at the middle of the screen. It reports, over its 59 targets, the
mean and the population standard deviation of the absolute distance of the last row of each, per axis. An absolute value
hides a drift: the signed error (gaze minus target: positive is right of and below it) per session does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ctgaze_app.formats.egd_display import SCREEN
from ctgaze_app.review.plain_json import plain_json

TARGET_NORM = (0.5, 0.5)


@dataclass(frozen=True)
class CalibrationError:
    """One showing of a target: its last row, gaze minus target; right of and below the target are positive."""

    session: str
    trial: int
    picture: str
    x_norm: float
    y_norm: float
    x_px: float
    y_px: float
    x_deg: float
    y_deg: float


@dataclass(frozen=True)
class CalibrationSummary:
    """Over several showings: what the study publishes (`absolute`) and what it leaves out (`signed`).

    Standard deviations are those of the population (division by n); fractions of the screen, pixels and degrees.
    """

    targets: int
    absolute_mean_norm: tuple[float, float]
    absolute_sd_norm: tuple[float, float]
    absolute_mean_px: tuple[float, float]
    absolute_sd_px: tuple[float, float]
    absolute_mean_deg: tuple[float, float]
    absolute_sd_deg: tuple[float, float]
    signed_mean_px: tuple[float, float]
    signed_sd_px: tuple[float, float]
    signed_mean_deg: tuple[float, float]
    signed_sd_deg: tuple[float, float]


def calibration_error(session: str, trial: int, picture: str, last_x: float, last_y: float) -> CalibrationError:
    """The error of one showing from the last row's point of gaze (fractions of the screen)."""
    gaze_px = SCREEN.norm_to_px([last_x, last_y])
    target_px = SCREEN.norm_to_px(TARGET_NORM)
    degrees = SCREEN.px_to_deg(gaze_px) - SCREEN.px_to_deg(target_px)
    error_px = gaze_px - target_px
    return CalibrationError(
        session, trial, picture, last_x - TARGET_NORM[0], last_y - TARGET_NORM[1],
        float(error_px[0]), float(error_px[1]), float(degrees[0]), float(degrees[1]),
    )  # fmt: skip


def summary(errors: Sequence[CalibrationError]) -> CalibrationSummary | None:
    """Over `errors` whose gaze is known; None without one."""
    rows = {
        unit: np.array([[getattr(error, f"x_{unit}"), getattr(error, f"y_{unit}")] for error in errors]).reshape(-1, 2)
        for unit in ("norm", "px", "deg")
    }
    known = np.isfinite(rows["norm"]).all(axis=1)
    if not known.any():
        return None
    figures: dict[str, tuple[float, float]] = {}
    for unit, values in rows.items():
        for kind, part in (("absolute", np.abs(values[known])), ("signed", values[known])):
            figures[f"{kind}_mean_{unit}"] = _pair(part.mean(axis=0))
            figures[f"{kind}_sd_{unit}"] = _pair(part.std(axis=0))
    del figures["signed_mean_norm"], figures["signed_sd_norm"]
    return CalibrationSummary(int(known.sum()), **figures)


def mean_error_norm(errors: Sequence[CalibrationError], session: str) -> tuple[float, float] | None:
    """Mean signed error (x, y) of a session's targets in fractions of the screen; None without a target."""
    known = [(error.x_norm, error.y_norm) for error in errors if error.session == session]
    known = [pair for pair in known if np.isfinite(pair).all()]
    return _pair(np.mean(known, axis=0)) if known else None


def calibration_record(errors: Sequence[CalibrationError]) -> dict[str, Any]:
    """Plain values for the provenance: every target, all together, and each session."""
    by_session: dict[str, list[CalibrationError]] = {}
    for error in errors:
        by_session.setdefault(error.session, []).append(error)
    overall = summary(errors)
    parts = {session: summary(group) for session, group in by_session.items()}
    return {
        "targets": [plain_json(asdict(error)) for error in errors],
        "all": _lists(overall),
        "sessions": {session: _lists(part) for session, part in parts.items()},
    }


def _pair(values: Any) -> tuple[float, float]:
    return float(values[0]), float(values[1])


def _lists(figures: CalibrationSummary | None) -> dict[str, Any] | None:
    if figures is None:
        return None
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(figures).items()}
