"""Sources of sound, their times, and the files that a trial's sound ends in."""

from __future__ import annotations

import builtins
import queue
import time
import wave
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile

from ctgaze_app.acquisition import dictation, microphone
from ctgaze_app.acquisition.audio_anchors import AudioAnchors, audio_anchors, frame_to_lsl, lsl_to_frame
from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.acquisition.dictation import WavAppender, pack_to_flac
from ctgaze_app.acquisition.microphone import AudioBlock, AudioSource, MicrophoneInput, WavFileInput
from ctgaze_app.acquisition.trial_sound import SourceKeeper
from ctgaze_app.acquisition.xdf_reader import XdfFile
from ctgaze_app.errors import DeviceError, SessionError

RATE = 16_000


class FakePortAudio:
    """What `sounddevice` offers, with one microphone that refuses 16 kHz."""

    class PortAudioError(Exception):
        pass

    default = SimpleNamespace(device=[1, 1])

    def __init__(self) -> None:
        self.devices = [
            {"name": "speaker", "max_input_channels": 0, "default_samplerate": 48_000.0},
            {"name": "headset", "max_input_channels": 1, "default_samplerate": 44_100.0},
        ]
        self.opened: dict = {}

    looked = 0

    def _terminate(self) -> None:
        self.looked += 1

    def _initialize(self) -> None:
        self.devices.append({"name": "plugged in later", "max_input_channels": 2, "default_samplerate": 44_100.0})

    def query_devices(self, device=None, kind=None):
        return self.devices if device is None and kind is None else self.devices[device]

    def check_input_settings(self, device, channels, dtype, samplerate):
        if samplerate != 44_100:
            raise self.PortAudioError("rate")

    def InputStream(self, **options):
        self.opened = options
        return SimpleNamespace(start=lambda: None, close=lambda: None, active=True)


@pytest.fixture
def portaudio(monkeypatch: pytest.MonkeyPatch) -> FakePortAudio:
    fake = FakePortAudio()
    monkeypatch.setattr(microphone, "load_portaudio", lambda: fake)
    return fake


def test_only_inputs_are_listed_and_the_default_is_marked(portaudio) -> None:
    assert microphone.list_sources() == [AudioSource(kind="device", name="headset", device=1, is_default=True)]


def test_a_device_that_moved_is_found_by_name_and_one_that_is_gone_says_so(portaudio) -> None:
    moved = AudioSource(kind="device", name="headset", device=7)
    assert microphone.find_device(moved) == 1
    assert moved.is_available()
    gone = AudioSource(kind="device", name="other", device=1)
    assert "not connected" in gone.reason and not gone.is_available()


def test_a_device_plugged_in_later_is_found_by_looking_again(portaudio) -> None:
    later = AudioSource(kind="device", name="plugged in later")
    with pytest.raises(DeviceError, match="not connected"):
        microphone.find_device(later)
    assert (microphone.find_device(later, look_again=True), portaudio.looked) == (2, 1)


def test_block_times_are_portaudios_difference_on_our_clock(portaudio) -> None:
    blocks: queue.SimpleQueue[AudioBlock] = queue.SimpleQueue()
    source = MicrophoneInput(1, blocks)
    assert (source.rate_hz, portaudio.opened["channels"], portaudio.opened["dtype"]) == (44_100, 1, "int16")
    status = SimpleNamespace(input_overflow=False)
    frames = np.arange(2205, dtype=np.int16)[:, None]
    before = local_clock()
    portaudio.opened["callback"](
        frames, 2205, SimpleNamespace(currentTime=1e9 + 0.25, inputBufferAdcTime=1e9, outputBufferDacTime=0), status
    )
    block = blocks.get()
    assert before - 0.25 <= block.adc_time_lsl <= local_clock() - 0.25
    assert np.array_equal(block.frames, frames[:, 0]) and not block.settled
    portaudio.opened["callback"](frames, 2205, SimpleNamespace(currentTime=5.0, inputBufferAdcTime=0.0), status)
    assert blocks.get().adc_time_lsl == pytest.approx(local_clock() - 0.05, abs=0.01)
    source._started_lsl -= 2.0
    portaudio.opened["callback"](
        frames, 2205, SimpleNamespace(currentTime=5.1, inputBufferAdcTime=5.0), SimpleNamespace(input_overflow=True)
    )
    assert blocks.get().settled and source.overflows == 1
    source.close()


