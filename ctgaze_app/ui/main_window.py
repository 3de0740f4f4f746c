"""The one window: home, setup, the journey's pages and review, one at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QFileDialog, QMainWindow, QStackedWidget, QWidget

from ctgaze_app.study.loading import RecordedSession, open_session
from ctgaze_app.ui.background import BackgroundJob, wait_for_left_jobs
from ctgaze_app.ui.case_request import CaseRequest
from ctgaze_app.ui.home import HomePage
from ctgaze_app.ui.journey import Journey, Stage
from ctgaze_app.ui.progress_page import ProgressPage
from ctgaze_app.ui.review.workspace import ReviewWorkspace
from ctgaze_app.ui.setup_page import SetupPage

if TYPE_CHECKING:
    from ctgaze_app.ui.demo.driver import DemoDriver


class MainWindow(QMainWindow):
    """Shows one page at a time; full screen from calibration to the end of reading."""

    review_opened = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setWindowTitle("CTGaze")
        self.resize(1280, 800)
        self._stack = QStackedWidget()
        self.setCentralWidget(self._stack)
        self.home = HomePage()
        self.setup = SetupPage()
        self.waiting = ProgressPage()
        for page in (self.home, self.setup, self.waiting):
            self._stack.addWidget(page)
        self.journey: Journey | None = None
        self.demo: DemoDriver | None = None
        self.workspace: ReviewWorkspace | None = None
        self._job: BackgroundJob | None = None
        self._guests: list[QWidget] = []
        self._faults: list[str] = []
        self._full_screen = False
        self.statusBar().hide()
        self._windowed: QRect | None = None
        self.home.read_requested.connect(self.show_setup)
        self.home.review_requested.connect(self.review)
        self.home.demo_requested.connect(self._start_demo)
        self.setup.start_requested.connect(self.read_case)
        self.setup.cancelled.connect(self.show_home)
        self.waiting.cancelled.connect(self._cancel_wait)

    def show_page(self, page: QWidget, *, full_screen: bool = False) -> None:
        """Show a page, adding it when it is new; `full_screen` hides everything else on the monitor."""
        if self._stack.indexOf(page) < 0:
            self._stack.addWidget(page)
            self._guests.append(page)
        self._stack.setCurrentWidget(page)
        if full_screen != self._full_screen:
            self._full_screen = full_screen
            self._fill_screen() if full_screen else self._leave_full_screen()
        self.statusBar().setVisible(bool(self._faults) and not full_screen)
        page.setFocus(Qt.FocusReason.OtherFocusReason)

    def _fill_screen(self) -> None:
        """Cover the monitor, also where no window manager does it for us."""
        self._windowed = self.geometry()
        self.showFullScreen()
        self.setGeometry(self.screen().geometry())

    def _leave_full_screen(self) -> None:
        self.showNormal()
        if self._windowed is not None:
            self.setGeometry(self._windowed)

    def drop_page(self, page: QWidget) -> None:
        """Remove and delete a page that was added by `show_page`."""
        if page in self._guests:
            self._guests.remove(page)
            self._stack.removeWidget(page)
            page.deleteLater()

    def show_home(self) -> None:
        """Back to the first page."""
        self.setup.shut()
        self._close_workspace()
        self._faults.clear()
        self.show_page(self.home)

    def show_setup(self, ct_path: Path | None = None) -> None:
        """Ask what a session needs."""
        self.show_page(self.setup)
        self.setup.open(ct_path)

    def read_case(self, request: CaseRequest, before_start: Callable[[Journey], None] | None = None) -> Journey:
        """Start the journey from CT or picture to replay; `before_start` may connect to it first."""
        self.setup.shut()
        journey = Journey(request, self)
        if before_start is not None:
            before_start(journey)
        self.journey = journey
        journey.finished.connect(self.review)
        journey.failed.connect(self._journey_failed)
        journey.left.connect(self._journey_left)
        journey.fault_told.connect(self._tell_fault)
        self.statusBar().hide()
        self._faults.clear()
        journey.start()
        return journey

    def review(self, folder: Path | None = None) -> None:
        """Open a session for replay; asks for the folder when none is given."""
        if folder is None:
            chosen = QFileDialog.getExistingDirectory(self, "Folder of a recorded session")
            if not chosen:
                return
            folder = Path(chosen)
        self._close_workspace()
        self.waiting.show_wait("Opening the session", "Reading slices, gaze and sound")
        self.show_page(self.waiting)
        path = folder
        volumes = self.journey.volumes if self.journey is not None and self.journey.folder == path else None
        self._job = BackgroundJob(
            lambda progress, cancelled: open_session(path, volumes, progress=progress, cancelled=cancelled), self
        )
        self._job.progressed.connect(self.waiting.show_progress)
        self._job.succeeded.connect(self._show_review)
        self._job.failed.connect(self._review_failed)
        self._job.start()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Go from the screen at once, then stop everything in an orderly way and wait for it."""
        self.hide()
        if self._job is not None:
            self._job.leave()
        self.setup.shut()
        if self.journey is not None:
            self.journey.stop()
        self._end_demo()
        self._close_workspace()
        wait_for_left_jobs()
        super().closeEvent(event)

    def _show_review(self, session: RecordedSession) -> None:
        self.workspace = ReviewWorkspace(session)
        self.workspace.home_requested.connect(self.show_home)
        self.show_page(self.workspace)
        self.review_opened.emit()

    def _tell_fault(self, line: str) -> None:
        """Faults wait below the pages outside the reading room, where they would change the reader's screen."""
        self._faults.append(line)
        self.statusBar().showMessage("During the session: " + "; ".join(self._faults[-3:]))
        self.statusBar().setVisible(not self._full_screen)

    def _review_failed(self, line: str) -> None:
        self.waiting.show_problem("This session cannot be opened", line)

    def _journey_failed(self, line: str) -> None:
        self.waiting.show_problem("The session stopped", line)
        self.show_page(self.waiting)

    def _journey_left(self) -> None:
        self.show_home()

    def _cancel_wait(self) -> None:
        if self._job is not None:
            self._job.leave()
            self._job = None
        self._end_demo()
        if self.journey is not None and self.journey.stage not in {Stage.DONE, Stage.STOPPED}:
            self.journey.leave("cancelled")
        else:
            self.show_home()

    def _end_demo(self) -> None:
        if self.demo is not None:
            self.demo.stop()
            self.demo = None

    def _close_workspace(self) -> None:
        if self.workspace is not None:
            self.workspace.close_session()
            self.drop_page(self.workspace)
            self.workspace = None

    def _start_demo(self) -> None:
        from ctgaze_app.ui.demo.runner import start_guided_demo

        start_guided_demo(self)
