"""The comparison of scan paths as tables for a paper: means, intervals below them, floors and ceiling as rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from models.metrics.floors import MARKOV, OTHER_PATIENT, SAW_TOOTH, SHUFFLE
from models.metrics.heat_map import CENTRE_SIGMA_SHARE
from models.metrics.measures import MEASURES, Group, Measure

if TYPE_CHECKING:
    from rich.table import Table

    from models.metrics.bootstrap import Estimate
    from models.metrics.comparison_report import Comparison, Role, Row

WIDTH = 100
"""Columns where the output is no terminal and nothing else is said."""
NAME_WIDTH = 12
"""Columns that the names have at least, where a name is as long: narrower tables are divided instead."""
NOT_AVAILABLE = "n/a"
TITLES: dict[Group, str] = {
    "strings": "Order of places: ScanMatch and string edit distance",
    "multimatch": "MultiMatch, paths as recorded",
    "multimatch_matched": "MultiMatch, length-matched",
    "maps": "Heat maps",
}
SHORT_NAMES = {SHUFFLE: "matched shuffle", OTHER_PATIENT: "other patient"}
"""Of floors in the tables, which are narrow; the footnotes have the whole names."""
STARS = ((0.001, "***"), (0.01, "**"), (0.05, "*"))


def tables_of(comparison: Comparison, *, width: int) -> Iterator[tuple[str, Table]]:
    """Every table of the report with its title; where one is wider than `width` its measures are divided."""
    for group, title in TITLES.items():
        yield from _fitting(partial(means_table, comparison), title, group, width)
    if comparison.differences:
        for group, title in TITLES.items():
            heading = f"{title}: differences"
            yield from _fitting(partial(differences_table, comparison), heading, group, width)


def _fitting(
    make: Callable[[Sequence[Measure]], Table], title: str, group: Group, width: int
) -> list[tuple[str, Table]]:
    measures = [measure for measure in MEASURES if measure.group == group]
    size, found = len(measures), [(title, make(measures))]
    while size > 1 and any(_narrowest(table) > width for _, table in found):
        size = min(size - 1, math.ceil(len(measures) / (len(found) + 1)))
        parts = [measures[start : start + size] for start in range(0, len(measures), size)]
        found = [(f"{title} ({number} of {len(parts)})", make(part)) for number, part in enumerate(parts, 1)]
    return found


def _narrowest(table: Table) -> int:
    """Columns of text that a table needs when its names are folded."""
    from rich.console import Console

    # A measured minimum would break the intervals at their spaces.
    table.columns[0].max_width = NAME_WIDTH
    needed = Console(width=1000).measure(table).maximum
    table.columns[0].max_width = None
    return needed


def means_table(comparison: Comparison, measures: Sequence[Measure]) -> Table:
    """Candidates, floors and ceiling by some measures; intervals in brackets below the means."""
    table = _empty(["", "n"], measures)
    sections: tuple[tuple[Role, str], ...] = (("candidate", "Candidates"), ("floor", "Floors"), ("ceiling", "Ceiling"))
    for role, heading in sections:
        _add_heading(table, heading)
        rows = comparison.with_role(role)
        if not rows:
            table.add_row("none", *([""] * (len(measures) + 1)))
        for row in rows:
            cells = [_mean(row.scores.get(measure.key), measure) for measure in measures]
            table.add_row(SHORT_NAMES.get(row.name, row.name), _count(row), *cells)
        table.add_section()
    return table


def differences_table(comparison: Comparison, measures: Sequence[Measure]) -> Table:
    """Each candidate minus each floor and each later candidate, with intervals and stars."""
    table = _empty([""], measures)
    last = None
    for difference in comparison.differences:
        if last != difference.candidate:
            table.add_section()
            _add_heading(table, f"{difference.candidate} minus")
        last = difference.candidate
        cells = [_difference(difference.scores.get(measure.key), measure) for measure in measures]
        table.add_row(SHORT_NAMES.get(difference.against, difference.against), *cells)
    return table


def footnotes(comparison: Comparison) -> list[str]:
    """What a reader of the tables must know, in sentences."""
    return list(_footnotes(comparison))


def _footnotes(comparison: Comparison) -> Iterator[str]:
    parameters, measures = comparison.parameters, comparison.parameters.measures
    yield (
        "n: pairs/patients. Means over patients of the pairs with the references "
        f"({', '.join(comparison.references)}); a reader is never compared with the same reader's own reading there."
    )
    if not comparison.with_role("candidate"):
        yield "Candidates: none, because every pair is of one reader with the same reader."
    estimates = [estimate for row in comparison.rows for estimate in row.scores.values()]
    if any(estimate.available for estimate in estimates):
        yield (
            f"Brackets: low and high end of {parameters.level:.0%} intervals, bootstrap over patients "
            f"({parameters.resamples} resamples, seed {parameters.seed})."
        )
    for reason in sorted({estimate.reason for estimate in estimates if estimate.reason and estimate.n_patients}):
        yield f"Intervals and p: {reason}."
    yield (
        f"ScanMatch and edit distance: {measures.bins.sentence()}; ScanMatch threshold {measures.threshold_bins:g} "
        f"cells, gap 0, with durations {measures.temporal_bin_s * 1000:g} ms a symbol. MultiMatch in mm where the "
        f"spacing is known, not simplified. Matched: {_matching(measures.matching)}. 1: the same path."
    )
    chosen = measures.map
    if chosen is not None:
        zoom = ", the degrees those of the reference's zoom" if chosen.sigma_unit == "degree" else ""
        yield (
            f"Heat maps: Gaussian, sigma {chosen.sigma:g} {chosen.sigma_unit} in the slice, "
            f"{chosen.sigma_z_voxel:g} slices across, weighted by {chosen.weighting}{zoom}. NSS, AUC-Judd and "
            "information gain: at the reference's fixations, each counted once. KL divergence (lower is better) and "
            f"information gain: {measures.uniform_share:.0%} of a uniform map mixed into the candidate's, epsilon "
            f"{measures.epsilon:.1e}; the gain is over a Gaussian about the middle of the slices, sigma "
            f"{CENTRE_SIGMA_SHARE:g} of the sides."
        )
    if comparison.differences:
        yield (
            "Differences: reference by reference, those that both were scored against. Stars: two-sided bootstrap "
            "p < .05, .01, .001, not adjusted for the number of comparisons."
        )
    yield (
        f"Floors: as many fixations as the reference, {parameters.floor_draws} draws averaged, seed {parameters.seed}. "
        f"{SHORT_NAMES[SHUFFLE].capitalize()}: another patient's path cut or repeated to the reference's length. "
        f"{SHORT_NAMES[OTHER_PATIENT].capitalize()}: another patient's {_lent(comparison)} after body normalisation, "
        f"with its own length. {SAW_TOOTH.capitalize()}: no randomness in it. {MARKOV}: taught on other patients."
    )
    if comparison.masked:
        yield "Maps are limited to the body, and floors to the body or the lungs, as found in the CT."
    for row in comparison.with_role("floor"):
        if row.note:
            yield f"Floor {row.name}: {row.note}."
    yield _ceiling(comparison.with_role("ceiling"))
    yield from (f"{note[0].upper()}{note[1:]}." for note in comparison.notes)


def _lent(comparison: Comparison) -> str:
    simulated = all(name.endswith("(simulated)") for name in comparison.references)
    return "path by a simulated reader" if simulated else "human path"


def _ceiling(rows: Sequence[Row]) -> str:
    if not any(row.scores for row in rows):
        return f"Ceiling: {'; '.join(row.note for row in rows)}."
    sources = ", ".join(row.name for row in rows)
    people = any("simulated" not in row.name for row in rows)
    return f"Ceiling: {sources}, same cases." + ("" if people else " There is no ceiling from people.")


def _matching(method: str) -> str:
    return {
        "cut": "the longer path cut to the shorter's number of fixations",
        "cut_time": "both paths cut to the shorter total fixation time",
        "resample": "the longer path thinned evenly to the shorter's number of fixations",
    }[method]


def _empty(headings: Sequence[str], measures: Sequence[Measure]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0), show_edge=False)
    for heading in headings:
        is_name = not heading
        table.add_column(
            heading, justify="left" if is_name else "right", no_wrap=not is_name, overflow="fold",
            min_width=NAME_WIDTH if is_name else None,
        )  # fmt: skip
    for measure in measures:
        table.add_column(Text(_heading(measure)), justify="right", no_wrap=True)
    return table


def _add_heading(table: Table, words: str) -> None:
    from rich.text import Text

    table.add_row(Text(words, style="italic"), *([""] * (len(table.columns) - 1)))


def _heading(measure: Measure) -> str:
    words = measure.label.replace(", ", "\n")
    return f"{words}\n({measure.unit})" if measure.unit else words


def _count(row: Row) -> str:
    return f"{row.n_pairs}/{row.n_patients}" if row.n_pairs else "0"


def _mean(estimate: Estimate | None, measure: Measure) -> str:
    if estimate is None or not math.isfinite(estimate.mean):
        return NOT_AVAILABLE
    return number_text(estimate.mean, measure) + _interval(estimate, measure)


def _difference(estimate: Estimate | None, measure: Measure) -> str:
    if estimate is None or not math.isfinite(estimate.mean):
        return NOT_AVAILABLE
    text = number_text(estimate.mean, measure)
    sign = "" if text.startswith("-") else "+"
    stars = next((sign_of_p for limit, sign_of_p in STARS if estimate.p < limit), "")
    return f"{sign}{text}{stars}" + _interval(estimate, measure)


def _interval(estimate: Estimate, measure: Measure) -> str:
    if not estimate.available:
        return ""
    return f"\n[{number_text(estimate.low, measure)} {number_text(estimate.high, measure)}]"


def number_text(value: float, measure: Measure) -> str:
    """Shares and correlations with three decimals and no leading zero, as journals print them; units with two."""
    if measure.unit:
        return f"{round(value, 2) + 0.0:.2f}"
    text = f"{round(value, 3) + 0.0:.3f}"  # + 0.0: no minus before a zero
    return text.replace("0.", ".", 1) if abs(value) < 0.9995 else text
