"""The headless demo with its own log of what it sent, for runs that do not end well; run as a program.

Each line of the log is one JSON object with `kind` (stage, view, marker, fault, stalled, failed) and `lsl`, written
straight to the operating system, so that it survives a kill. Calibration targets are shown shorter than in the
product, nothing else differs. When a target screen says that no gaze arrives, the log says so and Esc is pressed.

Usage: python -m tests.journeys.logged_demo CASE SESSION LOG SECONDS
"""

from __future__ import annotations

import functools
import json
import os
import sys
from pathlib import Path
from typing import Any

from calibration.procedure import Timing
from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.errors import CTGazeError
from ctgaze_app.ui.demo.options import DemoOptions


def main(case: Path, session: Path, log: Path, seconds: float) -> int:
    """Run it; 0 when it reached replay, else 1 with one line."""
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def tell(kind: str, lsl: float | None = None, **fields: Any) -> None:
        line = json.dumps({"kind": kind, "lsl": local_clock() if lsl is None else lsl, **fields}, default=str)
        os.write(handle, line.encode() + b"\n")

    from PySide6.QtCore import Qt, QTimer

    from ctgaze_app.acquisition.streams import MarkerOutlet, ViewOutlet
    from ctgaze_app.ui.calibration import flow
    from ctgaze_app.ui.calibration.target_screen import STALLED_LINE, TargetScreen
    from ctgaze_app.ui.demo.driver import DemoDriver, press
    from ctgaze_app.ui.demo.runner import run_headless_demo
    from ctgaze_app.ui.journey import Journey, Stage

    flow.Timing = functools.partial(Timing, approach_s=0.2, shrink_s=0.2, collect_s=0.3)  # type: ignore[misc,assignment]
    push_view, push_marker, follow = ViewOutlet.push, MarkerOutlet.push, DemoDriver._follow

    def view(self: ViewOutlet, painted: Any, time_lsl: float) -> None:
        push_view(self, painted, time_lsl)
        tell("view", time_lsl, paint=painted.paint)

    def marker(self: MarkerOutlet, event: str, **fields: Any) -> float:
        stamp = push_marker(self, event, **fields)
        tell("marker", stamp, event=event, fields=fields)
        return stamp

    def look_at_targets(journey: Journey) -> None:
        page = journey.flow._page if journey.flow is not None else None
        if isinstance(page, TargetScreen) and page.is_running and page.message == STALLED_LINE:
            tell("stalled", line=page.message)
            press(page, Qt.Key.Key_Escape)

    def followed(self: DemoDriver, journey: Journey) -> None:
        def staged(stage: Stage) -> None:
            process = journey._source.process if journey._source is not None else None
            recorder = journey.session._recorder.pid if journey.session is not None else None
            tell("stage", stage=stage.value, tracker=process.pid if process else None, recorder=recorder)

        journey.stage_changed.connect(staged)
        journey.fault_told.connect(lambda line: tell("fault", line=line))
        timer = QTimer(journey)
        timer.timeout.connect(lambda: look_at_targets(journey))
        timer.start(50)
        follow(self, journey)

    ViewOutlet.push, MarkerOutlet.push, DemoDriver._follow = view, marker, followed  # type: ignore[method-assign,assignment]
    try:
        run_headless_demo(DemoOptions(case=case, out=session, seconds=seconds), _say)
    except CTGazeError as error:
        tell("failed", line=str(error))
        sys.stderr.write(f"ctgaze: {error}\n")
        return 1
    finally:
        os.close(handle)
    return 0


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]), float(sys.argv[4])))
