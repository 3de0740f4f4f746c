"""Where a worker writes what then moves to its place: a folder for each run, that goes when the run does."""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ctgaze_app.errors import SessionError
from ctgaze_app.study.parent_watch import mark_runs, parent_mark

MAKING = "making-"
"""Begins the names of such folders."""
WRITTEN = "prediction.json"
ABANDONED_S = 24 * 3600.0
"""After this long what another computer left is taken for left; of this computer it is known."""

_NAME = re.compile(MAKING + r"(?P<computer>[0-9a-f]{8})-(?P<number>\d{1,9})-(?P<started>\d+(\.\d+)?)-\w+")


@contextmanager
def place_to_write(out: Path) -> Iterator[Path]:
    """A file that no other run writes, on the same disk as `out`; whatever is there goes when the context ends.

    What runs of an application that was killed have left beside it goes first.

    Raises
    ------
    SessionError
        When the folder cannot be made.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        remove_abandoned(out.parent)
        mark = parent_mark().replace(":", "-")
        folder = Path(tempfile.mkdtemp(prefix=f"{MAKING}{_computer()}-{mark}-", dir=out.parent))
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SessionError(
            f"predictions cannot be written: {reason}", place=str(out.parent), remedy="check rights and space"
        ) from error
    try:
        yield folder / WRITTEN
    finally:
        _remove(folder)


def remove_abandoned(folder: Path) -> None:
    """Remove what runs have left whose application is gone."""
    for left in (*folder.glob(f"{MAKING}*"), *folder.glob(f".{MAKING}*")):
        if _is_abandoned(left):
            _remove(left)


def _is_abandoned(left: Path) -> bool:
    named = _NAME.fullmatch(left.name)
    if named is not None and named["computer"] == _computer():
        return not mark_runs(f"{named['number']}:{named['started']}")
    try:
        return time.time() - left.lstat().st_mtime > ABANDONED_S
    except FileNotFoundError:
        return False


def _computer() -> str:
    """Tells computers that share a folder apart, and names none."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _remove(left: Path) -> None:
    # What cannot be removed now is tried again before the next prediction; it is no reason to make none.
    if left.is_dir() and not left.is_symlink():
        shutil.rmtree(left, ignore_errors=True)
        return
    try:
        left.unlink(missing_ok=True)
    except OSError:
        return
