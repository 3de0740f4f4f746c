"""What the simulated reader understands: targets, scripted gaze, trials, the image on the screen. Pixels and times.

Nothing else reaches the simulated eye: neither the scan nor the script, so that its truth is no copy of the analysis.
"""

from __future__ import annotations

import math
from typing import Any

from ctgaze_app.gaze.views import PaintedView
from models.simulation.reader import SimulatedReader

FREE_VIEWING_AFTER_S = 2.0
_TARGET_EVENTS = ("calibration_target", "validation_target", "drift_check")

Rect = tuple[float, float, float, float]


class ReaderInstructions:
    """Turns markers and views into instructions to a `SimulatedReader`.

    A target that is shown is looked at until the next one, or until it is hidden. `scripted_gaze` is looked at until
    the next instruction or the end of the trial: its `duration_s` says when the script means to go on, not when the
    eye leaves.
    A trial that has run for `FREE_VIEWING_AFTER_S` without any `scripted_gaze` is viewed freely inside the image's pane
    when `free_viewing` is on. Otherwise the eye rests.
    """

    def __init__(self, reader: SimulatedReader, screen_px: tuple[int, int], *, free_viewing: bool = True) -> None:
        self._reader = reader
        self._screen_px = screen_px
        self._free_viewing = free_viewing
        self._trial_since: float | None = None
        self._scripted = False
        self._panes: dict[int, Rect] = {}
        self._exploring: Rect | None = None
        self._at_target = False

    def marker(self, fields: dict[str, Any], time_lsl: float) -> None:
        """Obey one marker, stamped `time_lsl`; one without usable pixels is ignored, as a reader would."""
        event = fields.get("event")
        if event in _TARGET_EVENTS:
            self._target(fields, time_lsl)
        elif event == "scripted_gaze":
            place = _place_px(fields)
            if place is not None:
                self._scripted, self._exploring, self._at_target = True, None, False
                self._reader.instruct(place, time_lsl, id=str(fields.get("id", "")))
        elif event == "trial_start":
            self._trial_since, self._scripted, self._exploring = time_lsl, False, None
        elif event in ("trial_end", "session_end"):
            self._trial_since, self._scripted, self._exploring, self._at_target = None, False, None, False
            self._panes.clear()
            self._reader.rest(time_lsl)

    def view(self, view: PaintedView) -> None:
        """Note where an image is on the screen now."""
        rect = _visible_rect(view.pane_rect_px, self._screen_px) if view.image_visible else None
        if rect is None:
            self._panes.pop(view.pane, None)
        else:
            self._panes[view.pane] = rect

    def tick(self, now_lsl: float) -> None:
        """Begin, move or end free viewing as time goes by."""
        if not self._free_viewing or self._trial_since is None or self._scripted or self._at_target:
            return
        if now_lsl - self._trial_since < FREE_VIEWING_AFTER_S:
            return
        rect = next(iter(self._panes.values()), None)
        if rect == self._exploring:
            return
        self._exploring = rect
        if rect is None:
            self._reader.rest(now_lsl)
        else:
            self._reader.explore(rect, now_lsl)

    def _target(self, fields: dict[str, Any], time_lsl: float) -> None:
        phase = fields.get("phase")
        place = _place_px(fields)
        if phase == "shown" and place is not None:
            self._at_target, self._exploring = True, None
            self._reader.instruct(place, time_lsl)
        elif phase == "hidden" and self._at_target:
            self._at_target = False
            self._reader.rest(time_lsl)


def _place_px(fields: dict[str, Any]) -> tuple[float, float] | None:
    place = (fields.get("x_screen_px"), fields.get("y_screen_px"))
    if any(
        isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) for value in place
    ):
        return None
    return float(place[0]), float(place[1])  # type: ignore[arg-type]


def _visible_rect(rect: Rect, screen_px: tuple[int, int]) -> Rect | None:
    """The part of `rect` (x, y, width, height) that is on the screen, None when there is none."""
    if not all(math.isfinite(value) for value in rect):
        return None
    left, top = max(rect[0], 0.0), max(rect[1], 0.0)
    right, bottom = min(rect[0] + rect[2], float(screen_px[0])), min(rect[1] + rect[3], float(screen_px[1]))
    return (left, top, right - left, bottom - top) if right - left > 1 and bottom - top > 1 else None
