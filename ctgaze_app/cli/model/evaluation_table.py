"""The evaluation of models as tables: floors beaten, what the CT is worth, slice steps, spread over models."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from ctgaze_app.cli.comparison_table import NOT_AVAILABLE, SHORT_NAMES, STARS, number_text
from models.ct_searcher.continuity import QUANTILES, REVERSAL_SHARE
from models.ct_searcher.evaluation_report import BEATEN_BY, KINDS, NO_RADIOLOGY, PERMUTED, SWAPPED, TOLD
from models.metrics.measures import MEASURES, Measure

if TYPE_CHECKING:
    from rich.table import Table

    from models.ct_searcher.evaluation_report import Beating, Evaluation
    from models.metrics.bootstrap import Estimate

MEASURE = {measure.key: measure for measure in MEASURES}
WORTH_BY = ("scanmatch", "position", "edit_similarity", "nss", "cc")
"""Of paths of one length, whose matched measures are the same."""
SPREAD_OF = ("scanmatch", "scanmatch_matched", "position", "edit_similarity", "nss", "cc")


def tables_of(found: Evaluation) -> Iterator[tuple[str, Table]]:
    """Every table beside those of the comparison, with its title."""
    yield "Floors beaten? Yes: the whole interval of the difference lies above 0, and p < .05", beating_table(found)
    if rows := list(_worth(found)):
        yield (
            "What the CT is worth: told the length, minus the same with another CT or permuted tokens",
            worth_table(rows),
        )
    yield "Continuity: steps from slice to slice, and courses through the stack", continuity_table(found)
    if found.spread:
        yield f"Mean of {len(found.models)} models, lowest and highest of them below", spread_table(found)


def beating_table(found: Evaluation) -> Table:
    """Models and oracles by floors and measures. Models with another CT or permuted tokens are in the JSON alone."""
    from rich.text import Text

    table = _empty(["", *(_label(key) for key in BEATEN_BY)])
    for candidate in dict.fromkeys(each.candidate for each in found.beating):
        if any(f"{kind} (model)" in candidate for kind in (SWAPPED, PERMUTED)):
            continue
        table.add_section()
        table.add_row(Text(candidate, style="italic"), *([""] * len(BEATEN_BY)))
        own = {(each.floor, each.measure): each for each in found.beating if each.candidate == candidate}
        for floor in dict.fromkeys(floor for floor, _ in own):
            cells = [_beats(own[floor, key]) for key in BEATEN_BY]
            table.add_row(SHORT_NAMES.get(floor, floor), *cells)
    return table


def worth_table(rows: Sequence[tuple[str, Sequence[Estimate]]]) -> Table:
    """What a model loses with another patient's CT, and with its tokens permuted."""
    table = _empty(["", *(_label(key) for key in WORTH_BY)])
    for name, estimates in rows:
        table.add_row(name, *(_difference(e, MEASURE[key]) for e, key in zip(estimates, WORTH_BY, strict=True)))
    return table


def continuity_table(found: Evaluation) -> Table:
    """Readers first: quantiles of absolute steps, courses a path, slices a fixation, distance from the readers."""
    percent = "/".join(f"{share:.0%}"[:-1] for share in QUANTILES)
    headings = ["", "paths", f"step, slices\n{percent} %", f"step, mm\n{percent} %"]
    headings += ["courses\n(sd)", "slices a\nfixation", "Wasser-\nstein", "KS"]
    table = _empty(headings)
    distances = {each.name: each for each in found.continuity.distances}
    for row in found.continuity.rows:
        said = row.to_dict()
        distance = distances.get(row.name)
        table.add_row(
            row.name,
            str(row.n_paths),
            " ".join(f"{value:.0f}" for value in row.quantiles_slices()),
            " ".join(f"{value:.0f}" for value in row.quantiles_mm()) or NOT_AVAILABLE,
            f"{said['courses_mean']:.1f} ({said['courses_sd']:.1f})",
            f"{said['slices_per_fixation_mean']:.2f}",
            "" if distance is None else f"{distance.wasserstein_slices:.2f}",
            "" if distance is None else f"{distance.ks:.2f}",
        )
    return table


def spread_table(found: Evaluation) -> Table:
    """Kinds of candidates by measures: mean over the models, and their range."""
    table = _empty(["", *(_label(key) for key in SPREAD_OF)])
    cells = {
        (each.kind, each.measure): f"{_number(each.mean, each.measure)}\n"
        f"[{_number(each.low, each.measure)} {_number(each.high, each.measure)}]"
        for each in found.spread
    }
    for kind in KINDS:
        if (kind, SPREAD_OF[0]) in cells:
            table.add_row(kind.removeprefix(", ") or "own length", *(cells[kind, key] for key in SPREAD_OF))
    return table


def sentences(found: Evaluation) -> Iterator[str]:
    """What a reader of these tables must know."""
    yield (
        f"{found.n_cases} cases of {found.n_patients} patients, {found.n_references} readings; {found.count} sampled "
        f"paths of a kind and case, seed {found.seed}."
    )
    if found.simulated:
        yield f"The readings are by simulated readers. {NO_RADIOLOGY}"
    yield (
        "Told the length: the stop is kept away until the reference's number of fixations. Another patient's CT: so "
        "told, predicted on another test patient's CT and moved from body to body. Tokens permuted: so told, with the "
        "cells' features permuted over the cells."
    )
    yield (
        "Lesion centres (oracle): the true centres from head to feet, each for its share of the reference's fixations; "
        "without a lesion the body's centre. Fixed average path: the mean training path, the same in every case."
    )
    yield (
        f"A course ends where a path turns back by {REVERSAL_SHARE:.0%} of the stack. Wasserstein: mean number of "
        "slices by which steps differ from the readers'; KS: the largest difference of their distributions."
    )
    yield from (f"{note[0].upper()}{note[1:]}." for note in found.notes)


def _worth(found: Evaluation) -> Iterator[tuple[str, list[Estimate]]]:
    for model in found.models:
        for kind in (SWAPPED, PERMUTED):
            difference = found.difference(model.candidate(TOLD), model.candidate(kind))
            if difference is not None:
                yield f"{model.name}{kind}", [difference.scores[key] for key in WORTH_BY]


def _beats(found: Beating) -> str:
    return NOT_AVAILABLE if found.beats is None else "yes" if found.beats else "no"


def _difference(estimate: Estimate, measure: Measure) -> str:
    if not math.isfinite(estimate.mean):
        return NOT_AVAILABLE
    stars = next((sign for limit, sign in STARS if estimate.p < limit), "")
    interval = f"\n[{number_text(estimate.low, measure)} {number_text(estimate.high, measure)}]"
    return f"{estimate.mean:+.3f}{stars}" + (interval if estimate.available else "")


def _number(value: float, key: str) -> str:
    return number_text(value, MEASURE[key]) if math.isfinite(value) else NOT_AVAILABLE


def _label(key: str) -> str:
    measure = MEASURE[key]
    name = f"MultiMatch\n{measure.label}" if measure.group.startswith("multimatch") else measure.label
    matched = key.endswith("_matched") and "matched" not in name
    return name.replace(", ", "\n") + ("\nmatched" if matched else "")


def _empty(headings: Sequence[str]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for heading in headings:
        first = not heading
        table.add_column(Text(heading), justify="left" if first else "right", overflow="fold", no_wrap=not first)
    return table
