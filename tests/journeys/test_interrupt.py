"""Ctrl+C during a demo: it ends in order, in one line, with exit code 1, and what was recorded is whole."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.factories.dicom_series import write_series

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="a test cannot press Ctrl+C for one process on Windows")


@pytest.mark.slow
@pytest.mark.parametrize("stage", ["connecting", "calibrating", "reading"])
def test_ctrl_c_ends_the_demo_in_order(tmp_path: Path, stage: str) -> None:
    case, out = tmp_path / "case", tmp_path / "session"
    case.mkdir()
    write_series(case, slices=10)
    command = [sys.executable, "-m", "ctgaze_app", "demo", "--headless", "--case", str(case), "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--seconds", "20"], stderr=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True
    )
    watchdog = threading.Timer(120, process.kill)
    watchdog.start()
    said = []
    assert process.stderr is not None
    for line in process.stderr:
        said.append(line.strip())
        if line.strip() == stage:
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to every process of the demo
    process.stderr.close()
    code = process.wait()
    watchdog.cancel()
    watchdog.join()
    assert code == 1, said
    assert not any("Traceback" in line for line in said), said
    assert [line for line in said if line.startswith("ctgaze:")] == [
        "ctgaze: stopped; what was recorded until now is in the session folder"
    ]
    if stage == "connecting":
        assert not out.exists() or not any(path.is_file() for path in out.rglob("*"))
    else:
        verified = subprocess.run(
            [sys.executable, "-m", "ctgaze_app", "session", "verify", str(out)], capture_output=True, text=True
        )
        assert verified.returncode == 0, verified.stdout
