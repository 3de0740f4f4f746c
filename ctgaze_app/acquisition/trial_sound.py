"""Sound while recording: keeps a source running, cuts it into trials, anchors it to the clock, packs what is closed."""

from __future__ import annotations

import math
import queue
import re
import threading
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.acquisition.dictation import WavAppender, pack_to_flac
from ctgaze_app.acquisition.microphone import AudioBlock, AudioSource, MicrophoneInput, WavFileInput, open_source
from ctgaze_app.acquisition.recorder_config import STEM_PATTERN
from ctgaze_app.acquisition.streams import AudioClockOutlet
from ctgaze_app.acquisition.xdf_writer import XdfWriter
from ctgaze_app.errors import DeviceError, SessionError

ANCHOR_EVERY_S = 0.1
FLUSH_EVERY_S = 0.5
SYNC_EVERY_S = 1.0
LOOK_BACK_S = 2.0
"""Sound kept in memory, because a trial's first words are spoken before its marker has travelled here."""

_REOPEN_EVERY_S = 2.0
_CLOSE_GRACE_S = 1.0
_OFFSET_EVERY_S = 5.0


class SourceKeeper:
    """Opens a source in its own thread and opens it again when it fails, since opening may take a second."""

    def __init__(self, source: AudioSource) -> None:
        self.source = source
        self.blocks: queue.SimpleQueue[AudioBlock] = queue.SimpleQueue()
        self.rate_hz: int | None = None
        self.problem = ""
        self.overflows = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="sound source", daemon=True)
        self._thread.start()

    def _keep(self) -> None:
        tried = False
        while not self._stopping.is_set():
            try:
                running = open_source(self.source, self.blocks, look_again=tried)
            except DeviceError as error:
                self.problem = error.message  # its place, a file's name, may identify and must not reach a stream
                tried = True
                self._stopping.wait(_REOPEN_EVERY_S)
                continue
            if self.rate_hz not in (None, running.rate_hz):
                self.problem = "the microphone came back with another sampling rate"
                running.close()
                self._stopping.wait(_REOPEN_EVERY_S)
                continue
            self.rate_hz = running.rate_hz
            self.problem = ""
            self._watch(running)
            running.close()
            tried = True

    def _watch(self, running: MicrophoneInput | WavFileInput) -> None:
        while not self._stopping.wait(0.1):
            self.overflows = running.overflows
            if not running.alive:
                self.problem = "the microphone is lost"
                return

    def close(self) -> None:
        """Stop the source."""
        self._stopping.set()
        self._thread.join(4.0)


