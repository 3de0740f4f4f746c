"""Evaluations on the terminal: tables of figures with their intervals below them, then what one must know."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ctgaze_app.cli.comparison_table import NOT_AVAILABLE, WIDTH

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from models.card import Figure
    from models.evaluations import EvaluationTable, TableEvaluation

NAME_WIDTH, FIGURE_WIDTH = 26, 16
ROLES = {"candidate": "", "floor": " (floor)", "ceiling": " (ceiling)"}


def show(found: TableEvaluation) -> None:
    """Every table on the terminal, and below them what a reader of them must know."""
    console = console_of()
    tables = [each for table in found.tables for each in tables_of(table, width=console.width)]
    print_tables(console, tables, [found.on, *found.sentences])


def console_of() -> Console:
    """As wide as the terminal; elsewhere a width that fits a page."""
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        return Console(highlight=False, width=WIDTH)
    return console


def print_tables(console: Console, tables: Iterable[tuple[str, Table]], lines: Iterable[str]) -> None:
    """Tables under their titles, then sentences."""
    for title, table in tables:
        console.print(title, markup=False, style="bold")
        console.print(table)
        console.print()
    for line in lines:
        console.print(line, markup=False, style="dim")


def tables_of(table: EvaluationTable, *, width: int) -> Iterator[tuple[str, Table]]:
    """The table; where it is wider than `width`, its columns are divided."""
    size = max(1, (width - NAME_WIDTH) // FIGURE_WIDTH)
    parts = [table.columns[start : start + size] for start in range(0, len(table.columns), size)]
    for number, columns in enumerate(parts, 1):
        title = table.title if len(parts) == 1 else f"{table.title} ({number} of {len(parts)})"
        yield title, _rows(table, columns)


def figure_text(figure: Figure | None) -> str:
    """A value and, below it, its interval."""
    if figure is None:
        return NOT_AVAILABLE
    interval = "" if figure.low is None or figure.high is None else f"\n[{_number(figure.low)} {_number(figure.high)}]"
    return f"{_number(figure.value)}{interval}"


def _rows(table: EvaluationTable, columns: tuple[str, ...]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    made.add_column(Text(""), overflow="fold")
    for column in columns:
        made.add_column(Text(column), justify="right", overflow="fold")
    for name, row in table.rows.items():
        made.add_row(Text(f"{name}{ROLES[row.role]}"), *(figure_text(row.measures.get(column)) for column in columns))
    return made


def _number(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
