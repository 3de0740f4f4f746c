"""Everything that a session needs, on one page: CT or picture, gaze stream, sound, screen, reader, folder."""

from __future__ import annotations

import secrets
from pathlib import Path

from platformdirs import user_documents_path
from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from calibration.geometry import ScreenGeometry
from ctgaze_app.acquisition.inlet import GazeStreamInfo, list_gaze_streams
from ctgaze_app.acquisition.microphone import AudioSource, list_sources
from ctgaze_app.ct import list_series
from ctgaze_app.study.session import is_code, session_code
from ctgaze_app.ui.background import BackgroundJob
from ctgaze_app.ui.case_request import CaseRequest, TrackerChoice
from ctgaze_app.ui.gaze_source import look_into_stream
from ctgaze_app.ui.screens import reported_size_mm, size_px
from ctgaze_app.ui.widgets.centred_column import centred_column

BUILT_IN = (
    (TrackerChoice("simulate"), "Simulated eye (built in, for trying out)"),
    (TrackerChoice("mouse"), "The mouse is the eye (built in, for trying out)"),
)
STREAM_WAIT_S = 2.0
PICTURES = "*.dcm *.dicom *.png *.jpg *.jpeg *.tif *.tiff"
COLUMN_WIDTH = 720
ASSUMED_SIZE_MM = (528.0, 297.0)
"""A 23.8 inch monitor, where none reports its size."""


