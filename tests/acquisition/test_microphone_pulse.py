"""A real microphone path: sound played into a PulseAudio null sink, recorded from its monitor by the recorder."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ctgaze_app.acquisition.audio_anchors import audio_anchors, frame_to_lsl
from ctgaze_app.acquisition.clock import local_clock
from ctgaze_app.acquisition.microphone import AudioSource
from ctgaze_app.acquisition.recorder import RecorderConfig, RecorderProcess, StreamChoice
from ctgaze_app.acquisition.streams import MarkerOutlet
from ctgaze_app.acquisition.xdf import read_xdf

pytestmark = [pytest.mark.pulseaudio, pytest.mark.slow]

REQUIRE_VARIABLE = "CTGAZE_REQUIRE_PULSEAUDIO"
PROGRAMS = ("pulseaudio", "pactl", "pacat")
PLAY_RATE_HZ = 48_000
CLICKS_APART_S = 62.0
CLICKS_IN_A_BURST = 10
ALSA_TO_PULSE = "pcm.!default { type pulse }\nctl.!default { type pulse }\npcm.pulse { type pulse }\n"


@pytest.fixture(scope="module")
def room() -> Iterator[Path]:
    """A PulseAudio server of our own with one null sink; ALSA's default, and so PortAudio's, leads to its monitor."""
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if missing:
        reason = f"PulseAudio is not installed: no {', '.join(missing)}"
        if os.environ.get(REQUIRE_VARIABLE) == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    # A socket's path may have 107 characters: pytest's own folders are too deep.
    with tempfile.TemporaryDirectory(prefix="ctgaze-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        (folder / ".asoundrc").write_text(ALSA_TO_PULSE, encoding="ascii")
        changes = {
            "HOME": name,
            "XDG_RUNTIME_DIR": name,
            "XDG_CONFIG_HOME": name,
            "PULSE_SERVER": f"unix:{name}/native",
            "PULSE_SOURCE": "room.monitor",
            "PULSE_SINK": "room",
        }
        with pytest.MonkeyPatch.context() as patch:
            for key, value in changes.items():
                patch.setenv(key, value)
            server = _start_server(folder)
            # An open stream of low latency keeps the sink from collecting two seconds of sound at a time.
            with Path("/dev/zero").open("rb") as silence:
                quiet = subprocess.Popen(["pacat", "--raw", "--latency-msec=10"], stdin=silence)
            yield folder
            for process in (quiet, server):
                process.terminate()
                process.wait(10.0)


def _start_server(folder: Path) -> subprocess.Popen[bytes]:
    server = subprocess.Popen(
        [
            *("pulseaudio", "-n", "--daemonize=no", "--system=false", "--exit-idle-time=-1", "--use-pid-file=no"),
            *("--disable-shm=yes", "--log-level=error", "-F", os.devnull),
            *("-L", f"module-native-protocol-unix socket={folder}/native auth-anonymous=1"),
            *("-L", f"module-null-sink sink_name=room rate={PLAY_RATE_HZ}"),
        ]
    )
    for _ in range(100):
        if subprocess.run(["pactl", "info"], capture_output=True, check=False).returncode == 0:
            return server
        time.sleep(0.1)
    server.kill()
    server.wait(5.0)
    pytest.fail("the PulseAudio server did not start")


def click() -> np.ndarray:
    """Ten milliseconds of 1 kHz."""
    return (20_000 * np.sin(2 * np.pi * 1000 * np.arange(480) / PLAY_RATE_HZ)).astype(np.int16)


def test_clicks_come_back_where_their_markers_are_and_two_stay_sixty_seconds_apart(room: Path, tmp_path) -> None:
    (tmp_path / "dictation").mkdir()
    short = np.concatenate([click(), np.zeros(PLAY_RATE_HZ // 10, np.int16)])
    soundfile.write(room / "click.wav", short, PLAY_RATE_HZ)
    subprocess.run(["pactl", "upload-sample", str(room / "click.wav"), "click"], check=True)

    markers = MarkerOutlet()
    recorder = RecorderProcess()
    recorder.start(
        RecorderConfig(
            xdf_path=tmp_path / "recording.xdf",
            dictation_folder=tmp_path / "dictation",
            streams=[StreamChoice(name=markers.name, type="Markers", source_id=markers.source_id)],
            # The child lists the devices anew: this process may have listed them before the server was there.
            audio=AudioSource(kind="device", name="pulse"),
            audio_required=True,
        )
    )
    try:
        deadline = time.monotonic() + 20.0
        said = []
        while not recorder.ready and time.monotonic() < deadline:
            said += recorder.poll()
            time.sleep(0.02)
        assert recorder.ready, said[-3:]
        markers.push("trial_start", trial=1, dictation="1_c01")
        time.sleep(1.0)
        started_lsl = []
        first_lsl = local_clock()
        for burst in range(2):
            for number in range(CLICKS_IN_A_BURST):
                due_lsl = first_lsl + burst * CLICKS_APART_S + number * 0.4
                time.sleep(max(due_lsl - local_clock(), 0.0))
                started_lsl.append(markers.push("mark", trial=1))
                subprocess.run(["pactl", "play-sample", "click", "room"], check=True)
        time.sleep(0.5)
        markers.push("trial_end", trial=1)
        time.sleep(0.5)
        recorder.stop(markers.push("session_end"))
        assert recorder.wait(20.0)
        said += recorder.poll()
    finally:
        recorder.kill()
        markers.close()

    assert said[-1]["state"] == "closed"
    sound, rate_hz = soundfile.read(tmp_path / "dictation" / "1_c01.flac")
    loud = np.flatnonzero(np.abs(sound) > 0.1)
    onsets = loud[np.concatenate([[True], np.diff(loud) > 0.2 * rate_hz])]
    anchors = audio_anchors(read_xdf(tmp_path / "recording.xdf"), 1)
    heard_lsl = frame_to_lsl(anchors, onsets.astype(float))
    assert len(heard_lsl) == 2 * CLICKS_IN_A_BURST
    late_s = heard_lsl - np.array(started_lsl)
    assert late_s == pytest.approx(0.0, abs=0.040)
    # The player is a new program each time and may start late: of each burst its quickest start counts.
    early, afterwards = late_s[:CLICKS_IN_A_BURST], late_s[CLICKS_IN_A_BURST:]
    first, second = int(np.argmin(early)), CLICKS_IN_A_BURST + int(np.argmin(afterwards))
    apart_s = started_lsl[second] - started_lsl[first]
    assert apart_s > CLICKS_APART_S - 4.0
    assert heard_lsl[second] - heard_lsl[first] == pytest.approx(apart_s, abs=0.005)
