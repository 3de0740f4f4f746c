"""A command in a process of its own: progress, result, cancelling, and every way to die as one line."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.study.prediction_worker import (
    Step,
    WorkerCancelled,
    WorkerError,
    predict_in_worker,
    run_command,
)
from ctgaze_app.study.predictions import PredictionRequest, Task

REQUEST = PredictionRequest("m", "1", "ab", 3, 0)


def _script(folder: Path, body: str) -> tuple[str, ...]:
    """A stand-in for ``ctgaze`` in a folder with spaces."""
    place = folder / "a folder with spaces"
    place.mkdir(exist_ok=True)
    path = place / "stand in.py"
    path.write_text(f"import json, os, sys, time\n{body}\n", encoding="utf-8")
    return sys.executable, str(path)


def _never() -> bool:
    return False


def _runs(pid: int) -> bool:
    """Whether a process computes; an orphan that has ended may wait for the system to notice."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _run(command: tuple[str, ...], *arguments: str) -> tuple[str, list[Step]]:
    steps: list[Step] = []
    return run_command(arguments, progress=steps.append, cancelled=_never, command=command), steps


def _fails(command: tuple[str, ...]) -> str:
    with pytest.raises(WorkerError) as failure:
        _run(command)
    assert "\n" not in str(failure.value)
    return str(failure.value)


def test_progress_lines_become_steps_and_output_comes_back(tmp_path: Path) -> None:
    body = (
        "for n in (1, 2):\n"
        "    print(json.dumps({'done': n, 'total': 2, 'what': 'Encoding'}), file=sys.stderr)\n"
        "print('a warning', file=sys.stderr)\n"
        "print(json.dumps(sys.argv[1:]))"
    )
    output, steps = _run(_script(tmp_path, body), "two words", "é")
    assert steps == [Step(1, 2, "Encoding"), Step(2, 2, "Encoding")]
    assert output.strip() == '["two words", "\\u00e9"]'


def test_output_larger_than_a_pipe_does_not_block(tmp_path: Path) -> None:
    output, _ = _run(_script(tmp_path, "sys.stdout.write('x' * 3_000_000); sys.stderr.write('y\\n' * 200_000)"))
    assert len(output) == 3_000_000


def test_the_commands_own_line_is_the_reason_without_its_name(tmp_path: Path) -> None:
    body = (
        "print('ctgaze: card.toml: no field licence (add it)', file=sys.stderr)\n"
        "print('later', file=sys.stderr)\n"
        "sys.exit(1)"
    )
    assert _fails(_script(tmp_path, body)) == "card.toml: no field licence (add it)"


def test_a_silent_end_names_the_code(tmp_path: Path) -> None:
    assert "ended with code 3" in _fails(_script(tmp_path, "sys.exit(3)"))


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize(
    ("number", "words"), [(signal.SIGKILL, "memory runs out"), (signal.SIGSEGV, "crashed (SIGSEGV)")]
)
def test_a_signal_is_told_in_words(tmp_path: Path, number: int, words: str) -> None:
    assert words in _fails(_script(tmp_path, f"os.kill(os.getpid(), {int(number)})"))


@pytest.mark.parametrize(
    "line", ["ctgaze: unexpected MemoryError: ", "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"]
)
def test_memory_that_ran_out_is_said_as_such(tmp_path: Path, line: str) -> None:
    assert "memory ran out" in _fails(_script(tmp_path, f"print({line!r}, file=sys.stderr); sys.exit(1)"))


def test_a_command_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    assert "cannot be started" in _fails((str(tmp_path / "nothing here"),))


def test_cancelling_ends_the_process_and_its_children_at_once(tmp_path: Path) -> None:
    body = (
        "import subprocess\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print(json.dumps({'done': os.getpid(), 'total': child.pid, 'what': ''}), file=sys.stderr, flush=True)\n"
        "time.sleep(60)"
    )
    seen: list[Step] = []
    started = time.monotonic()
    with pytest.raises(WorkerCancelled):
        run_command([], progress=seen.append, cancelled=lambda: bool(seen), command=_script(tmp_path, body))
    assert time.monotonic() - started < 10
    assert not any(_runs(pid) for pid in (seen[0].done, seen[0].total))
    assert not any("ctgaze-worker" in thread.name for thread in threading.enumerate())


@pytest.mark.skipif(sys.platform == "win32", reason="a process of POSIX can ignore the polite request")
def test_a_process_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    body = (
        "import signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "print(json.dumps({'done': os.getpid(), 'total': 0, 'what': ''}), file=sys.stderr, flush=True)\n"
        "time.sleep(60)"
    )
    seen: list[Step] = []
    with pytest.raises(WorkerCancelled):
        run_command([], progress=seen.append, cancelled=lambda: bool(seen), command=_script(tmp_path, body))
    assert not _runs(seen[0].done)