class SetupPage(QWidget):
    """Asks, checks and emits a `CaseRequest`; says beside each field what is wrong."""

    start_requested = Signal(object)
    cancelled = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._jobs: dict[str, BackgroundJob] = {}
        self.ct_path = QLineEdit()
        self.ct_path.setPlaceholderText("Folder with the DICOM files of one CT, or a picture")
        self.ct_path.editingFinished.connect(self._look_for_series)
        self.series = QComboBox()
        self.series.setEnabled(False)
        self.tracker = QComboBox()
        self._streams: dict[str, GazeStreamInfo] = {}
        self.tracker_note = _note()
        self.sound = QComboBox()
        self.reader = QLineEdit("reader-1")
        self.reader.editingFinished.connect(self._suggest_folder)
        self._suggested = ""
        self.case = QLineEdit("case-1")
        self.folder = QLineEdit()
        self.calibrate_with = _patterns(0)
        self.validate_with = _patterns(1)
        self.width_mm = _millimetres(50, 3000)
        self.height_mm = _millimetres(50, 3000)
        self.distance_mm = _millimetres(200, 3000)
        self.distance_mm.setValue(650)
        self.screen_note = _note()
        self.problem = QLabel()
        self.problem.setObjectName("problem")
        self.problem.setWordWrap(True)
        self.start = QPushButton("Start")
        self.start.setObjectName("primary")
        self.start.clicked.connect(self._start)
        self._size_source: str = "assumed"
        self._build()
        self.width_mm.valueChanged.connect(self._size_entered)
        self.height_mm.valueChanged.connect(self._size_entered)
        self.tracker.currentIndexChanged.connect(self._tracker_chosen)

    def _build(self) -> None:
        title = QLabel("Read a case")
        title.setObjectName("title")
        form = QFormLayout()
        form.setSpacing(8)
        form.setHorizontalSpacing(24)
        form.setLabelAlignment(Qt.AlignmentFlag.AlignRight)
        form.addRow(
            "CT or picture",
            _row(
                self.ct_path,
                self._button("Browse…", self._browse_ct),
                self._button("Picture…", self._browse_picture),
            ),
        )
        form.addRow("Series", self.series)
        form.addRow("Gaze stream", _row(self.tracker, self._button("Look again", self.look_for_streams)))
        form.addRow("", self.tracker_note)
        form.addRow("Sound", _row(self.sound, self._button("WAV file…", self._browse_sound)))
        form.addRow("Calibrate with", self.calibrate_with)
        form.addRow("Validate with", self.validate_with)
        form.addRow(
            "Screen",
            _row(self.width_mm, QLabel("×"), self.height_mm, QLabel("seen from"), self.distance_mm, stretch=True),
        )
        form.addRow("", self.screen_note)
        form.addRow("Reader code", self.reader)
        form.addRow("Case code", self.case)
        form.addRow("Session folder", _row(self.folder, self._button("Browse…", self._browse_folder)))
        buttons = QHBoxLayout()
        back = self._button("Back", self.cancelled.emit)
        back.setObjectName("")
        buttons.addWidget(back)
        buttons.addStretch()
        buttons.addWidget(self.start)
        column = centred_column(self, COLUMN_WIDTH)
        column.addWidget(title)
        column.addLayout(form)
        column.addWidget(self.problem)
        column.addLayout(buttons)

    def open(self, ct_path: Path | None = None) -> None:
        """Fill the page anew and look for series, streams and sound."""
        self.problem.clear()
        if ct_path is not None:
            self.ct_path.setText(str(ct_path))
            self._look_for_series()
        self._suggested = ""
        self.folder.clear()
        self._suggest_folder()
        self._fill_screen()
        self._fill_sound()
        self._fill_streams([])
        self.look_for_streams()

    def _suggest_folder(self) -> None:
        """Name the folder after the reader, unless the user has chosen one."""
        if self.folder.text() == self._suggested and is_code(self.reader.text()):
            self._suggested = str(user_documents_path() / "CTGaze" / session_code(self.reader.text()))
            self.folder.setText(self._suggested)

    def shut(self) -> None:
        """Stop whatever is being looked for."""
        for purpose in tuple(self._jobs):
            self._leave_job(purpose)

    def look_for_streams(self) -> None:
        """Ask LSL which gaze streams there are."""
        self.tracker_note.setText("Looking for gaze streams…")
        job = self._job("streams", lambda progress, cancelled: list_gaze_streams(STREAM_WAIT_S))
        job.succeeded.connect(self._fill_streams)
        job.failed.connect(self.tracker_note.setText)
        job.start()

    def request(self) -> CaseRequest:
        """The page's content, checked; raises ValueError with the line to show."""
        if not self.ct_path.text().strip():
            raise ValueError("Choose the folder of a CT, or a picture.")
        for name, field in (("reader", self.reader), ("case", self.case)):
            if not is_code(field.text()):
                raise ValueError(f"The {name} code may have letters, digits, - and _ only; it must not be a name.")
        if not self.folder.text().strip():
            raise ValueError("Choose a folder for the session.")
        return CaseRequest(
            ct_path=Path(self.ct_path.text().strip()),
            series=self.series.currentData() if self.series.isEnabled() else None,
            session_folder=Path(self.folder.text().strip()),
            reader=self.reader.text(),
            case=self.case.text(),
            tracker=self.tracker.currentData(),
            audio=self.sound.currentData(),
            calibrate_with=self.calibrate_with.currentData(),
            validate_with=self.validate_with.currentData(),
            seed=secrets.randbelow(2**31),
            width_mm=self.width_mm.value(),
            height_mm=self.height_mm.value(),
            distance_mm=self.distance_mm.value(),
            size_source=self._size_source,  # type: ignore[arg-type]  # one of three literals, set below
        )

    def _start(self) -> None:
        try:
            request = self.request()
        except ValueError as error:
            self.problem.setText(str(error))
            return
        self.problem.clear()
        self.start_requested.emit(request)

    def _job(self, purpose: str, work: object) -> BackgroundJob:
        """A job that replaces the one before it for the same purpose: only the last answer counts."""
        self._leave_job(purpose)
        job = BackgroundJob(work, self)  # type: ignore[arg-type]
        self._jobs[purpose] = job
        return job

    def _leave_job(self, purpose: str) -> None:
        job = self._jobs.pop(purpose, None)
        if job is not None:
            job.leave()
            job.setParent(None)

    def _look_for_series(self) -> None:
        path = Path(self.ct_path.text().strip())
        self.series.clear()
        self.series.setEnabled(False)
        self._leave_job("series")
        if not self.ct_path.text().strip():
            return
        self.series.addItem("Looking…", None)
        job = self._job("series", lambda progress, cancelled: list_series(path))
        job.succeeded.connect(self._fill_series)
        job.failed.connect(self._series_failed)
        job.start()

    def _fill_series(self, found: object) -> None:
        self.series.clear()
        self.problem.clear()
        for index, summary in enumerate(found):  # type: ignore[arg-type, var-annotated]
            self.series.addItem(str(summary), index)
        self.series.setEnabled(self.series.count() > 1)

    def _series_failed(self, line: str) -> None:
        self.series.clear()
        self.problem.setText(line)

    def _fill_streams(self, streams: list[GazeStreamInfo]) -> None:
        self.tracker.blockSignals(True)
        self.tracker.clear()
        names = [stream.name for stream in streams]
        for stream in streams:
            twin = f", source {stream.source_id}" if names.count(stream.name) > 1 else ""
            text = f"{stream.name} ({stream.rate_hz:g} Hz, {stream.hostname}{twin})"
            self.tracker.addItem(text, TrackerChoice("stream", source_id=stream.source_id))
        for choice, text in BUILT_IN:
            self.tracker.addItem(text, choice)
        self.tracker.blockSignals(False)
        self._streams = {stream.source_id: stream for stream in streams}
        self._tracker_chosen()

    def _tracker_chosen(self) -> None:
        """Say how the chosen stream will be read, from what it sends now."""
        self._leave_job("look")
        choice = self.tracker.currentData()
        stream = self._streams.get(choice.source_id) if choice is not None else None
        if stream is None:
            self.tracker_note.setText(
                "" if self._streams else "No gaze stream found. Start your tracker's LSL sender, then look again."
            )
            return
        self.tracker_note.setText("Looking at what the stream sends…")
        geometry = self._geometry()
        job = self._job("look", lambda progress, cancelled: look_into_stream(stream, geometry, cancelled))
        job.succeeded.connect(self.tracker_note.setText)
        job.failed.connect(self.tracker_note.setText)
        job.start()

    def _geometry(self) -> ScreenGeometry:
        width_px, height_px = size_px(self.screen() or QGuiApplication.primaryScreen())
        return ScreenGeometry(
            width_px, height_px, self.width_mm.value(), self.height_mm.value(), self.distance_mm.value()
        )

    def _fill_sound(self) -> None:
        self.sound.clear()
        self.sound.addItem("No sound", None)
        # The system's sound libraries take up to seconds to look for devices.
        job = self._job("sound", lambda progress, cancelled: list_sources())
        job.succeeded.connect(self._add_microphones)
        job.failed.connect(self.problem.setText)
        job.start()

    def _add_microphones(self, sources: list[AudioSource]) -> None:
        for source in sources:
            self.sound.addItem(source.name, source)

    def _fill_screen(self) -> None:
        reported = reported_size_mm(self.screen() or QGuiApplication.primaryScreen())
        width_mm, height_mm = reported or ASSUMED_SIZE_MM
        self.width_mm.setValue(width_mm)
        self.height_mm.setValue(height_mm)
        self._size_source = "reported" if reported else "assumed"
        self.screen_note.setText(
            "Size as the monitor reports it; measure it once, monitors err."
            if reported
            else "The monitor does not report its size: measure the visible area and enter it."
        )

    def _size_entered(self) -> None:
        self._size_source = "entered"

    def _browse_ct(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder with DICOM files", self.ct_path.text())
        if chosen:
            self.ct_path.setText(chosen)
            self._look_for_series()

    def _browse_picture(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            self,
            "Radiograph or picture",
            str(Path(self.ct_path.text()).parent),
            f"Pictures ({PICTURES});;All files (*)",
        )
        if chosen:
            self.ct_path.setText(chosen)
            self._look_for_series()

    def _browse_folder(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Folder for the session", str(Path(self.folder.text()).parent))
        if chosen:
            self.folder.setText(str(Path(chosen) / session_code(self.reader.text() or "reader-1")))

    def _browse_sound(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "WAV file instead of a microphone", "", "WAV (*.wav)")
        if chosen:
            self.sound.addItem(f"File: {Path(chosen).name}", AudioSource(kind="file", name=chosen))
            self.sound.setCurrentIndex(self.sound.count() - 1)

    def _button(self, text: str, act: object) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName("beside")
        button.clicked.connect(lambda: act())  # type: ignore[operator]
        return button


def _note() -> QLabel:
    label = QLabel()
    label.setObjectName("secondary")
    label.setWordWrap(True)
    return label


def _patterns(chosen: int) -> QComboBox:
    box = QComboBox()
    box.addItem("9 points", "grid")
    box.addItem("Random dots", "random")
    box.setCurrentIndex(chosen)
    return box


def _millimetres(low: float, high: float) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setRange(low, high)
    box.setDecimals(0)
    box.setSuffix(" mm")
    box.setAlignment(Qt.AlignmentFlag.AlignCenter)
    return box


def _row(*widgets: QWidget, stretch: bool = False) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(8)
    for index, widget in enumerate(widgets):
        row.addWidget(widget, stretch=1 if index == 0 and not stretch else 0)
    if stretch:
        row.addStretch()
    return row
