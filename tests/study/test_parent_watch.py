"""A worker ends when its application is killed, and never because of somebody else."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from ctgaze_app.study.parent_watch import PARENT_VARIABLE, follow_parent, parent_mark

APPLICATION = """
import sys
from ctgaze_app.study.prediction_worker import run_command
run_command([], progress=lambda step: None, cancelled=lambda: False, command=[sys.executable, sys.argv[1], sys.argv[2]])
"""
WORKER = """
import os, subprocess, sys, time
from ctgaze_app.study.parent_watch import follow_parent
follow_parent()
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
with open(sys.argv[1] + ".part", "w") as file:
    file.write(f"{os.getpid()} {child.pid}")
os.replace(sys.argv[1] + ".part", sys.argv[1])
time.sleep(60)
"""


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _until(what: Callable[[], bool], seconds: float = 20.0) -> bool:
    until_s = time.monotonic() + seconds
    while not what() and time.monotonic() < until_s:
        time.sleep(0.05)
    return what()


def test_a_worker_and_its_children_end_when_the_application_is_killed(tmp_path: Path) -> None:
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    said = tmp_path / "pids"
    application = subprocess.Popen([sys.executable, "-c", APPLICATION, str(tmp_path / "worker.py"), str(said)])
    try:
        assert _until(said.exists)
        worker, child = (int(word) for word in said.read_text().split())
        assert _runs(worker) and _runs(child)
        application.kill()
        assert application.wait() != 0
        assert _until(lambda: not _runs(worker) and not _runs(child))
    finally:
        application.kill()
        application.wait()


@pytest.mark.parametrize("mark", ["", "12", "x:1.0", ":"])
def test_a_process_that_nobody_marked_follows_nobody(mark: str) -> None:
    before = threading.active_count()
    follow_parent({PARENT_VARIABLE: mark})
    assert threading.active_count() == before


@pytest.mark.parametrize(("mark", "code"), [("own", 0), ("another", 3)])
def test_a_number_that_went_to_another_process_is_not_the_parent(mark: str, code: int) -> None:
    given = parent_mark() if mark == "own" else f"{os.getpid()}:1.0"
    script = "from ctgaze_app.study.parent_watch import follow_parent\nimport time\nfollow_parent()\ntime.sleep(1.5)"
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, PARENT_VARIABLE: given}, check=False)
    assert done.returncode == code


def test_a_clock_that_is_put_right_meanwhile_ends_no_worker() -> None:
    script = """
import psutil, time
from ctgaze_app.study.parent_watch import follow_parent
follow_parent()
time.sleep(1.0)
began = psutil.Process.create_time
psutil.Process.create_time = lambda self: began(self) + 3600
time.sleep(1.2)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env={**os.environ, PARENT_VARIABLE: parent_mark()}, check=False
    )
    assert done.returncode == 0