def test_without_portaudio_there_are_no_devices_and_the_missing_package_is_named(monkeypatch) -> None:
    real_import = builtins.__import__

    def refuse(name, *arguments, **options):
        if name == "sounddevice":
            raise OSError("PortAudio library not found")
        return real_import(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.setattr(microphone.sys, "platform", "linux")
    assert microphone.list_sources() == []
    available, reason = microphone.is_available()
    assert not available and "libportaudio2" in reason
    with pytest.raises(DeviceError, match="PortAudio"):
        microphone.open_source(AudioSource(kind="device", name="headset"), queue.SimpleQueue())


def test_a_sound_file_plays_in_real_time_in_mono_and_goes_on_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "in.wav"
    stereo = np.stack([np.arange(1600), np.arange(1600) + 2], axis=1).astype(np.int16)
    soundfile.write(path, stereo, RATE)
    blocks: queue.SimpleQueue[AudioBlock] = queue.SimpleQueue()
    source = WavFileInput(path, blocks)
    got = [blocks.get(timeout=2.0) for _ in range(5)]
    lag = local_clock() - (got[-1].adc_time_lsl + 0.05)
    source.close()
    assert not source.alive
    sound = np.concatenate([block.frames for block in got])
    assert np.array_equal(sound[:1600], np.arange(1600) + 1) and not sound[1600:].any()
    assert np.diff([block.adc_time_lsl for block in got]) == pytest.approx(0.05, abs=1e-9)
    assert 0.0 <= lag < 0.2


def test_a_file_that_is_no_sound_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_bytes(b"no sound at all")
    for name in ("x.wav", "absent.wav"):
        with pytest.raises(DeviceError, match="cannot be read"):
            microphone.open_source(AudioSource(kind="file", name=str(tmp_path / name)), queue.SimpleQueue())
    assert not AudioSource(kind="file", name=str(tmp_path / "absent.wav")).is_available()


def test_a_wav_reads_after_every_flush_without_being_closed(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(-(2**15), 2**15, 3 * RATE).astype(np.int16)
    wav = WavAppender(tmp_path / "a.wav", RATE)
    for second in range(3):
        wav.append(frames[second * RATE : (second + 1) * RATE])
        wav.flush(to_disk=second == 1)
        with wave.open(str(tmp_path / "a.wav")) as reader:
            assert (reader.getframerate(), reader.getnchannels(), reader.getsampwidth()) == (RATE, 1, 2)
            assert reader.readframes(10**7) == frames[: (second + 1) * RATE].tobytes()
    wav.close()
    assert np.array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], frames)
    with pytest.raises(FileExistsError):
        WavAppender(tmp_path / "a.wav", RATE)


def test_a_full_disk_loses_no_sound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wav = WavAppender(tmp_path / "a.wav", RATE)
    real = wav._file
    frames = np.arange(1000, dtype=np.int16)

    class FullDisk:
        closed = False
        seek = staticmethod(real.seek)
        room = 501

        def write(self, data) -> int:
            if len(data) == 44:
                return real.write(data)
            if self.room == 0:
                raise OSError(28, "No space left on device")
            taken = real.write(bytes(data[: self.room]))
            self.room -= taken
            return taken

    monkeypatch.setattr(wav, "_file", FullDisk())
    wav.append(frames)
    with pytest.raises(OSError, match="No space"):
        wav.flush()
    assert len(soundfile.read(tmp_path / "a.wav")[0]) == 250
    monkeypatch.setattr(wav, "_file", real)
    wav.close()
    assert np.array_equal(soundfile.read(tmp_path / "a.wav", dtype="int16")[0], frames)


@pytest.fixture
def a_wav(tmp_path: Path) -> Path:
    wav = WavAppender(tmp_path / "1_c.wav", RATE)
    wav.append(np.random.default_rng(0).integers(-(2**15), 2**15, 5 * RATE).astype(np.int16))
    wav.close()
    return wav.path


def test_packing_keeps_every_sample_and_removes_the_wav(a_wav: Path) -> None:
    before = soundfile.read(a_wav, dtype="int16")[0]
    flac = pack_to_flac(a_wav)
    assert [path.name for path in a_wav.parent.iterdir()] == ["1_c.flac"]
    assert np.array_equal(soundfile.read(flac, dtype="int16")[0], before)


def test_packing_goes_on_where_it_was_killed(a_wav: Path) -> None:
    content = a_wav.read_bytes()
    a_wav.with_suffix(".flac.new").write_bytes(b"half")
    flac = pack_to_flac(a_wav)
    a_wav.write_bytes(content)
    assert pack_to_flac(a_wav) == flac
    assert [path.name for path in a_wav.parent.iterdir()] == ["1_c.flac"]


