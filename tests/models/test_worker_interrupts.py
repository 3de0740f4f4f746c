"""Ctrl+C while processes make cases: one line of the command, none of the workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import pathlib, sys, time
from models.datasets.making import made_in_order

here = pathlib.Path(__file__).parent
if __name__ != "__main__":
    (here / "importing").touch()
    time.sleep(2)

def slow(number):
    (here / "working").touch()
    time.sleep(60)

if __name__ == "__main__":
    try:
        list(made_in_order(slow, [1, 2, 3], workers=2))
    except KeyboardInterrupt:
        print("stopped")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="a terminal's Ctrl+C is sent to a process group")
@pytest.mark.parametrize("moment", ["importing", "working"])
def test_ctrl_c_ends_workers_without_a_traceback(tmp_path: Path, moment: str) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        latest = time.monotonic() + 60
        while not (tmp_path / moment).exists() and time.monotonic() < latest:
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the command
        said, complained = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert (said, complained, process.returncode) == ("stopped\n", "", 0)
