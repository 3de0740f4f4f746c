"""Calibrate, look at the result, validate on other dots, look at the result: as often as the user wants."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QWidget

from calibration.fit import Refit, fit_eyes
from calibration.procedure import GazeChunk, Procedure, TargetSamples, Timing, merge_samples
from calibration.record import build_record
from calibration.targets import grid_targets, random_targets, validation_targets
from calibration.validation import Validation, Verdict, judge, patient_mm, validate
from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.ct.volume import Volume
from ctgaze_app.study.live import LiveSession
from ctgaze_app.study.session import ScreenRecord
from ctgaze_app.ui.calibration.result_view import ResultView
from ctgaze_app.ui.calibration.target_screen import TargetScreen
from ctgaze_app.ui.case_request import CaseRequest, Pattern
from ctgaze_app.ui.gaze_source import GazeSource
from ctgaze_app.ui.instruction_page import InstructionPage

CALIBRATION_DOTS = 9
SETTLE_MS = 300
"""For the window to become full screen before the first target."""
VALIDATION_SEED_STEP = 7919
"""Validation dots are drawn with another seed than calibration dots."""


class PageHost(Protocol):
    """Shows one page at a time."""

    def show_page(self, page: QWidget, *, full_screen: bool = False) -> None: ...
    def drop_page(self, page: QWidget) -> None: ...


@dataclass(frozen=True, eq=False)
class _Measured:
    """One procedure's samples and what they show, as sent and as corrected."""

    kind: str
    pattern: Pattern
    samples: tuple[TargetSamples, ...]
    refits: dict[str, Refit]
    corrected: Validation
    raw: Validation
    verdict: Verdict


