"""What an evaluation tells: tables of figures with their intervals, and sentences on what they mean; no torch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from models.card import Card, MetricRow


@dataclass(frozen=True)
class EvaluationTable:
    """Rows of figures under one title.

    Attributes
    ----------
    rows
        By name: role and figure by column. A figure that cannot be computed is left out, never 0.
    """

    title: str
    columns: tuple[str, ...]
    rows: Mapping[str, MetricRow]


@dataclass(frozen=True)
class TableEvaluation:
    """Models beside floors and ceilings on the same cases.

    Attributes
    ----------
    on
        What they were measured on, as a sentence with numbers of patients and seeds.
    tables
        The first is written into a card.
    sentences
        What a reader of the tables must know, also what did not help.
    parameters
        Seeds, resamples, thresholds, device.
    """

    on: str
    tables: tuple[EvaluationTable, ...]
    sentences: tuple[str, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "on": self.on,
            "tables": [
                {
                    "title": table.title,
                    "columns": list(table.columns),
                    "rows": {name: row.model_dump(exclude_none=True) for name, row in table.rows.items()},
                }
                for table in self.tables
            ],
            "sentences": list(self.sentences),
            "parameters": dict(self.parameters),
        }


def told_apart(names: Sequence[str], folders: Sequence[str]) -> list[str]:
    """Names of models; where several have one, all with their folder's name beside it, and if need be a number."""
    if len(set(names)) == len(names):
        return list(names)
    found = [f"{name} ({folder})" for name, folder in zip(names, folders, strict=True)]
    if len(set(found)) == len(found):
        return found
    return [f"{name} {number}" for number, name in enumerate(found, start=1)]


def card_with(card: Card, found: TableEvaluation) -> Card:
    """The card with the figures of the first table."""
    return card.model_copy(update={"metrics": dict(found.tables[0].rows), "metrics_on": found.on})
