"""The journal: one line an event, readable after any crash."""

from __future__ import annotations

import json
from pathlib import Path

from ctgaze_app.study.journal import Journal, read_journal


def test_every_line_is_on_disk_when_write_returns(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write("session started")
        journal.write("gaze stopped", level="fault")
        entries = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(entry["level"], entry["text"]) for entry in entries] == [
        ("info", "session started"),
        ("fault", "gaze stopped"),
    ]
    assert all(set(entry) == {"utc", "lsl", "level", "text"} for entry in entries)


def test_a_journal_is_only_ever_appended_to(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    for text in ("one", "two"):
        with Journal(path) as journal:
            journal.write(text)
    assert [entry["text"] for entry in read_journal(path)] == ["one", "two"]


def test_a_half_written_line_is_left_alone_and_the_next_starts_fresh(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.write("before the crash")
    with path.open("a", encoding="utf-8") as file:
        file.write('{"utc": "2026-01')
    with Journal(path) as journal:
        journal.write("after the crash")
    assert [entry["text"] for entry in read_journal(path)] == ["before the crash", "after the crash"]
    assert '{"utc": "2026-01\n' in path.read_text(encoding="utf-8")


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "journal.jsonl") == []