class CalibrationFlow(QObject):
    """Runs both procedures of one session and keeps what came of them.

    Attributes
    ----------
    refits
        Correction per eye in force; empty before the first calibration was accepted.
    calibration_number, validation_number
        Of the accepted records in `calibration/`.
    raw_accuracy_deg, validation_accuracy_deg
        Mean error on the validation dots of the gaze as sent and as corrected.

    Signals
    -------
    finished(), left(), failed(str) with one line, page_shown(QWidget, int) with the key that goes on.
    """

    finished = Signal()
    left = Signal()
    page_shown = Signal(object, int)
    failed = Signal(str)

    def __init__(
        self,
        request: CaseRequest,
        session: LiveSession,
        source: GazeSource,
        screen: ScreenRecord,
        volume: Volume,
        host: PageHost,
    ) -> None:
        super().__init__()
        self.refits: dict[str, Refit] = {}
        self.calibration_number: int | None = None
        self.validation_number: int | None = None
        self.raw_accuracy_deg = float("nan")
        self.validation_accuracy_deg = float("nan")
        self._request, self._session, self._source, self._host = request, session, source, host
        self._geometry = screen.geometry()
        self._mm_per_px = fitted_mm_per_px(volume, screen.width_px, screen.height_px) if volume.has_mm else None
        self._timing = Timing(tracker_latency_s=source.latency.latency_s)
        self._page: QWidget | None = None
        self._attempt = 0
        self._fit_targets: NDArray[np.float64] = np.empty((0, 2))

    def start(self) -> None:
        """Say what comes, then calibrate."""
        page = InstructionPage(
            "Calibration",
            (
                "Sit as you will sit while reading, and keep your head still.",
                f"Look at the middle of each dot until it goes: {CALIBRATION_DOTS} dots now, then "
                f"{self._request.validation_dots} others that test the result.",
            ),
        )
        page.proceed.connect(self.calibrate)
        page.leave.connect(self.left)
        self._show(page, Qt.Key.Key_Space)

    def stop(self) -> None:
        """Stop a running procedure without asking anything."""
        if isinstance(self._page, TargetScreen):
            self._page.blockSignals(True)
            self._page.stop()

    def drop_pages(self) -> None:
        """Give the page back."""
        if self._page is not None:
            self._host.drop_page(self._page)
            self._page = None

    def calibrate(self) -> None:
        """Show the calibration targets."""
        self._fit_targets = self._targets(self._request.calibrate_with)
        self._run("calibration_target", Procedure(self._fit_targets, self._timing), (), self._calibrated)

    def _calibrated(self, samples: tuple[TargetSamples, ...]) -> None:
        measured = self._measure("refit", self._request.calibrate_with, samples, fit_eyes(samples, self._geometry))
        view = ResultView(
            samples,
            measured.corrected,
            measured.verdict,
            raw=measured.raw,
            refits=measured.refits,
            title="Calibration: how well the fit meets its own dots",
        )

        def accept() -> None:
            self.refits = measured.refits
            self.calibration_number = self._keep(measured, accepted=True)
            self.validate()

        def repeat() -> None:
            self._keep(measured, accepted=False)
            self.calibrate()

        def repeat_dots(dots: list[int]) -> None:
            self._keep(measured, accepted=False)
            procedure = Procedure(self._fit_targets, self._timing, order=dots)
            self._run("calibration_target", procedure, samples, self._calibrated)

        self._offer(view, measured, accept, repeat, repeat_dots)

    def validate(self) -> None:
        """Show dots that the fit has not seen."""
        self._attempt += 1
        targets = validation_targets(
            self._request.validate_with,
            self._geometry,
            self._fit_targets,
            count=self._request.validation_dots,
            seed=self._request.seed + VALIDATION_SEED_STEP * self._attempt,
        )
        self._run("validation_target", Procedure(targets, self._timing), (), lambda s: self._validated(targets, s))

    def _validated(self, targets: NDArray[np.float64], samples: tuple[TargetSamples, ...]) -> None:
        measured = self._measure("validation", self._request.validate_with, samples, self.refits)
        verdict = measured.verdict
        view = ResultView(
            samples,
            measured.corrected,
            verdict,
            raw=measured.raw,
            refits=self.refits,
            patient_mm=patient_mm(verdict.accuracy_mm, self._geometry, self._mm_per_px) if self._mm_per_px else None,
            title="Validation",
        )

        def accept() -> None:
            self.validation_accuracy_deg = mean_error_deg(measured.corrected, verdict.eye)
            self.raw_accuracy_deg = mean_error_deg(measured.raw, verdict.eye)
            self.validation_number = self._keep(measured, accepted=True)
            self.drop_pages()
            self.finished.emit()

        def repeat() -> None:
            self._keep(measured, accepted=False)
            self.calibrate() if verdict.level == "repeat" else self.validate()

        def repeat_dots(dots: list[int]) -> None:
            self._keep(measured, accepted=False)
            procedure = Procedure(targets, self._timing, order=dots)
            self._run("validation_target", procedure, samples, lambda again: self._validated(targets, again))

        self._offer(view, measured, accept, repeat, repeat_dots)

    def _measure(
        self, kind: str, pattern: Pattern, samples: tuple[TargetSamples, ...], refits: dict[str, Refit]
    ) -> _Measured:
        rate = self._rate_hz()
        corrected = validate(samples, self._geometry, refits, nominal_rate_hz=rate)
        raw = validate(samples, self._geometry, nominal_rate_hz=rate)
        return _Measured(kind, pattern, samples, refits, corrected, raw, judge(corrected))

    def _keep(self, measured: _Measured, *, accepted: bool) -> int:
        return self._session.store_calibration(
            build_record(
                measured.kind,
                self._geometry,
                measured.samples,
                refits=measured.refits,
                validation=measured.corrected,
                raw_validation=measured.raw,
                verdict=measured.verdict,
                pattern=measured.pattern,
                eye=self._session.manifest.eye,
                accepted=accepted,
                first_trial=len(self._session.manifest.trials) + 1,
            )
        )

    def _targets(self, pattern: Pattern) -> NDArray[np.float64]:
        if pattern == "grid":
            return grid_targets(self._geometry, shuffle_seed=self._request.seed)
        return random_targets(self._geometry, CALIBRATION_DOTS, self._request.seed)

    def _run(self, kind: str, procedure: Procedure, before: Sequence[TargetSamples], then: Any) -> None:
        self._source.inlet.pull()
        page = TargetScreen(procedure, self._poll, local_clock, kind=kind)
        page.target_event.connect(self._mark)
        page.finished.connect(lambda samples: then(merge_samples(before, samples)))
        page.aborted.connect(self.left)
        self._show(page, None)
        QTimer.singleShot(SETTLE_MS, page, lambda: self._start_covering(page))

    def _start_covering(self, page: TargetScreen) -> None:
        """Start once the window has taken its place; targets beyond its edge could not be seen."""
        if page.size() == page.screen().size():
            page.start()
        else:
            self.failed.emit("the window does not cover the monitor, so not every target could be seen")

    def _poll(self) -> GazeChunk | None:
        samples = self._source.inlet.pull()
        if not len(samples):
            return None
        return samples.time_lsl, {
            name: (self._geometry.norm_to_px(eye.norm), eye.valid) for name, eye in samples.eyes.items()
        }

    def _mark(self, fields: dict[str, Any]) -> None:
        rest = dict(fields)
        self._session.mark(rest.pop("kind"), **rest)

    def _offer(self, view: ResultView, measured: _Measured, accept: Any, repeat: Any, repeat_dots: Any) -> None:
        def leave() -> None:
            self._keep(measured, accepted=False)
            self.left.emit()

        view.left.connect(leave)
        view.accepted.connect(accept)
        view.repeat_requested.connect(repeat)
        view.repeat_dots_requested.connect(repeat_dots)
        self._show(view, Qt.Key.Key_Space)

    def _show(self, page: QWidget, key: Qt.Key | None) -> None:
        old, self._page = self._page, page
        self._host.show_page(page, full_screen=True)
        if old is not None:
            self._host.drop_page(old)
        if key is not None:
            self.page_shown.emit(page, int(key))

    def _rate_hz(self) -> float | None:
        """What the stream really sends; senders are known to state wrong rates."""
        return self._source.inlet.effective_rate_hz or self._source.stream.rate_hz or None


def mean_error_deg(validation: Validation, eye: str) -> float:
    """Mean error over the dots in degrees; NaN when that eye was never seen."""
    found = validation.eyes.get(eye)
    return found.mean.accuracy_deg if found is not None else float("nan")


def fitted_mm_per_px(volume: Volume, width_px: int, height_px: int) -> float:
    """Millimetres on the patient that a screen pixel shows when a slice is fitted to the monitor, as reading begins."""
    _, rows, columns = volume.shape_kji
    spacing_i, spacing_j = volume.pixel_spacing_ij_mm
    return max(columns * spacing_i / width_px, rows * spacing_j / height_px)
