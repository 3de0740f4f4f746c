"""The comparison of scan paths as tables for a paper: means, intervals below them, floors and ceiling as rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from models.metrics.floors import MARKOV, OTHER_PATIENT, SAW_TOOTH, SHUFFLE
from models.metrics.measures import MEASURES, Group, Measure

if TYPE_CHECKING:
    from rich.table import Table

    from models.metrics.bootstrap import Estimate
    from models.metrics.comparison_report import Comparison, Role, Row

WIDTH = 100
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


def means_table(comparison: Comparison, group: Group) -> Table:
    """Candidates, floors and ceiling of one group of measures; intervals in brackets below the means."""
    measures = [measure for measure in MEASURES if measure.group == group]
    table = _empty(TITLES[group], ["", "n"], measures)
    sections: tuple[tuple[Role, str], ...] = (("candidate", "Candidates"), ("floor", "Floors"), ("ceiling", "Ceiling"))
    for role, heading in sections:
        _add_heading(table, heading)
        for row in comparison.with_role(role):
            cells = [_mean(row.scores.get(measure.key), measure) for measure in measures]
            table.add_row(SHORT_NAMES.get(row.name, row.name), _count(row), *cells)
        table.add_section()
    return table


def differences_table(comparison: Comparison, group: Group) -> Table:
    """Each candidate minus each floor, with intervals and stars."""
    measures = [measure for measure in MEASURES if measure.group == group]
    table = _empty(f"{TITLES[group]}: difference from the floors", [""], measures)
    last = None
    for difference in comparison.differences:
        if last != difference.candidate:
            table.add_section()
            _add_heading(table, f"{difference.candidate} minus")
        last = difference.candidate
        cells = [_difference(difference.scores.get(measure.key), measure) for measure in measures]
        table.add_row(SHORT_NAMES.get(difference.floor, difference.floor), *cells)
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
    estimates = [estimate for row in comparison.rows for estimate in row.scores.values()]
    if any(estimate.available for estimate in estimates):
        yield (
            f"Brackets: low and high end of {parameters.level:.0%} intervals, bootstrap over patients "
            f"({parameters.resamples} resamples, seed {parameters.seed}). Stars: two-sided bootstrap p < .05, .01, "
            ".001 of a difference, not adjusted for the number of comparisons."
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
        yield (
            f"Heat maps: Gaussian, sigma {chosen.sigma:g} {chosen.sigma_unit} in the slice, "
            f"{chosen.sigma_z_voxel:g} slices across, weighted by {chosen.weighting}, the sigma in voxels that of the "
            f"reference's zoom. KL divergence (lower is better) and information gain over a centre prior: "
            f"{measures.uniform_share:.0%} of a uniform map mixed into the candidate's, epsilon {measures.epsilon:.1e}."
        )
    yield (
        f"Floors: as many fixations as the reference, {parameters.floor_draws} draws averaged, seed {parameters.seed}. "
        f"{SHORT_NAMES[SHUFFLE].capitalize()}: another patient's path cut or repeated to the reference's length. "
        f"{SHORT_NAMES[OTHER_PATIENT].capitalize()}: another patient's human path after body normalisation, with its "
        f"own length. {SAW_TOOTH.capitalize()}: no chance. {MARKOV}: taught on other patients."
    )
    if comparison.masked:
        yield "Maps are limited to the body, and floors to the body or the lungs, as found in the CT."
    for row in comparison.with_role("floor"):
        if row.note:
            yield f"Floor {row.name}: {row.note}."
    yield _ceiling(comparison.with_role("ceiling"))
    yield from (f"{note[0].upper()}{note[1:]}." for note in comparison.notes)


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


def _empty(title: str, headings: Sequence[str], measures: Sequence[Measure]) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(
        title=Text(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0),
        show_edge=False,
    )  # fmt: skip
    for heading in headings:
        is_name = not heading
        table.add_column(heading, justify="left" if is_name else "right", no_wrap=not is_name, overflow="fold")
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