class TrialSound:
    """The recorder's sound: one WAV a trial, anchors in the recording, FLAC when the trial is over.

    `messages` collects what the application must hear (`audio_started`, `audio_closed`, `audio_packed`, faults).
    """

    def __init__(self, source: AudioSource, folder: Path, part: int) -> None:
        self.messages: list[dict[str, Any]] = []
        self.files: list[dict[str, Any]] = []
        self._folder = folder
        self._part = part
        self._keeper = SourceKeeper(source)
        self._outlet: AudioClockOutlet | None = None
        self._stream_id: int | None = None
        self._recent: deque[AudioBlock] = deque()
        self._kept: list[AudioBlock] = []
        self._wav: WavAppender | None = None
        self._trial = 0
        self._starts_lsl = float("nan")
        self._ends_lsl: float | None = None
        self._anchored_lsl = self._flushed = self._synced = self._offset_written = float("-inf")
        self._square_sum, self._square_count = 0.0, 0
        self._failing = False
        self._packers: list[threading.Thread] = []
        self._last_end_lsl = float("nan")

    @property
    def is_ready(self) -> bool:
        """Whether settled sound has arrived."""
        return bool(self._recent) and self._recent[-1].settled

    @property
    def problem(self) -> str:
        """Why there is no sound now; empty when there is."""
        return self._keeper.problem

    def start(self, trial: int, stem: str, time_lsl: float) -> None:
        """Begin a trial's file with the sound of `time_lsl`."""
        self.finish()
        rate = self._keeper.rate_hz
        if rate is None:
            self._fault("microphone_lost", "this trial has no sound: the microphone does not deliver")
            return
        if trial < 1 or re.match(STEM_PATTERN, stem) is None:
            self._fault("audio_name", "this trial has no sound: its start marker names no usable file")
            return
        stems = (stem, f"{stem}_part{self._part}")
        free = [one for one in stems if not any((self._folder / f"{one}{end}").exists() for end in (".wav", ".flac"))]
        try:
            if not free:
                raise FileExistsError(17, "the file exists")
            self._wav = WavAppender(self._folder / f"{free[0]}.wav", rate)
        except OSError as error:
            self._fault("audio_write_error", f"this trial has no sound: {error.strerror}")
            return
        self._trial, self._starts_lsl, self._ends_lsl = trial, time_lsl, None
        self._anchored_lsl = float("-inf")
        self._kept = list(self._recent)

    def end(self, time_lsl: float) -> None:
        """Close the file once the sound of `time_lsl` is in it."""
        if self._wav is not None:
            self._ends_lsl = time_lsl

    def pull(self, writer: XdfWriter) -> None:
        """Take what has arrived: to the WAV, the anchors to the recording and the stream."""
        now = local_clock()
        if self._outlet is None and self._keeper.rate_hz is not None:
            self._outlet = AudioClockOutlet(self._keeper.rate_hz)
            self._stream_id = writer.add_stream(self._outlet.info_xml())
        if self._stream_id is not None and now - self._offset_written >= _OFFSET_EVERY_S:
            self._offset_written = now
            writer.write_clock_offset(self._stream_id, now, 0.0)
        kept, self._kept = self._kept, []
        for block in kept:
            self._take(block, writer)
        while not self._keeper.blocks.empty():
            block = self._keeper.blocks.get()
            self._remember(block)
            self._take(block, writer)
        ends = self._ends_lsl
        if ends is not None and (self._last_end_lsl >= ends or now - ends > _CLOSE_GRACE_S):
            self.finish()
        self._flush(now)

    def passed(self, time_lsl: float) -> bool:
        """Whether the sound of `time_lsl` has arrived (or none comes)."""
        return bool(self.problem) or self._last_end_lsl >= time_lsl

    def status(self) -> dict[str, Any]:
        """What the console shows of the sound; the level covers the time since the last call."""
        mean_square = self._square_sum / self._square_count if self._square_count else 0.0
        self._square_sum, self._square_count = 0.0, 0
        level = 10 * math.log10(mean_square / 32768.0**2) if mean_square > 0 else -120.0
        return {
            "state": self.problem or "open",
            "rate_hz": self._keeper.rate_hz,
            "rms_dbfs": round(max(level, -120.0), 1),
            "frames": self._wav.frames if self._wav else 0,
            "file_number": self._trial if self._wav else 0,
            "overflows": self._keeper.overflows,
        }

    def finish(self) -> None:
        """Close the running file and pack it in the background."""
        wav, self._wav = self._wav, None
        self._ends_lsl = None
        if wav is None:
            return
        try:
            wav.close()
        except OSError as error:
            self._fault("audio_write_error", f"the end of a trial's sound is not on the disk: {error.strerror}")
        entry = {
            "trial": self._trial,
            "stem": wav.path.stem,
            "frames": wav.frames,
            "seconds": wav.frames / wav.rate_hz,
            "packed": False,
        }
        self.files.append(entry)
        self.messages.append({"state": "audio_closed", **entry})
        if wav.frames == 0:
            self._fault("audio_empty", f"trial {self._trial} has no sound: the microphone did not deliver")
            return
        packer = threading.Thread(target=self._pack, args=(wav.path, entry), name="sound packer", daemon=True)
        self._packers.append(packer)
        packer.start()

    def close(self, wait_s: float = 20.0) -> None:
        """Stop the source, close the file and wait for the packing."""
        self._keeper.close()
        self.finish()
        for packer in self._packers:
            packer.join(wait_s)
        if self._outlet is not None:
            self._outlet.close()

    def _pack(self, wav: Path, entry: dict[str, Any]) -> None:
        try:
            pack_to_flac(wav)
        except SessionError as error:
            self._fault("audio_packing", str(error))
            return
        entry["packed"] = True
        self.messages.append({"state": "audio_packed", "trial": entry["trial"], "stem": entry["stem"]})

    def _remember(self, block: AudioBlock) -> None:
        self._recent.append(block)
        while self._recent[0].adc_time_lsl < block.adc_time_lsl - LOOK_BACK_S:
            self._recent.popleft()
        samples = block.frames.astype(np.float64)
        self._square_sum += float(samples @ samples)
        self._square_count += len(samples)
        self._last_end_lsl = block.adc_time_lsl + len(samples) / (self._keeper.rate_hz or 1)

    def _take(self, block: AudioBlock, writer: XdfWriter) -> None:
        if self._wav is None or (self._ends_lsl is not None and block.adc_time_lsl >= self._ends_lsl):
            return
        if self._wav.frames == 0:
            if block.adc_time_lsl + len(block.frames) / self._wav.rate_hz <= self._starts_lsl:
                return
            self.messages.append(
                {
                    "state": "audio_started",
                    "trial": self._trial,
                    "file_number": self._trial,
                    "first_frame_lsl": block.adc_time_lsl,
                    "stem": self._wav.path.stem,
                    "rate_hz": self._wav.rate_hz,
                }
            )
        due = block.adc_time_lsl - self._anchored_lsl >= ANCHOR_EVERY_S * 0.9
        if self._outlet is not None and self._stream_id is not None and block.settled and due:
            self._anchored_lsl = block.adc_time_lsl
            stamp, sample = self._outlet.push(self._trial, self._wav.frames, block.adc_time_lsl)
            writer.write_samples(self._stream_id, [stamp], [sample])
        self._wav.append(block.frames)

    def _flush(self, now: float) -> None:
        if self._wav is None or now - self._flushed < FLUSH_EVERY_S:
            return
        self._flushed = now
        to_disk = now - self._synced >= SYNC_EVERY_S
        try:
            self._wav.flush(to_disk=to_disk)
        except OSError as error:
            if not self._failing:
                self._fault("audio_write_error", f"the sound cannot be written: {error.strerror}; it waits in memory")
            self._failing = True
            return
        if to_disk:
            self._synced = now
        if self._failing:
            self._fault("audio_write_error", "the sound is written again", over=True)
        self._failing = False

    def _fault(self, kind: str, message: str, *, over: bool = False) -> None:
        self.messages.append({"state": "fault", "kind": kind, "over": over, "message": message})
