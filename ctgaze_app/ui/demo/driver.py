"""Drives the real journey with real events, as a user would, from an empty folder to replay."""

from __future__ import annotations

import tempfile
from pathlib import Path

from platformdirs import user_cache_path, user_documents_path
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QApplication, QWidget

from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.acquisition.microphone import AudioSource
from ctgaze_app.errors import CTGazeError
from ctgaze_app.study.demo_case import make_demo_case
from ctgaze_app.study.session import session_code
from ctgaze_app.ui.background import BackgroundJob
from ctgaze_app.ui.case_request import CaseRequest, TrackerChoice
from ctgaze_app.ui.demo.figures import TRUTH_FOLDER, DemoFigures, LiveFigures, gather_figures
from ctgaze_app.ui.demo.options import NOISE_RMS_S2S_DEG, DemoOptions
from ctgaze_app.ui.demo.scripted_reader import ScriptedReader
from ctgaze_app.ui.demo.stand_in_sound import write_stand_in_sound
from ctgaze_app.ui.journey import Journey, Stage
from ctgaze_app.ui.main_window import MainWindow
from models.simulation.script import ReadingPlan, plan_reading

GUIDED_PAUSE_MS = 3000
HEADLESS_PAUSE_MS = 200
BEFORE_CALIBRATION_S = 60.0
"""The stand-in sound starts with the recorder and must outlast calibration; it is recorded during the trial only."""


