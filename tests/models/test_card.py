"""A card says what it must, reads back as it was written, and is refused in one line that names file and field."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.card import Card, Figure, MetricRow, TrainingCard, card_text, read_card, write_card
from models.card_text import WIDTH, toml_text
from models.errors import ModelError
from tests.models.ct_searcher.saved_searchers import tiny_card

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=400)
VALUES = st.recursive(
    st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=5))
def test_any_values_come_back_from_toml(values):
    assert tomllib.loads(toml_text(values)) == values


def full_card() -> Card:
    return tiny_card(
        limits=("A long sentence on what this is not. " * 12, 'Quotes " and \\ and a line\nend.'),
        training=TrainingCard(data="d", seeds=(1, 2), recipe_sha256="a" * 64, patients={"train": 7, "test": 2}),
        settings={"grid_kji": [4, 2, 3], "faithful": False},
        metrics_on="3 simulated patients",
        metrics={"tiny 1.0": MetricRow(role="candidate", measures={"ScanMatch": Figure(value=0.5, low=0.4, high=0.6)})},
    )


def test_a_card_reads_back_as_it_was_written(tmp_path: Path):
    write_card(tmp_path, full_card())
    assert read_card(tmp_path) == full_card()
    assert [path.name for path in tmp_path.iterdir()] == ["card.toml"]


def test_long_texts_are_folded_for_people():
    assert max(len(line) for line in card_text(full_card()).splitlines()) <= WIDTH + 5


@pytest.mark.parametrize(
    "field",
    ["schema", "name", "version", "task", "architecture", "research_only", "licence", "weights_sha256", "limits"],
)
def test_a_missing_field_is_named_with_its_file(tmp_path: Path, field: str):
    text = "".join(line for line in card_text(tiny_card()).splitlines(True) if not line.startswith(f"{field} = "))
    (tmp_path / "card.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError) as caught:
        read_card(tmp_path)
    assert str(caught.value) == f"{tmp_path / 'card.toml'}: {field}: this field is missing (correct the card)"


@pytest.mark.parametrize("table", ["input", "training", "settings", "metrics"])
def test_a_missing_table_is_named(tmp_path: Path, table: str):
    parts = card_text(full_card()).split("\n\n")
    kept = [part for part in parts if not part.startswith(f"[{table}")]
    (tmp_path / "card.toml").write_text("\n\n".join(kept), encoding="utf-8")
    with pytest.raises(ModelError, match=rf"card.toml: {table}: this field is missing"):
        read_card(tmp_path)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('name = "tiny"', 'name = "../tiny"', "name: String should match"),
        ("schema = 1", "schema = 2", "schema: Input should be 1"),
        ('version = "1.0"', "version = 1.0", "version: Input should be a valid string"),
        ('task = "scanpath"', 'task = "diagnosis"', "task: Input should be"),
        ('limits = ["It knows nothing."]', "limits = []", "limits: Tuple should have at least 1 item"),
        ('licence = "Apache-2.0"', 'licence = "Apache-2.0"\nsurprise = 1', "surprise: Extra inputs"),
        ("hu_windows = [[-1150.0, 350.0]]", "hu_windows = [[350.0, -1150.0]]", "input.hu_windows: Value error"),
        ("hu_windows = [[-1150.0, 350.0]]", "hu_windows = [[nan, 350.0]]", "holds a value that no card has"),
        ("schema = 1", "schema = ", "is no TOML"),
    ],
)
def test_a_wrong_field_is_one_line(tmp_path: Path, before: str, after: str, said: str):
    text = card_text(tiny_card())
    assert before in text
    (tmp_path / "card.toml").write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(ModelError, match=said) as caught:
        read_card(tmp_path)
    assert "\n" not in str(caught.value)
    assert "card.toml" in str(caught.value)


def test_no_folder_no_card_and_no_text_are_one_line(tmp_path: Path):
    with pytest.raises(ModelError, match=r"missing: there is no such folder"):
        read_card(tmp_path / "missing")
    with pytest.raises(ModelError, match=r"holds no card.toml"):
        read_card(tmp_path)
    (tmp_path / "card.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match=r"card.toml: is no TOML"):
        read_card(tmp_path)


def test_a_long_text_that_begins_with_white_space_keeps_it():
    text = f"  {'word ' * 60}end"
    assert tomllib.loads(toml_text({"limit": text})) == {"limit": text}


def test_tables_nested_beyond_all_measure_are_one_line(tmp_path: Path):
    head = 'schema = 1\nresearch_only = "x"\nmetrics_on = ""\nmetrics = {}\n'
    (tmp_path / "card.toml").write_text(f"{head}settings.{'a.' * 20_000}a = 1\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"card.toml: holds a value that no card has"):
        read_card(tmp_path)
