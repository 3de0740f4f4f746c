"""What `ctgaze compare --json` says about one model and one reading: few figures, beside floors and ceiling."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

CEILINGS = ("between readers", "within a reader", "between simulated readers")


@dataclass(frozen=True)
class FigureRow:
    """One measure: the mean over the model's sampled paths, each floor's, the ceiling's; NaN where there is none."""

    key: str
    name: str
    decimals: int
    meaning: str
    model: float
    of_each_path: tuple[float, ...]
    floors: Mapping[str, float] = field(repr=False)
    ceiling: float

    @property
    def highest_floor(self) -> tuple[str, float]:
        """Name and value of the best floor; without any, no name and NaN."""
        known = {name: value for name, value in self.floors.items() if math.isfinite(value)}
        best = max(known, key=lambda name: known[name], default="")
        return best, known.get(best, math.nan)


SHOWN = (
    ("scanmatch", "ScanMatch", 3, "ScanMatch of the paths as they are"),
    ("scanmatch_matched", "– matched", 3, "ScanMatch after both paths were brought to one length"),
    ("edit_similarity", "Edit similarity", 3, "1 - string edit distance"),
    ("position", "MM position", 3, "MultiMatch, position"),
    ("cc", "CC", 3, "Correlation of the dwell maps"),
    ("nss", "NSS (sd)", 2, "The model's dwell map at this reader's fixations, in standard deviations"),
)
"""Keys of `models.metrics.measures.MEASURES`, short names, decimals, what they are; higher is better in all of them."""


@dataclass(frozen=True)
class ModelFigures:
    """The rows, and why a floor or the ceiling is missing, by its name."""

    rows: tuple[FigureRow, ...]
    ceiling_name: str
    ceiling_note: str
    floor_notes: Mapping[str, str] = field(repr=False)


def model_figures(report: Mapping[str, Any], reading: str, model: str) -> ModelFigures:
    """From a report as `Comparison.to_dict` makes it.

    Parameters
    ----------
    reading
        ``session:trial`` of the reading that the model stands beside.
    model
        The model's name, without what `name_of` adds.

    Raises
    ------
    ValueError
        When the report has no score of this model beside this reading, or is no such report.
    """
    try:
        pairs: Sequence[Mapping[str, Any]] = report["pairs"]
        of_model = [
            pair for pair in pairs if pair["reference_trial"] == reading and pair["candidate"] == f"{model} (model)"
        ]
        if not of_model:
            raise ValueError(f"nothing compares {model} with {reading}")
        others = [pair for pair in pairs if pair["reference_trial"] == reading and pair["kind"] in CEILINGS]
        floors = [pair for pair in report["floor_pairs"] if pair["reference_trial"] == reading]
        rows = tuple(_row(*shown, of_model, floors, others) for shown in SHOWN)
        kinds = list(dict.fromkeys(str(pair["kind"]) for pair in others))
        notes = {str(row["name"]): str(row["note"]) for row in report["rows"] if row["role"] == "floor" and row["note"]}
        missing = [str(row["note"]) for row in report["rows"] if row["role"] == "ceiling" and row["note"]]
    except (KeyError, TypeError) as error:
        raise ValueError(f"no report of a comparison: {error!r}") from error
    note = "" if kinds else (missing or ["not available: this case was read once"])[0]
    return ModelFigures(rows, ", ".join(kinds), note, notes)


def _row(
    key: str,
    name: str,
    decimals: int,
    meaning: str,
    of_model: Sequence[Mapping[str, Any]],
    floors: Sequence[Mapping[str, Any]],
    others: Sequence[Mapping[str, Any]],
) -> FigureRow:
    each = tuple(_score(pair, key) for pair in of_model)
    names = dict.fromkeys(str(pair["candidate"]) for pair in floors)
    by_floor = {floor: _mean([_score(pair, key) for pair in floors if pair["candidate"] == floor]) for floor in names}
    return FigureRow(
        key, name, decimals, meaning, _mean(each), each, by_floor, _mean([_score(pair, key) for pair in others])
    )


def _score(pair: Mapping[str, Any], key: str) -> float:
    value = pair["scores"].get(key)
    return math.nan if value is None else float(value)


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan
