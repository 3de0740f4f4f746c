"""A session while it runs: recorder, trials, faults. No Qt: whoever owns it calls `poll` 20 times a second."""

from __future__ import annotations

import json
import time
from enum import Enum
from typing import Any, Literal

from psygnal import Signal

from ctgaze_app.acquisition.clock import boot_id, local_clock, utc_text
from ctgaze_app.acquisition.recorder_config import RecorderConfig, RunningTrial, StreamChoice
from ctgaze_app.acquisition.recorder_process import RecorderProcess
from ctgaze_app.acquisition.streams import MarkerOutlet, ViewOutlet
from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.study.journal import Journal
from ctgaze_app.study.session import (
    PartRecord,
    SeriesRecord,
    SessionManifest,
    TrackerRecord,
    TrialRecord,
    code_for_folder,
    write_atomically,
    write_manifest,
)
from ctgaze_app.study.session_settings import SessionSettings, display_latency, software_versions

MAXIMUM_PARTS = 20
OPENING_LIMIT_S = 30.0
"""A stream that the recorder has not found by then is not visible to it; waiting longer would be waiting for ever."""


class SessionState(Enum):
    """Where a live session is."""

    NEW = "new"
    OPENING = "opening"
    READY = "ready"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"


class LiveSession:
    """One running session.

    Signals
    -------
    state_changed(SessionState)
    fault(str, str)
        Kind and one line for the coordinator; also written as a marker and to the journal.
    sound_recording(bool)
        Whether the running trial's sound is being written.
    """

    state_changed = Signal(SessionState)
    fault = Signal(str, str)
    sound_recording = Signal(bool)

    def __init__(self, settings: SessionSettings, markers: MarkerOutlet, views: ViewOutlet) -> None:
        self.settings = settings
        self.state = SessionState.NEW
        self.markers = markers
        self.views = views
        self.ready_lsl = float("nan")
        self.stop_lsl = float("nan")
        self._recorder = RecorderProcess()
        self._journal: Journal | None = None
        self._private: list[dict[str, object]] = []
        self._calibrations = 0
        self._paint = 0
        self._opened_at = float("inf")
        self._missing: list[str] = []
        self._manifest = SessionManifest(
            session=code_for_folder(settings.folder, settings.reader),
            reader=settings.reader,
            started_utc=utc_text(),
            software=software_versions(),
            seed=settings.seed,
            screen=settings.screen,
            display=display_latency(settings.screen.refresh_hz),
            tracker_latency=settings.tracker_latency,
            tracker=TrackerRecord(
                name=settings.tracker.name,
                source_id=settings.tracker.source_id,
                nominal_rate_hz=settings.tracker.rate_hz,
                layout=settings.layout,
                simulated=settings.simulated,
            ),
            audio=settings.audio.kind if settings.audio else None,
        )

    @property
    def manifest(self) -> SessionManifest:
        """The manifest as last written."""
        return self._manifest

    @property
    def trial(self) -> TrialRecord | None:
        """The running trial, or None."""
        last = self._manifest.trials[-1] if self._manifest.trials else None
        return last if last is not None and last.state == "running" else None

    def open(self) -> None:
        """Start recording into the folder made by `create_session_folder`; READY when the recorder has every stream."""
        self._journal = Journal(self.settings.folder / "journal.jsonl")
        self._write()
        self._start_part()
        self._opened_at = time.monotonic()
        self._set_state(SessionState.OPENING)

    def add_series(self, volume: Volume, *, role: str = "current") -> int:
        """Enter a series; returns its index. Its path and UIDs go to `private/`, nowhere else."""
        index = len(self._manifest.series)
        record = SeriesRecord(
            code=f"series-{index + 1}",
            role=role,
            units=volume.units,
            shape_kji=volume.shape_kji,
            positions_lps_mm=[(float(x), float(y), float(z)) for x, y, z in volume.positions_lps_mm],
            row_direction=_triple(volume.row_direction),
            column_direction=_triple(volume.column_direction),
            pixel_spacing_ij_mm=volume.pixel_spacing_ij_mm,
            affine_lps=volume.affine_lps.tolist(),
            regular=volume.regular,
            plane=volume.plane,
            digest=volume.digest,
            modality=volume.modality,
            has_mm=volume.has_mm,
        )
        self._private.append(
            {
                "index": index,
                "path": volume.source.path,
                "series_uid": volume.source.series_uid,
                "sop_instance_uids": list(volume.source.sop_instance_uids),
            }
        )
        write_atomically(
            self.settings.folder / "private" / "series.json",
            json.dumps({"schema": 1, "series": self._private}, indent=1) + "\n",
        )
        self._update(series=[*self._manifest.series, record])
        return index

    def start_trial(
        self,
        case: str,
        series: list[int],
        kind: Literal["main", "practice", "repeat"] = "main",
        *,
        calibration: int | None = None,
        validation: int | None = None,
    ) -> TrialRecord:
        """Begin the next trial; `calibration` and `validation` are the numbers of the records in force."""
        if self.trial is not None:
            raise SessionError("a trial is running already", remedy="end it first")
        number = len(self._manifest.trials) + 1
        trial = TrialRecord(
            number=number,
            case=case,
            series=series,
            kind=kind,
            part=self._manifest.parts[-1].number,
            calibration=calibration,
            validation=validation,
        )
        self._update(trials=[*self._manifest.trials, trial])
        self.mark("trial_start", case=case, kind=kind, dictation=f"{number}_{case}")
        self._log(f"trial {number} started")
        return trial

    def end_trial(self, state: Literal["complete", "interrupted"] = "complete") -> None:
        """End the running trial."""
        trial = self.trial
        if trial is None:
            return
        self.mark("trial_end", state=state)
        self._update(trials=[*self._manifest.trials[:-1], trial.model_copy(update={"state": state})])
        self._log(f"trial {trial.number} {state}")

    def painted(self, view: PaintedView, time_lsl: float) -> None:
        """Publish one paint."""
        self._paint = view.paint
        self.views.push(view, time_lsl)

    def mark(self, event: str, *, time_lsl: float | None = None, **fields: object) -> float:
        """Publish a marker with the running trial and the last paint; returns its stamp."""
        trial = self.trial.number if self.trial else 0
        return self.markers.push(event, time_lsl=time_lsl, trial=trial, paint=self._paint, **fields)

    def store_calibration(self, record: dict[str, Any]) -> int:
        """Write `calibration/<nnn>.json`; returns its number."""
        self._calibrations += 1
        number = self._calibrations
        path = self.settings.folder / "calibration" / f"{number:03d}.json"
        write_atomically(path, json.dumps(record, indent=1, allow_nan=False) + "\n")
        sentence = record.get("verdict", {}).get("sentence", "no verdict")
        taken = "accepted" if record.get("accepted") else "not accepted"
        self._log(f"{record.get('kind', 'calibration')} {number} {taken}. {sentence}")
        return number

    def poll(self) -> None:
        """Handle what the recorder says and keep the view stream alive; call about 20 times a second."""
        if self.state in {SessionState.NEW, SessionState.CLOSED, SessionState.FAILED}:
            return
        self.views.tick(local_clock())
        for message in self._recorder.poll():
            self._handle(message)
        if self.state is SessionState.OPENING and time.monotonic() - self._opened_at > OPENING_LIMIT_S:
            self._give_up_opening()

    def close(self) -> None:
        """Stop recording; `state` becomes CLOSED when the recorder has written everything."""
        if self.state in {SessionState.NEW, SessionState.CLOSED, SessionState.CLOSING, SessionState.FAILED}:
            return
        self.end_trial("interrupted")
        self.stop_lsl = self.mark("session_end", part=self._manifest.parts[-1].number)
        self._set_state(SessionState.CLOSING)
        self._recorder.stop(self.stop_lsl)

    def shut_down(self, wait_s: float = 10.0) -> None:
        """Close at once and wait for the recorder: for when the application itself ends."""
        if self.state in {SessionState.NEW, SessionState.CLOSED, SessionState.FAILED}:
            return
        self.close()
        deadline = time.monotonic() + wait_s
        while self.state is SessionState.CLOSING and time.monotonic() < deadline:
            self.poll()
            time.sleep(0.02)
        if self.state is SessionState.CLOSING:
            self._recorder.kill()
            self._recorder_died()

    def _give_up_opening(self) -> None:
        waiting = ", ".join(self._missing) or "any stream"
        self._recorder.kill()
        self._finish_part("interrupted", {})
        self._fault("recorder", f"the recorder does not receive {waiting}; nothing is being recorded")
        self._shut("interrupted", failed=True)

    def wait_for_recorder(self, wait_s: float = 5.0) -> None:
        """Wait, once CLOSED or FAILED, until the recorder's process is gone too; not on the GUI thread."""
        if self.state in {SessionState.CLOSED, SessionState.FAILED}:
            self._recorder.wait(wait_s)
            self._recorder.poll()

    def _handle(self, message: dict[str, Any]) -> None:
        kind = message.get("state")
        if kind == "ready":
            stamp = self.mark("session_start", part=self._manifest.parts[-1].number)
            self._log(f"recording, part {self._manifest.parts[-1].number}")
            if self.state is SessionState.OPENING:
                self.ready_lsl = stamp
                self._set_state(SessionState.READY)
        elif kind == "waiting":
            self._missing = [str(name) for name in message.get("missing", [])]
        elif kind == "audio_started":
            fields = {key: message[key] for key in ("file_number", "first_frame_lsl", "stem") if key in message}
            self.mark("audio_start", **fields)
            self.sound_recording.emit(True)
        elif kind == "fault":
            self._fault(
                str(message.get("kind", "recorder")), str(message.get("message", "")), over=bool(message.get("over"))
            )
        elif kind == "closed":
            self._finish_part("complete", message)
            self._shut("complete")
        elif kind == "died":
            self._recorder_died()

    def _recorder_died(self) -> None:
        self._finish_part("interrupted", {})
        if self.state is SessionState.CLOSING:
            self._fault("recorder", "the recorder stopped while closing; run: ctgaze session salvage")
            self._shut("interrupted")
        elif self.state is SessionState.OPENING or len(self._manifest.parts) >= MAXIMUM_PARTS:
            self._fault("recorder", "the recorder cannot run here; nothing is being recorded")
            self._shut("interrupted", failed=True)
        else:
            self._start_part()
            self._fault("recorder", f"the recorder stopped; recording goes on in part {len(self._manifest.parts)}")

    def _start_part(self) -> None:
        number = len(self._manifest.parts) + 1
        file = "recording.xdf" if number == 1 else f"recording_{number}.xdf"
        tracker = self.settings.tracker
        part = PartRecord(number=number, file=file, boot_id=boot_id(), utc_start=utc_text(), lsl_start=local_clock())
        self._update(parts=[*self._manifest.parts, part])
        self._recorder = RecorderProcess()
        self._recorder.start(
            RecorderConfig(
                xdf_path=self.settings.folder / file,
                dictation_folder=self.settings.folder / "dictation",
                part=number,
                streams=[
                    StreamChoice(name=tracker.name, type=tracker.type, source_id=tracker.source_id),
                    StreamChoice(name=self.views.name, type="View", source_id=self.views.source_id),
                    StreamChoice(name=self.markers.name, type="Markers", source_id=self.markers.source_id),
                ],
                audio=self.settings.audio,
                running_trial=self._running_trial(),
            )
        )

    def _running_trial(self) -> RunningTrial | None:
        trial = self.trial
        return RunningTrial(trial=trial.number, stem=f"{trial.number}_{trial.case}") if trial else None

    def _finish_part(self, state: Literal["complete", "interrupted"], message: dict[str, Any]) -> None:
        end = message.get("last_lsl") or (local_clock() if state == "complete" else None)
        last = self._manifest.parts[-1].model_copy(update={"state": state, "lsl_end": end})
        self._update(parts=[*self._manifest.parts[:-1], last])

    def _shut(self, state: Literal["complete", "interrupted"], *, failed: bool = False) -> None:
        if any(part.state != "complete" for part in self._manifest.parts):
            state = "interrupted"
        self._update(state=state)
        self._log(f"session {state}")
        if self._journal is not None:
            self._journal.close()
            self._journal = None
        self._set_state(SessionState.FAILED if failed else SessionState.CLOSED)

    def _fault(self, kind: str, text: str, *, over: bool = False) -> None:
        if self.state is not SessionState.CLOSED:
            self.mark("fault", kind=kind, over=over, message=text)
        self._log(text, level="info" if over else "fault")
        self.fault.emit(kind, text)

    def _log(self, text: str, level: str = "info") -> None:
        if self._journal is None:
            return
        try:
            self._journal.write(text, level=level)
        except OSError as error:
            self.fault.emit("disk", f"the journal cannot be written: {error.strerror}")

    def _update(self, **changes: object) -> None:
        self._manifest = self._manifest.model_copy(update=changes)
        self._write()

    def _write(self) -> None:
        """Keep the manifest on disk; what a full disk refuses is told and written with the next change."""
        try:
            write_manifest(self.settings.folder, self._manifest)
        except OSError as error:
            self._fault("disk", f"session.json cannot be written: {error.strerror}")

    def _set_state(self, state: SessionState) -> None:
        self.state = state
        self.state_changed.emit(state)


def _triple(values: Any) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