def test_no_zombie_is_left(tmp_path: Path) -> None:
    before = len(psutil.Process(os.getpid()).children())
    _run(_script(tmp_path, "pass"))
    assert len(psutil.Process(os.getpid()).children()) == before


PREDICT = "out = sys.argv[sys.argv.index('--out') + 1]\nopen(out, 'w').write(json.dumps(sys.argv[1:]))\n"


def _predict(tmp_path: Path, body: str, out: Path) -> Path:
    return predict_in_worker(
        tmp_path / "my models" / "m",
        tmp_path / "a session",
        2,
        REQUEST,
        out,
        progress=lambda step: None,
        cancelled=_never,
        command=_script(tmp_path, body),
    )


def test_a_prediction_asks_for_the_trial_and_ends_in_its_place(tmp_path: Path) -> None:
    out = tmp_path / "a session" / "derived" / "predictions" / "2_m-1_00000000.json"
    assert _predict(tmp_path, PREDICT, out) == out
    said = out.read_text(encoding="utf-8")
    assert f'"{tmp_path / "a session"}:2"'.replace("\\", "\\\\") in said
    assert '"--count", "3", "--seed", "0"' in said
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_another_task_is_asked_for_with_its_own_options(tmp_path: Path) -> None:
    out = tmp_path / "p" / "2_m-1_00000000.json"
    request = PredictionRequest("m", "1", "ab", task="segmentation", options=(("slices", "1-3"),))
    predict_in_worker(
        tmp_path / "m", tmp_path / "s", 2, request, out, progress=lambda step: None, cancelled=_never,
        command=_script(tmp_path, PREDICT),
    )  # fmt: skip
    said = out.read_text(encoding="utf-8")
    assert '"--option", "slices=1-3"' in said
    assert "--count" not in said and "--seed" not in said


@pytest.mark.parametrize(("task", "fewer"), [("scanpath", True), ("segmentation", False)])
def test_only_scan_paths_can_be_fewer_when_memory_ran_out(tmp_path: Path, task: Task, fewer: bool) -> None:
    body = "print('RuntimeError: out of memory', file=sys.stderr); sys.exit(1)"
    with pytest.raises(WorkerError) as failure:
        predict_in_worker(
            tmp_path / "m", tmp_path / "s", 2, PredictionRequest("m", "1", "ab", task=task), tmp_path / "p" / "o.json",
            progress=lambda step: None, cancelled=_never, command=_script(tmp_path, body),
        )  # fmt: skip
    assert failure.value.message == "memory ran out"
    assert ("fewer paths" in failure.value.remedy) is fewer


def test_a_worker_that_dies_while_writing_leaves_no_half_file(tmp_path: Path) -> None:
    out = tmp_path / "s" / "derived" / "predictions" / "2_m-1_00000000.json"
    with pytest.raises(WorkerError):
        _predict(tmp_path, f"{PREDICT}os._exit(7)", out)
    assert list(out.parent.iterdir()) == []


def test_a_worker_that_writes_nothing_is_told(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="without a result"):
        _predict(tmp_path, "pass", tmp_path / "p" / "2_m-1_00000000.json")


@pytest.mark.skipif(sys.platform == "win32", reason="a process of POSIX can ignore the polite request")
def test_a_run_that_is_being_cancelled_takes_nothing_from_the_next_one(tmp_path: Path) -> None:
    out = tmp_path / "p" / "2_m-1_00000000.json"
    told = "print(json.dumps({'done': 1, 'total': 2, 'what': ''}), file=sys.stderr, flush=True)\n"
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    stubborn = _script(
        tmp_path / "first",
        f"import signal\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\n{PREDICT}{told}time.sleep(60)",
    )
    waits = _script(
        tmp_path / "second", f"{PREDICT}{told}\nwhile not os.path.exists({str(tmp_path / 'go')!r}): time.sleep(0.01)"
    )
    begun: list[Step] = []
    ends: list[object] = []

    def first() -> None:
        try:
            predict_in_worker(
                tmp_path / "m", tmp_path / "s", 2, REQUEST, out, progress=begun.append,
                cancelled=lambda: bool(begun), command=stubborn,
            )  # fmt: skip
        except WorkerCancelled as end:
            ends.append(end)

    def second(step: Step) -> None:
        ending.join(30)
        (tmp_path / "go").touch()

    ending = threading.Thread(target=first)
    ending.start()
    while not begun:
        time.sleep(0.01)
    predict_in_worker(
        tmp_path / "m", tmp_path / "s", 2, replace(REQUEST, count=7), out, progress=second, cancelled=_never,
        command=waits,
    )  # fmt: skip
    assert len(ends) == 1
    assert '"--count", "7"' in out.read_text(encoding="utf-8")
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(SessionError, match="cannot be written"):
        _predict(tmp_path, PREDICT, tmp_path / "file" / "p" / "2_m-1_00000000.json")