class DemoDriver(QObject):
    """Makes the case, fills in the request, presses the keys, follows the plan.

    Signals
    -------
    reported(str)
        One line per stage.
    journey_started(Journey)
        Before its first step.
    ended()
        After replay is open and the figures are known (headless: or after a failure).
    """

    reported = Signal(str)
    journey_started = Signal(object)
    ended = Signal()

    def __init__(self, window: MainWindow, options: DemoOptions, *, guided: bool, scratch: Path | None = None) -> None:
        super().__init__(window)
        self._window, self._options, self._guided = window, options, guided
        # Windows deletes no file that the recorder still has open; the system cleans its temporary folder later.
        self._scratch_owner = (
            tempfile.TemporaryDirectory(prefix="ctgaze_demo_", ignore_cleanup_errors=True) if scratch is None else None
        )
        self._scratch = scratch or Path(self._scratch_owner.name)  # type: ignore[union-attr]
        self._job: BackgroundJob | None = None
        self._plan: ReadingPlan | None = None
        self._reader: ScriptedReader | None = None
        self._journey: Journey | None = None
        self.figures: DemoFigures | None = None
        self.problem: CTGazeError | None = None

    @property
    def journey(self) -> Journey | None:
        """The journey under way."""
        return self._journey

    def start(self) -> None:
        """Make the demo case (once), then read it."""
        if self._options.case is not None:
            self._read(self._options.case)
            return
        self.reported.emit("making a chest CT")
        self._window.waiting.show_wait("Making a chest CT", "A procedural thorax with a few nodules, written as DICOM")
        self._window.show_page(self._window.waiting)
        folder = user_cache_path("ctgaze", ensure_exists=True) / "demo_case"
        self._job = BackgroundJob(lambda progress, cancelled: make_demo_case(folder, progress=progress), self)
        self._job.progressed.connect(self._window.waiting.show_progress)
        self._job.succeeded.connect(self._read)
        self._job.failed.connect(self._failed)
        self._job.start()

    def stop(self) -> None:
        """Leave the demo where it is."""
        if self._job is not None:
            self._job.leave()
        if self._reader is not None:
            self._reader.stop()
        if self._scratch_owner is not None:
            self._scratch_owner.cleanup()
            self._scratch_owner = None

    def interrupt(self) -> None:
        """Ctrl+C: end now; closing the window then ends the session in order."""
        self._failed("stopped; what was recorded until now is in the session folder")

    def _read(self, case: Path) -> None:
        options = self._options
        sound = write_stand_in_sound(self._scratch / "stand_in.wav", options.seconds + BEFORE_CALIBRATION_S)
        folder = options.out or user_documents_path() / "CTGaze" / session_code(options.reader)
        self.reported.emit(f"session folder: {folder}")
        request = CaseRequest(
            ct_path=case,
            session_folder=folder,
            tracker=TrackerChoice("simulate", rate_hz=options.tracker_rate_hz, noise_rms_s2s_deg=NOISE_RMS_S2S_DEG),
            reader=options.reader,
            case="demo-1",
            audio=AudioSource(kind="file", name=str(sound)),
            seed=options.seed,
        )
        journey = self._window.read_case(request, before_start=self._follow)
        self._journey = journey

    def _follow(self, journey: Journey) -> None:
        journey.stage_changed.connect(self._stage_changed)
        journey.failed.connect(self._failed)
        journey.left.connect(lambda: self._failed("the demo was left before its end"))
        journey.page_shown.connect(self._page_shown)
        journey.fault_told.connect(self.reported)
        journey.finished.connect(self._finished)
        self._journey = journey
        self.journey_started.emit(journey)

    def _page_shown(self, page: QWidget, key: int) -> None:
        """Press the key that goes on, after a time to read the page."""
        pause = GUIDED_PAUSE_MS if self._guided else HEADLESS_PAUSE_MS
        QTimer.singleShot(pause, page, lambda: press(page, Qt.Key(key)))

    def _stage_changed(self, stage: Stage) -> None:
        self.reported.emit(stage.value)
        journey = self._journey
        if journey is None:
            return
        if stage is Stage.CONNECTING:
            shape = journey.volumes[0].shape_kji
            try:
                self._plan = plan_reading(shape, seconds=self._options.seconds, seed=self._options.seed)
            except ValueError as error:
                self._failed(f"--seconds: {error}")
        elif stage is Stage.CALIBRATING and self._plan is not None:
            self._plan.write(journey.folder / TRUTH_FOLDER / "plan.json")
        elif stage is Stage.READING:
            assert journey.room is not None and self._plan is not None
            self._reader = ScriptedReader(journey.room.view, self._plan, self._look, local_clock, self)
            self._reader.finished.connect(self._read_to_end)
            self._reader.failed.connect(self._failed)
            self._reader.start()

    def _look(self, name: str, x_px: float, y_px: float, hold_s: float) -> None:
        if self._journey is not None and self._journey.session is not None:
            self._journey.session.mark("scripted_gaze", id=name, x_screen_px=x_px, y_screen_px=y_px, duration_s=hold_s)

    def _read_to_end(self) -> None:
        journey, reader = self._journey, self._reader
        assert journey is not None and journey.room is not None and reader is not None
        reader.write_log(journey.folder / TRUTH_FOLDER / "script_log.csv")
        press(journey.room, Qt.Key.Key_Space)

    def _finished(self, folder: Path) -> None:
        journey, reader = self._journey, self._reader
        assert journey is not None and journey.session is not None and journey.flow is not None and reader is not None
        live = LiveFigures(
            ready_lsl=journey.session.ready_lsl,
            stop_lsl=journey.session.stop_lsl,
            views_painted=journey.views_painted,
            slices_requested=journey.slices_requested,
            slices_requested_not_painted=journey.slices_requested_not_painted,
            raw_accuracy_deg=journey.flow.raw_accuracy_deg,
            validation_accuracy_deg=journey.flow.validation_accuracy_deg,
            scrolls_lsl=tuple((start, end) for _, start, end in reader.scrolls_lsl),
        )
        self._job = BackgroundJob(
            lambda progress, cancelled: gather_figures(folder, live, noise_rms_s2s_deg=NOISE_RMS_S2S_DEG), self
        )
        self._job.succeeded.connect(self._known)
        self._job.failed.connect(self._failed)
        self._job.start()

    def _known(self, figures: DemoFigures) -> None:
        self.figures = figures
        if self._window.workspace is not None:
            self._show_replay()
        else:
            self._window.review_opened.connect(self._show_replay, Qt.ConnectionType.SingleShotConnection)

    def _show_replay(self) -> None:
        if self._guided and self._window.workspace is not None:
            self._window.workspace.player.toggle()
            self._window.workspace.predict_usual()
        self.ended.emit()

    def _failed(self, line: str) -> None:
        if self._reader is not None:
            self._reader.stop()
        self.problem = CTGazeError(line)
        if self._guided:
            if self._journey is not None:
                self._journey.stop()
            self._window.waiting.show_problem("The demo stopped", line)
            self._window.show_page(self._window.waiting)
        self.ended.emit()


def press(widget: QWidget, key: Qt.Key) -> None:
    """One real key press and release."""
    for kind in (QEvent.Type.KeyPress, QEvent.Type.KeyRelease):
        QApplication.sendEvent(widget, QKeyEvent(kind, key, Qt.KeyboardModifier.NoModifier))
