"""The session folder and its manifest: made once, replaced atomically, broken ones named in one line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from ctgaze_app.errors import SessionError
from ctgaze_app.study.session import (
    create_session_folder,
    discard_empty_session_folder,
    is_code,
    read_manifest,
    session_code,
    write_atomically,
)
from tests.factories.sessions import make_session


def test_a_nearly_full_disk_stops_the_session_before_it_starts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=50_000_000))
    with pytest.raises(SessionError, match="only 50 MB are free"):
        create_session_folder(tmp_path / "session")
    assert not (tmp_path / "session").exists()


def test_a_folder_with_anything_in_it_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(SessionError, match="already holds files"):
        create_session_folder(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_unused_folder_is_taken_away_again_but_never_one_that_holds_data(tmp_path: Path) -> None:
    create_session_folder(tmp_path / "a")
    discard_empty_session_folder(tmp_path / "a")
    assert not (tmp_path / "a").exists()
    create_session_folder(tmp_path / "b")
    (tmp_path / "b" / "calibration" / "001.json").write_text("{}", encoding="utf-8")
    discard_empty_session_folder(tmp_path / "b")
    assert (tmp_path / "b" / "calibration" / "001.json").exists()


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda manifest: manifest.pop("screen"), "screen"),
        (lambda manifest: manifest.update(reader="Dr Smith"), "reader"),
        (lambda manifest: manifest.update(schema=2), "schema"),
        (lambda manifest: manifest["parts"][0].update(file="../elsewhere.xdf"), "parts.0.file"),
        (lambda manifest: manifest.update(surprise=1), "surprise"),
    ],
    ids=["missing", "a name as code", "other schema", "path outside", "unknown field"],
)
def test_a_broken_manifest_is_one_line_with_its_place(tmp_path: Path, change: Any, place: str) -> None:
    make_session(tmp_path / "s", seconds=1.0)
    path = tmp_path / "s" / "session.json"
    manifest = json.loads(path.read_text(encoding="utf-8"))
    change(manifest)
    path.write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(SessionError) as caught:
        read_manifest(tmp_path / "s")
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)


def test_replacing_leaves_no_staging_file_behind(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    write_atomically(path, "old")
    write_atomically(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["x.json"]


def test_codes_are_safe_file_names() -> None:
    assert is_code(session_code("r01"))
    assert not any(is_code(text) for text in ("", "../x", "a b", "a/b", "-a", "x" * 65))


def test_a_file_that_a_scanner_holds_for_a_moment_is_replaced_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[Path] = []
    replace = Path.replace

    def held_twice(staging: Path, target: Path) -> Path:
        if len(refused) < 2:
            refused.append(target)
            raise PermissionError(13, "held")
        return replace(staging, target)

    monkeypatch.setattr(Path, "replace", held_twice)
    write_atomically(tmp_path / "session.json", "new")
    assert (tmp_path / "session.json").read_text(encoding="utf-8") == "new"
    assert len(refused) == 2
