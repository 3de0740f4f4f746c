"""Training configurations from files: what cannot be read is one line, and names lead to shipped recipes."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.errors import ModelError
from models.training.recipes import config_text, parse_recipe, read_recipe, read_recipe_file, recipe_names
from models.training.table import RunTable, Table


class Folders(Table):
    """Some paths."""

    first: Path
    more: tuple[Path, ...] = ()


class Small(Table):
    """A configuration of two tables."""

    data: Folders
    training: RunTable = RunTable()


def test_a_file_that_is_not_there_or_too_large_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"gone.toml: cannot be read: No such file"):
        read_recipe_file(tmp_path / "gone.toml", Small)
    (tmp_path / "large.toml").write_bytes(b"#" * (1 << 21))
    with pytest.raises(ModelError, match="too large"):
        read_recipe_file(tmp_path / "large.toml", Small)


def test_tables_nested_beyond_all_measure_are_one_line() -> None:
    with pytest.raises(ModelError, match=r"run.toml: is no TOML"):
        parse_recipe(f"{'a.' * 20_000}a = 1\n".encode(), Small, place="run.toml")


def test_paths_count_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text('[data]\nfirst = "a"\nmore = ["b/c", "/d"]\n')
    config = read_recipe(str(tmp_path / "run.toml"), Small)
    assert config.data == Folders(first=tmp_path / "a", more=(tmp_path / "b" / "c", Path("/d")))
    assert config.training == RunTable()


def test_a_configuration_survives_writing_and_reading() -> None:
    config = Small(data=Folders(first=Path("a")), training=RunTable(epochs=3, gradient_clip=1.5))
    assert parse_recipe(config_text(config).encode(), Small, place="run.toml") == config


def test_a_name_that_is_no_recipe_lists_those_of_the_architecture() -> None:
    assert recipe_names("ct_searcher") == ["ct_searcher_published", "ct_searcher_small"]
    assert set(recipe_names("ct_searcher")) <= set(recipe_names())
    with pytest.raises(ModelError) as raised:
        read_recipe("no_such", Small, architecture="ct_searcher")
    assert str(raised.value) == (
        "no_such: there is no such file or recipe (recipes: ct_searcher_published, ct_searcher_small)"
    )


def test_a_recipe_of_another_architecture_is_told_to_be_one() -> None:
    with pytest.raises(ModelError) as raised:
        read_recipe("ct_scroll_small", Small, architecture="ct_searcher")
    assert str(raised.value) == (
        "ct_scroll_small: this recipe is of another architecture (recipes: ct_searcher_published, ct_searcher_small)"
    )
