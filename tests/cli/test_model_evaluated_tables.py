"""Tables of figures on the terminal: intervals below values, divided where they are wider than the page."""

from __future__ import annotations

from io import StringIO

from rich.console import Console

from ctgaze_app.cli.model.evaluated_tables import figure_text, tables_of
from models.card import Figure, MetricRow
from models.evaluations import EvaluationTable


def test_an_interval_stands_below_its_value_and_what_is_unknown_is_said():
    assert figure_text(Figure(value=0.75, low=-0.5, high=12.25)) == "0.750\n[-0.500 12.2]"
    assert figure_text(Figure(value=4321.9)) == "4322"
    assert figure_text(None) == "n/a"


def test_a_table_wider_than_the_page_is_divided_and_loses_no_column():
    columns = tuple(f"finding {n}" for n in range(7))
    row = MetricRow(role="ceiling", measures={name: Figure(value=0.5, low=0.25, high=0.75) for name in columns})
    table = EvaluationTable("AUROC", columns, {"a reader with a rather long name": row})
    made = list(tables_of(table, width=80))
    assert [title for title, _ in made] == ["AUROC (1 of 3)", "AUROC (2 of 3)", "AUROC (3 of 3)"]
    console = Console(width=80, file=StringIO())
    for _, each in made:
        console.print(each)
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(name in text for name in columns)
    assert text.count("(ceiling)") == 3
    assert max(map(len, text.splitlines())) <= 80
