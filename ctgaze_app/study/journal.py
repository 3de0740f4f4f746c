"""`journal.jsonl`: what happened in a session, in plain words, append-only."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Self

from ctgaze_app.acquisition.clock import local_clock, utc_text


class Journal:
    """Appends one JSON object a line: utc, lsl (seconds), level, text; every line is flushed before `write` returns.

    Write no names, UIDs, dates of examinations or paths: the journal leaves with the session. After a crash the last
    line may be half written; the next journal starts on a line of its own.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        half_line = path.exists() and path.stat().st_size > 0 and not _ends_with_newline(path)
        self._file = path.open("a", encoding="utf-8", newline="\n")
        if half_line:
            self._file.write("\n")
            self._file.flush()

    def write(self, text: str, *, level: str = "info") -> None:
        """Append one line; `level` is a word such as info, warning, fault or error."""
        line = {"utc": utc_text(), "lsl": round(local_clock(), 6), "level": level, "text": text}
        self._file.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file; closing twice is fine."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_journal(path: Path) -> list[dict[str, object]]:
    """Every whole line of a journal; a half-written one is left out. A missing journal is empty."""
    if not path.exists():
        return []
    entries: list[dict[str, object]] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict):
            entries.append(entry)
    return entries


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, 2)
        return file.read(1) == b"\n"