def test_packing_that_reads_back_differently_keeps_the_wav(a_wav: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = a_wav.read_bytes()
    monkeypatch.setattr(dictation, "_same_sound", lambda first, second: False)
    with pytest.raises(SessionError, match="differs"):
        pack_to_flac(a_wav)
    assert {path.name: path.read_bytes() for path in a_wav.parent.iterdir()} == {"1_c.wav": content}


def test_a_wav_cut_off_between_sound_and_header_is_packed_whole(a_wav: Path) -> None:
    whole = soundfile.read(a_wav, dtype="int16")[0]
    content = bytearray(a_wav.read_bytes())
    content[40:44] = (2 * RATE).to_bytes(4, "little")
    a_wav.write_bytes(bytes(content) + b"\x01")
    assert len(soundfile.read(a_wav)[0]) == RATE
    assert np.array_equal(soundfile.read(pack_to_flac(a_wav), dtype="int16")[0], whole)


@pytest.mark.parametrize("content", [b"", b"RIFF"])
def test_a_wav_cut_off_in_its_header_is_kept_and_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "1_c.wav").write_bytes(content)
    with pytest.raises(SessionError, match="no sound file of ours"):
        pack_to_flac(tmp_path / "1_c.wav")
    assert (tmp_path / "1_c.wav").read_bytes() == content


def test_a_wav_without_a_frame_is_kept_and_named(tmp_path: Path) -> None:
    WavAppender(tmp_path / "1_c.wav", RATE).close()
    with pytest.raises(SessionError, match="no sound in this file"):
        pack_to_flac(tmp_path / "1_c.wav")


def test_another_flac_of_the_same_name_is_not_replaced(a_wav: Path) -> None:
    soundfile.write(a_wav.with_suffix(".flac"), np.zeros(10, np.int16), RATE)
    with pytest.raises(SessionError, match="another"):
        pack_to_flac(a_wav)
    assert a_wav.exists()


def anchors_every_tenth(seconds: float, rate_hz: float = RATE, start_lsl: float = 100.0) -> AudioAnchors:
    frames = np.arange(0.0, seconds * RATE, RATE / 10)
    return AudioAnchors(frames, start_lsl + frames / rate_hz, RATE)


def test_a_drifting_sound_card_is_followed_and_late_callbacks_move_nothing() -> None:
    anchors = anchors_every_tenth(60.0, rate_hz=RATE * (1 + 1e-4))
    late = anchors.times_lsl.copy()
    late[::7] += 0.02
    noisy = AudioAnchors(anchors.frames, late, RATE)
    frames = np.array([0.0, 30.0 * RATE, 60.0 * RATE])
    assert frame_to_lsl(noisy, frames) == pytest.approx(100.0 + frames / (RATE * (1 + 1e-4)), abs=1e-3)


def test_short_sound_has_the_nominal_rate() -> None:
    assert frame_to_lsl(anchors_every_tenth(2.0), RATE * 1.5) == pytest.approx(101.5)
    assert frame_to_lsl(AudioAnchors(np.array([0.0]), np.array([5.0]), RATE), 800.0) == pytest.approx(5.05)


def test_lost_sound_is_a_step_in_time_and_both_directions_agree() -> None:
    anchors = anchors_every_tenth(20.0)
    times = anchors.times_lsl + np.where(anchors.frames >= 8 * RATE, 3.0, 0.0)
    broken = AudioAnchors(anchors.frames, times, RATE)
    frames = np.array([1.0, 7.9, 8.0, 15.0]) * RATE
    expected = np.array([101.0, 107.9, 111.0, 118.0])
    assert frame_to_lsl(broken, frames) == pytest.approx(expected, abs=1e-6)
    assert lsl_to_frame(broken, expected) == pytest.approx(frames, abs=1e-3)
    assert lsl_to_frame(broken, 109.5) == pytest.approx(8.0 * RATE)


def test_sound_without_anchors_is_one_clear_error() -> None:
    with pytest.raises(SessionError, match="no sound of trial 3"):
        audio_anchors(XdfFile(Path("recording.xdf"), {}, (), True, 0, None), 3)


def test_the_name_of_a_sound_file_that_cannot_be_read_stays_out_of_what_the_recorder_tells(tmp_path: Path) -> None:
    keeper = SourceKeeper(AudioSource(kind="file", name=str(tmp_path / "dr_miller.wav")))
    try:
        deadline = time.monotonic() + 5.0
        while not keeper.problem and time.monotonic() < deadline:
            time.sleep(0.01)
        assert keeper.problem == "the sound file cannot be read"
    finally:
        keeper.close()
