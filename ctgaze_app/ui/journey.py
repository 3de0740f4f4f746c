"""From a CT or a picture to replay: load, connect, record, calibrate, validate, read, process. One case, one reader."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from ctgaze_app.acquisition.streams import MarkerOutlet, ViewOutlet
from ctgaze_app.ct import load_series
from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import CTGazeError
from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.study.finishing import finish_session
from ctgaze_app.study.live import LiveSession, SessionState
from ctgaze_app.study.session import ScreenRecord, create_session_folder, discard_empty_session_folder
from ctgaze_app.study.session_settings import SessionSettings
from ctgaze_app.ui.background import BackgroundJob
from ctgaze_app.ui.calibration.flow import CalibrationFlow, PageHost
from ctgaze_app.ui.case_request import CaseRequest
from ctgaze_app.ui.gaze_source import GazeSource, open_gaze_source
from ctgaze_app.ui.instruction_page import InstructionPage, how_to_move
from ctgaze_app.ui.progress_page import ProgressPage
from ctgaze_app.ui.reading.room import ReadingRoom
from ctgaze_app.ui.screens import is_same_screen, screen_record

POLL_MS = 50
BLANK_MS = 100
"""After the last case the empty screen is painted, and so recorded, before the page changes."""

CLOSING_AT_MOST_MS = 60_000
"""A recorder that has not closed by then is ended; what it has flushed stays."""


class Stage(Enum):
    """Where a journey is."""

    NEW = "new"
    LOADING = "loading"
    CONNECTING = "connecting"
    OPENING = "opening"
    CALIBRATING = "calibrating"
    READING_INTRO = "reading intro"
    READING = "reading"
    CLOSING = "closing"
    PROCESSING = "processing"
    DONE = "done"
    STOPPED = "stopped"


class Host(PageHost, Protocol):
    """What a journey needs of the window."""

    waiting: ProgressPage


class Journey(QObject):
    """Owns everything that lives as long as one session.

    Signals
    -------
    stage_changed(Stage), finished(Path) with the session folder, failed(str) with one line, left() when the user left,
    page_shown(QWidget, int) when a page waits for the user, with the key that goes on; fault_told(str) one line for the
    coordinator while the reader is left in peace.
    """

    stage_changed = Signal(object)
    finished = Signal(object)
    failed = Signal(str)
    left = Signal()
    page_shown = Signal(object, int)
    fault_told = Signal(str)

    def __init__(self, request: CaseRequest, host: Host) -> None:
        super().__init__()
        self.request = request
        self.folder = request.session_folder
        self.volumes: Mapping[int, Volume] = {}
        self.stage = Stage.NEW
        self.session: LiveSession | None = None
        self.room: ReadingRoom | None = None
        self.flow: CalibrationFlow | None = None
        self.instruction: InstructionPage | None = None
        self.screen: ScreenRecord | None = None
        self._host = host
        self._source: GazeSource | None = None
        self._markers: MarkerOutlet | None = None
        self._views: ViewOutlet | None = None
        self._job: BackgroundJob | None = None
        self._why_closing = self._problem = self._last_fault = ""
        self._owns_folder = self._stopping = self._away = False
        self.views_painted = self.slices_requested = self.slices_requested_not_painted = 0
        self._poll = QTimer(self)
        self._poll.setInterval(POLL_MS)
        self._poll.timeout.connect(self._tick)

    def start(self) -> None:
        """Make the session folder, then load what is to be read."""
        try:
            create_session_folder(self.folder)
            self._owns_folder = True
        except CTGazeError as error:
            self._set_stage(Stage.STOPPED)
            self.failed.emit(str(error))
            return
        self._wait(Stage.LOADING, "Loading the images", "All of them are read before reading starts")
        path, series = self.request.ct_path, self.request.series
        self._run(
            lambda progress, cancelled: load_series(path, series=series, progress=progress, cancelled=cancelled),
            self._loaded,
        )

    def _loaded(self, volume: Volume) -> None:
        self.volumes = {0: volume}
        self._wait(Stage.CONNECTING, "Connecting the eye tracker", "Looking for the gaze stream on this machine")
        request = self.request
        self.screen = screen_record(
            self._host.waiting.screen(),
            width_mm=request.width_mm,
            height_mm=request.height_mm,
            distance_mm=request.distance_mm,
            size_source=request.size_source,
        )
        self._markers, self._views = MarkerOutlet(), ViewOutlet()
        markers, views, screen = self._markers, self._views, self.screen
        self._run(
            lambda progress, cancelled: open_gaze_source(
                request.tracker,
                screen,
                seed=request.seed,
                truth_folder=request.session_folder / "simulated",
                markers_source_id=markers.source_id,
                views_source_id=views.source_id,
                cancelled=cancelled,
            ),
            self._connected,
            let_go=GazeSource.close,
        )

    def _connected(self, source: GazeSource) -> None:
        self._source = source
        assert self.screen is not None and self._markers is not None and self._views is not None
        self._wait(Stage.OPENING, "Starting the recorder", "Waiting until every stream is being recorded")
        self.session = LiveSession(
            SessionSettings(
                folder=self.folder,
                reader=self.request.reader,
                seed=self.request.seed,
                screen=self.screen,
                tracker=source.stream,
                layout=source.layout,
                tracker_latency=source.latency,
                simulated=source.simulated,
                audio=self.request.audio,
            ),
            self._markers,
            self._views,
        )
        self.session.state_changed.connect(self._session_changed)
        self.session.sound_recording.connect(self._sound_recording)
        self.session.fault.connect(self._fault)
        self.session.open()
        self.session.add_series(self.volumes[0])
        self._poll.start()

    def _session_changed(self, state: SessionState) -> None:
        if state is SessionState.READY and self.stage is Stage.OPENING:
            self._calibrate()
        elif state is SessionState.CLOSED:
            self._let_go()
        elif state is SessionState.FAILED:
            self._fail(f"{self._last_fault or 'the recorder cannot run here'}; what had been written is safe")

    def _calibrate(self) -> None:
        assert self.session is not None and self._source is not None and self.screen is not None
        self._set_stage(Stage.CALIBRATING)
        self.flow = CalibrationFlow(self.request, self.session, self._source, self.screen, self.volumes[0], self._host)
        self.flow.finished.connect(self._calibrated)
        self.flow.left.connect(lambda: self.leave("left during calibration"))
        self.flow.failed.connect(self._fail)
        self.flow.page_shown.connect(self.page_shown)
        self.flow.start()

    def _calibrated(self) -> None:
        self._set_stage(Stage.READING_INTRO)
        lines = [how_to_move(self.volumes[0])]
        if self.request.audio is not None and self.request.audio.kind == "device":
            lines.append("Speak your findings as you read: you are being recorded.")
        page = InstructionPage("Read the case", (*lines, "Press Space when you are done."))
        page.proceed.connect(self._read)
        page.leave.connect(lambda: self.leave("left before reading"))
        self.instruction = page
        self._host.show_page(page, full_screen=True)
        self.page_shown.emit(page, int(Qt.Key.Key_Space))

    def _read(self) -> None:
        assert self.session is not None and self.flow is not None
        room = ReadingRoom()
        self.room = room
        room.view.painted.connect(self._painted)
        room.view.input_received.connect(self._input)
        room.next_requested.connect(self.finish_reading)
        room.leave_requested.connect(lambda: self.leave("left during reading"))
        trial = self.session.start_trial(
            self.request.case,
            [0],
            calibration=self.flow.calibration_number,
            validation=self.flow.validation_number,
        )
        room.open_case(self.volumes[0], trial=trial.number, series_index=0, case_number=1, n_cases=1)
        self._drop_instruction()
        self._host.show_page(room, full_screen=True)
        self._set_stage(Stage.READING)

    def finish_reading(self) -> None:
        """The reader is done with this case."""
        if self.stage is Stage.READING and self.session is not None and self.room is not None:
            self.session.end_trial("complete")
            self.room.clear()
            self._set_stage(Stage.CLOSING)
            QTimer.singleShot(BLANK_MS, self, lambda: self._close_session(""))

    def leave(self, reason: str) -> None:
        """Leave before the end: what is recorded stays, the session closes in order, nothing is processed."""
        if self.stage in {Stage.DONE, Stage.STOPPED}:
            self.left.emit()
        elif self.stage not in {Stage.CLOSING, Stage.PROCESSING}:
            self._close_session(reason)

    def _close_session(self, why: str) -> None:
        """End the recording in order, without holding the screen up, then `_let_go`; `why` is empty at a case's end."""
        self._why_closing = why
        if self._job is not None:
            self._job.leave()
        line = "Writing the last samples and packing the sound" if self.session else "Letting the eye tracker go"
        self._wait(Stage.CLOSING, "Closing the recording" if self.session else "Stopping", line, cancel=False)
        if self.flow is not None:
            self.flow.stop()
        self._drop_pages()
        if self.session is None or self.session.state in {SessionState.CLOSED, SessionState.FAILED}:
            self._let_go()
            return
        QTimer.singleShot(CLOSING_AT_MOST_MS, self, self._give_recorder_up)
        self.session.close()

    def _give_recorder_up(self) -> None:
        if self.session is not None and self.session.state is SessionState.CLOSING:
            self.session.shut_down(0.0)

    def _let_go(self) -> None:
        """Give tracker and streams back; a tracker takes up to seconds to go, so in the background."""
        self._poll.stop()
        if not self._stopping:
            left = self._job
            self._run(lambda progress, cancelled: self._release(left), self._ended)

    def _ended(self, _result: Any) -> None:
        self._discard_folder()
        if self._why_closing:
            self._set_stage(Stage.STOPPED)
            self.failed.emit(self._problem) if self._problem else self.left.emit()
            return
        self._wait(Stage.PROCESSING, "Finding fixations", "Gaze to voxels to fixations", cancel=False)
        broken = self.session is not None and self.session.manifest.state != "complete"
        self._run(lambda progress, cancelled: finish_session(self.folder, broken, progress), self._processed)

    def _processed(self, _result: Any) -> None:
        self._set_stage(Stage.DONE)
        self.finished.emit(self.folder)

    # What happens meanwhile.

    def stop(self) -> None:
        """Let go of everything at once and wait for it, as the application ends; what is recorded stays on disk."""
        self._stopping = True
        self._poll.stop()
        if self._job is not None:
            self._job.cancel()
        if self.flow is not None:
            self.flow.stop()
        if self.session is not None:
            self.session.shut_down()
        self._release()
        self._drop_pages()
        if self.stage not in {Stage.DONE, Stage.STOPPED}:
            self._set_stage(Stage.STOPPED)
        self._discard_folder()

    def _discard_folder(self) -> None:
        if self._owns_folder and self.session is None:
            discard_empty_session_folder(self.folder)

    def _sound_recording(self, recording: bool) -> None:
        if self.room is not None:
            self.room.set_dictating(recording)

    def _fault(self, _kind: str, line: str) -> None:
        self._last_fault = line
        self.fault_told.emit(line)

    def _tick(self) -> None:
        if self.session is not None:
            self.session.poll()
        if self.stage is Stage.READING and self._source is not None:
            self._source.inlet.pull()
            self._watch_monitor()

    def _painted(self, view: PaintedView, time_lsl: float) -> None:
        if self.session is not None:
            self.views_painted += 1
            # Moving to another monitor changes the pane's place, so each move is painted and passes here.
            self.session.painted(replace(view, image_visible=False) if self._is_away() else view, time_lsl)

    def _input(self, fields: dict[str, Any]) -> None:
        if self.session is not None and self.stage is Stage.READING:
            rest = dict(fields)
            time_lsl = rest.pop("time_lsl", None)
            self.session.mark("input", time_lsl=time_lsl, **rest)

    def _is_away(self) -> bool:
        return self.room is not None and self.screen is not None and not is_same_screen(self.room.screen(), self.screen)

    def _watch_monitor(self) -> None:
        """Gaze belongs to the tracked monitor: while the window is on another one nothing counts as seen."""
        away = self._is_away()
        if away == self._away or self.session is None:
            return
        self._away = away
        self.session.mark("pause" if away else "resume", reason="monitor")
        self.fault_told.emit(
            "the window left the tracked monitor: nothing counts as seen until it is back"
            if away
            else "the window is back on the tracked monitor"
        )

    def _run(self, work: Any, then: Any, *, let_go: Any = None) -> None:
        self._job = BackgroundJob(work, self, let_go=let_go)
        self._job.progressed.connect(self._host.waiting.show_progress)
        self._job.succeeded.connect(then)
        self._job.failed.connect(self._fail)
        self._job.start()

    def _wait(self, stage: Stage, title: str, line: str, *, cancel: bool = True) -> None:
        self._host.waiting.show_wait(title, line, cancellable=cancel)
        self._host.show_page(self._host.waiting)
        self._set_stage(stage)

    def _fail(self, line: str) -> None:
        """Say what went wrong once everything has been closed in order."""
        if self._problem or self._stopping:
            return
        self._problem = line
        if self.stage is Stage.PROCESSING:
            # Everything recorded is closed by now.
            self._set_stage(Stage.STOPPED)
            self.failed.emit(line)
        else:
            self._close_session("failed")

    def _release(self, left: BackgroundJob | None = None) -> None:
        """Wait for the job that was left, for the recorder's end and for the tracker's."""
        if left is not None:
            left.join()
        if self.session is not None:
            self.session.wait_for_recorder()
        held = (self._source, self._markers, self._views)
        self._source = self._markers = self._views = None
        for one in held:
            if one is not None:
                one.close()

    def _drop_instruction(self) -> None:
        if self.instruction is not None:
            self._host.drop_page(self.instruction)
            self.instruction = None

    def _drop_pages(self) -> None:
        self._drop_instruction()
        if self.flow is not None:
            self.flow.drop_pages()
        if self.room is not None:
            self.slices_requested = self.room.view.slices_requested
            self.slices_requested_not_painted = self.room.view.slices_requested_not_painted
            self._host.drop_page(self.room)
            self.room = None

    def _set_stage(self, stage: Stage) -> None:
        if stage is not self.stage:
            self.stage = stage
            self.stage_changed.emit(stage)
