"""The checks behind `ctgaze doctor`, one function each."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ctgaze_app.errors import CTGazeError


@dataclass(frozen=True)
class Check:
    """One line of the doctor's report."""

    what: str
    state: Literal["ok", "warning", "problem"]
    finding: str
    remedy: str = ""


def run_checks(wait_s: float) -> list[Check]:
    """Run every check; a check that fails unexpectedly is a finding, not a crash."""
    screen = _screen()
    return [
        screen,
        *(_qt() if screen.state == "ok" else ()),
        _lsl(),
        *_gaze_streams(wait_s),
        *_sound(),
        _models(),
        _disk(),
    ]


def _screen() -> Check:
    from ctgaze_app.ui.platform_check import require_screen

    try:
        require_screen()
    except CTGazeError as error:
        return Check("screen", "problem", error.message, error.remedy)
    return Check("screen", "ok", "a Qt application can start")


def _qt() -> Iterator[Check]:
    """Ask Qt for the screens in a process of its own, because Qt ends a process that it cannot serve."""
    code = (
        "from PySide6.QtWidgets import QApplication; from ctgaze_app.ui.screens import describe_screens; "
        "a = QApplication([]); print('\\n'.join(describe_screens()))"
    )
    environment = dict(os.environ)
    if sys.platform.startswith("linux") and not (environment.get("DISPLAY") or environment.get("WAYLAND_DISPLAY")):
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, env=environment)
    except subprocess.TimeoutExpired:
        yield Check("monitors", "problem", "Qt did not answer within 30 s")
        return
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        yield Check("monitors", "problem", f"Qt cannot start: {last}")
        return
    for line in done.stdout.strip().splitlines():
        yield Check("monitor", "ok", line)


def _lsl() -> Check:
    try:
        from ctgaze_app.acquisition.clock import configure_lsl

        configure_lsl()
        import pylsl
    except (OSError, RuntimeError, ImportError) as error:
        return Check("LSL", "problem", f"liblsl cannot be loaded: {error}", "reinstall pylsl")
    return Check(
        "LSL", "ok", f"liblsl {pylsl.library_version() / 100:.2f}, this machine only unless LSLAPICFG says otherwise"
    )


def _gaze_streams(wait_s: float) -> Iterator[Check]:
    from ctgaze_app.acquisition.inlet import list_gaze_streams

    streams = list_gaze_streams(wait_s)
    if not streams:
        yield Check(
            "gaze streams",
            "warning",
            "none is sending",
            "start your tracker's LSL sender, or try: ctgaze tracker simulate",
        )
    names = [stream.name for stream in streams]
    for stream in streams:
        state: Literal["ok", "warning"] = "warning" if names.count(stream.name) > 1 else "ok"
        yield Check(
            "gaze stream",
            state,
            f"{stream.name}, {stream.channel_count} channels, {stream.rate_hz:g} Hz",
            "two streams have this name: choose by source_id" if state == "warning" else "",
        )


def _sound() -> Iterator[Check]:
    from ctgaze_app.acquisition.microphone import is_available, list_sources

    available, reason = is_available()
    if not available:
        yield Check("sound", "warning", reason, "CTGaze works without sound; a WAV file can stand in for a microphone")
        return
    devices = [source for source in list_sources() if source.kind == "device"]
    if not devices:
        yield Check("sound", "warning", "no microphone is connected", "CTGaze works without sound")
    for device in devices:
        yield Check("microphone", "ok", device.name)


def _models() -> Check:
    if importlib.util.find_spec("torch") is None:
        return Check(
            "predictions", "warning", "PyTorch is not installed", "everything else works; install the extra: models"
        )
    from models.features.devices import choose_device, why_not_cuda

    device = choose_device()
    if not device.is_gpu and _nvidia_gpu():
        return Check(
            "predictions",
            "warning",
            f"they run on the CPU, though an NVIDIA GPU is there: {why_not_cuda()}",
            "install the PyTorch build for its CUDA version",
        )
    return Check("predictions", "ok", f"they run on {device.name}")


def _nvidia_gpu() -> bool:
    """Whether NVIDIA's own tool lists a GPU."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return False
    try:
        listed = subprocess.run([tool, "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return listed.returncode == 0 and "GPU" in listed.stdout


def _disk() -> Check:
    from platformdirs import user_documents_path

    folder = user_documents_path()
    while not folder.exists():
        folder = folder.parent
    free_gb = shutil.disk_usage(folder).free / 1e9
    if free_gb < 2:
        return Check("disk", "problem", f"{free_gb:.1f} GB free", "free some space: a session needs up to 1 GB an hour")
    return Check("disk", "ok", f"{free_gb:.0f} GB free")
