"""The reference mask of the case under review: read in a thread, from a chosen file or one beside the session."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from ctgaze_app.ct.volume import Volume
from ctgaze_app.study.reference_masks import ReferenceMask, read_reference, stored_reference
from ctgaze_app.ui.background import BackgroundJob, Progress


class ReferenceControl(QObject):
    """Holds one reference mask at a time; `changed` says that it, the wait or the problem is another."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.mask: ReferenceMask | None = None
        self.problem = ""
        self.visible = True
        self._volume: Volume | None = None
        self._job: BackgroundJob | None = None
        self._kept: dict[str, ReferenceMask] = {}

    @property
    def busy(self) -> bool:
        """Whether a file is being read."""
        return self._job is not None

    def open_case(self, session: Path, case: str, volume: Volume | None) -> None:
        """Another case: what was loaded for it before, else what lies with the session."""
        self.close()
        self._volume, self.problem = volume, ""
        self.mask = self._kept.get(volume.digest) if volume is not None else None
        stored = stored_reference(session, case) if self.mask is None else None
        if stored is not None:
            self.load(stored)
        self.changed.emit()

    def load(self, path: Path) -> None:
        """Read a file for the volume that is shown."""
        volume = self._volume
        if volume is None or self.busy:
            return
        self.problem = ""

        def work(_progress: Progress, _cancelled: Callable[[], bool]) -> ReferenceMask:
            return read_reference(path, volume)

        self._job = BackgroundJob(work, self)
        self._job.succeeded.connect(self._have)
        self._job.failed.connect(self._failed)
        self._job.start()
        self.changed.emit()

    def set_visible(self, visible: bool) -> None:
        """Show or hide its outline."""
        if visible != self.visible:
            self.visible = visible
            self.changed.emit()

    def close(self) -> None:
        """Leave a file that is still read."""
        if self._job is not None:
            self._job.leave()
        self._job = None

    def _have(self, found: ReferenceMask) -> None:
        self._job, self.mask = None, found
        if self._volume is not None:
            self._kept[self._volume.digest] = found
        self.changed.emit()

    def _failed(self, line: str) -> None:
        self._job, self.problem = None, line
        self.changed.emit()
