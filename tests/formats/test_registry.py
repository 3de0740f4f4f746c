"""One contract for all formats: named, described, lazy, and honest about what must be declared."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from ctgaze_app.formats.contract import Format, FormatError, checked_options
from ctgaze_app.formats.registry import FORMATS, every_format, format_named
from tests.formats.mutation_subjects import SUBJECTS
from tests.formats.mutations import assert_no_silent_damage, subjects_of


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_format_is_what_its_name_says(name: str) -> None:
    found = format_named(name)
    assert isinstance(found, Format)
    assert found.name == name
    assert found.title
    assert found.read is not None or found.write is not None
    assert found.read is not None or not found.read_options
    assert found.write is not None or not found.write_options
    for call in (found.read, found.write):
        assert call is None or call.__doc__


@pytest.mark.parametrize("name", list(FORMATS))
def test_every_option_is_explained_and_its_default_is_possible(name: str) -> None:
    found = format_named(name)
    for options in (found.read_options, found.write_options):
        assert len({option.name for option in options}) == len(options)
        for option in options:
            assert len(option.meaning) > 10
            assert option.default is None or not option.choices or option.default in option.choices
            assert option.name.isidentifier()


@pytest.mark.parametrize("name", list(FORMATS))
def test_an_unknown_option_is_refused_with_the_known_ones(name: str) -> None:
    found = format_named(name)
    with pytest.raises(FormatError, match=f"format {name} has no option colour"):
        checked_options({"colour": "red"}, found.read_options, name)


@pytest.mark.parametrize("name", [each.name for each in every_format() if each.read is not None])
@pytest.mark.parametrize("content", [None, b"", b"\x00\xff\xfe garbage", b"{}", b"a,b\n1,2\n"])
def test_what_is_not_this_format_is_one_line(tmp_path: Path, name: str, content: bytes | None) -> None:
    found = format_named(name)
    path = tmp_path / "thing.bin"
    if content is not None:
        path.write_bytes(content)
    mapping = tmp_path / "m.toml"
    mapping.write_text("schema = 1\n", encoding="utf-8")
    guessed = {
        option.name: str(mapping) if option.name == "mapping" else "1920x1080px,527x296mm,650mm"
        if option.name == "screen" else option.choices[0] if option.choices else "1x1x1"
        for option in found.read_options
        if option.default is None
    }  # fmt: skip
    assert found.read is not None
    with pytest.raises(FormatError) as caught:
        found.read(path, checked_options(guessed, found.read_options, name))
    assert "\n" not in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("name", [each.name for each in every_format() if each.read is not None])
def test_every_reader_is_tried_with_damaged_files(name: str) -> None:
    assert subjects_of(name), f"no MUTATION_SUBJECTS in the test of {name}"


def test_a_damaged_recording_never_gives_other_numbers_in_silence(tmp_path: Path) -> None:
    assert_no_silent_damage(SUBJECTS["xdf"][0], tmp_path)


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_reader_and_a_writer_take_what_the_contract_says(name: str) -> None:
    found = format_named(name)
    if found.read is not None:
        assert len(inspect.signature(found.read).parameters) == 2
    if found.write is not None:
        assert len(inspect.signature(found.write).parameters) == 3


def test_an_unknown_format_names_the_known_ones() -> None:
    with pytest.raises(FormatError, match=r"there is no format mp3 .*ct_scangaze"):
        format_named("mp3")


def test_knowing_the_formats_loads_nothing_heavy() -> None:
    code = (
        "import sys; import ctgaze_app.formats.registry, ctgaze_app.cli.exchange; "
        "print(sorted({'pandas', 'pyarrow', 'nibabel', 'scipy', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
