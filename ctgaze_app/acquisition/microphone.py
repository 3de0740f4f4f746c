"""Where sound comes from: any input that PortAudio lists, or a WAV file that stands in on machines without one."""

from __future__ import annotations

import queue
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.errors import DeviceError

SPEECH_RATE_HZ = 16_000
"""What speech recognisers are trained on; a device that refuses it is recorded at its own rate."""

BLOCK_S = 0.05
SETTLING_S = 1.0
"""PortAudio's times wander in the first second after the start."""

_MOST_LATENCY_S = 2.0


@dataclass(frozen=True, eq=False)
class AudioBlock:
    """Mono int16 `frames` (N,); `adc_time_lsl` is when the first was converted; `settled` after the first second."""

    frames: NDArray[np.int16]
    adc_time_lsl: float
    settled: bool


class AudioSource(BaseModel):
    """One thing to record sound from, as the coordinator chooses it; a file's `name` is its path."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["device", "file"]
    name: str
    device: int | None = None
    is_default: bool = False

    def is_available(self) -> bool:
        """Whether it can be used now."""
        return not self.reason

    @property
    def reason(self) -> str:
        """Why it cannot be used now; empty when it can."""
        if self.kind == "file":
            return "" if Path(self.name).is_file() else "there is no such sound file"
        try:
            find_device(self)
        except DeviceError as error:
            return str(error)
        return ""


def is_available() -> tuple[bool, str]:
    """Whether microphones can be used at all on this machine, and why not."""
    try:
        load_portaudio()
    except DeviceError as error:
        return False, str(error)
    return True, ""


def load_portaudio() -> ModuleType:
    """The `sounddevice` module.

    Raises
    ------
    DeviceError
        When the PortAudio library is missing, with the system package that brings it.
    """
    try:
        import sounddevice
    except OSError as error:
        remedy = (
            "sudo apt install libportaudio2" if sys.platform == "linux" else "reinstall with pip install sounddevice"
        )
        raise DeviceError("the PortAudio library is missing: no microphone", place="sound", remedy=remedy) from error
    return sounddevice


def list_sources(*, look_again: bool = False) -> list[AudioSource]:
    """Every input that PortAudio lists, the system's default marked; none when PortAudio is missing.

    PortAudio looks for devices once: `look_again` makes it do so anew (up to a second; not while a stream is open).
    """
    try:
        sounddevice = load_portaudio()
    except DeviceError:
        return []
    if look_again:
        # PortAudio has no other way to notice what was plugged in since.
        sounddevice._terminate()
        sounddevice._initialize()
    default = sounddevice.default.device[0]
    return [
        AudioSource(kind="device", name=str(device["name"]), device=number, is_default=number == default)
        for number, device in enumerate(sounddevice.query_devices())
        if device["max_input_channels"] > 0
    ]


def find_device(source: AudioSource, *, look_again: bool = False) -> int:
    """PortAudio's number of a device, by its number if that still has its name, else by name.

    Raises
    ------
    DeviceError
        When it is not connected.
    """
    matches = [found for found in list_sources(look_again=look_again) if found.name == source.name]
    if not matches:
        available, reason = is_available()
        raise DeviceError(
            "this microphone is not connected" if available else reason,
            place="sound",
            remedy="connect or choose another",
        )
    chosen = next((found for found in matches if found.device == source.device), matches[0])
    assert chosen.device is not None
    return chosen.device


def open_source(
    source: AudioSource, blocks: queue.SimpleQueue[AudioBlock], *, look_again: bool = False
) -> MicrophoneInput | WavFileInput:
    """Start a source; its blocks go into the queue. Raises DeviceError when it cannot be opened."""
    if source.kind == "file":
        return WavFileInput(Path(source.name), blocks)
    return MicrophoneInput(find_device(source, look_again=look_again), blocks)


class MicrophoneInput:
    """A PortAudio input that puts blocks into a queue from PortAudio's own thread.

    Parameters
    ----------
    device
        PortAudio's number, None for the system's default.
    blocks
        Receives each `AudioBlock`.
    rate_hz
        Wanted rate; the device's own is taken when it refuses.

    Raises
    ------
    DeviceError
        When PortAudio or the device is missing or cannot be opened.
    """

    def __init__(
        self, device: int | None, blocks: queue.SimpleQueue[AudioBlock], *, rate_hz: int = SPEECH_RATE_HZ
    ) -> None:
        sounddevice = load_portaudio()
        self._blocks = blocks
        self._started_lsl = self._last_lsl = local_clock()
        self.overflows = 0
        try:
            description = sounddevice.query_devices(device, "input")
            self.rate_hz = rate_hz
            try:
                sounddevice.check_input_settings(device, channels=1, dtype="int16", samplerate=rate_hz)
            except sounddevice.PortAudioError:
                self.rate_hz = round(float(description["default_samplerate"]))
            self._stream = sounddevice.InputStream(
                samplerate=self.rate_hz,
                device=device,
                channels=1,
                dtype="int16",
                blocksize=round(self.rate_hz * BLOCK_S),
                callback=self._arrived,
            )
            self._stream.start()
        except (ValueError, sounddevice.PortAudioError) as error:
            raise DeviceError(
                "the microphone cannot be opened", place="sound", remedy="choose another source, or close what uses it"
            ) from error

    def _arrived(self, frames: NDArray[np.int16], count: int, times: Any, status: Any) -> None:
        now = local_clock()
        self._last_lsl = now
        self.overflows += bool(status.input_overflow)
        # PortAudio's clock is not ours (on Linux it is the wall clock): only the difference between two of its times
        # is used. Hosts that give no time of conversion give 0: then the block's last frame was converted just now.
        age = times.currentTime - times.inputBufferAdcTime
        if not 0.0 <= age <= _MOST_LATENCY_S or times.inputBufferAdcTime == 0.0:
            age = count / self.rate_hz
        self._blocks.put(AudioBlock(frames[:, 0].copy(), now - age, now - self._started_lsl >= SETTLING_S))

    @property
    def alive(self) -> bool:
        """Whether sound came within the last second."""
        return bool(self._stream.active) and local_clock() - self._last_lsl < 1.0

    def close(self) -> None:
        """Stop and let the device go."""
        self._stream.close()


class WavFileInput:
    """A sound file played into the recorder in real time, mixed to mono, followed by silence.

    Raises
    ------
    DeviceError
        When the file is missing or no sound file.
    """

    def __init__(self, path: Path, blocks: queue.SimpleQueue[AudioBlock]) -> None:
        import soundfile

        try:
            frames, rate = soundfile.read(path, dtype="int16", always_2d=True)
        except (OSError, soundfile.LibsndfileError) as error:
            raise DeviceError("the sound file cannot be read", place=path.name, remedy="choose a WAV file") from error
        self.rate_hz = int(rate)
        self.overflows = 0
        self._frames = frames.mean(axis=1).round().astype(np.int16)
        self._blocks = blocks
        self._stopping = threading.Event()
        self.started_lsl = local_clock()
        self._thread = threading.Thread(target=self._play, name="sound file", daemon=True)
        self._thread.start()

    def _play(self) -> None:
        size = round(self.rate_hz * BLOCK_S)
        position = 0
        while True:
            end_lsl = self.started_lsl + (position + size) / self.rate_hz
            if self._stopping.wait(max(end_lsl - local_clock(), 0.0)):
                return
            block = np.zeros(size, dtype=np.int16)
            piece = self._frames[position : position + size]
            block[: len(piece)] = piece
            self._blocks.put(AudioBlock(block, self.started_lsl + position / self.rate_hz, settled=True))
            position += size

    @property
    def alive(self) -> bool:
        """Whether it still plays."""
        return self._thread.is_alive()

    def close(self) -> None:
        """Stop playing."""
        self._stopping.set()
        self._thread.join(2.0)
