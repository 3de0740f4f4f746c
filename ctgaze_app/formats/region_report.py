"""Gaze in regions of whole data sets, and whether groups of cases differ in it: what `ctgaze regions` prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.review.region_statistics import MOMENTS, RegionStatistics, region_statistics
from ctgaze_app.review.regions import Overlap, region_table, regions_from_boxes
from ctgaze_app.study.session_looks import SessionLooks

if TYPE_CHECKING:
    import pandas as pd

MEASURES = (
    "n_fixations", "dwell_s", "fixations_per_reading_s", "dwell_per_reading_s", "n_visits", "first_entry_s",
)  # fmt: skip
TRUE = ("1", "1.0", "true", "yes")


@dataclass(frozen=True, eq=False)
class RegionReport:
    """Gaze in regions.

    Attributes
    ----------
    table
        One row a reading and region (`review.regions.RegionGaze`), with ``condition`` when cases were grouped.
    statistics
        Tests between the groups; None without groups.
    notes
        What was left out, with counts.
    """

    table: pd.DataFrame
    statistics: RegionStatistics | None
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is None."""
        rows = self.table.astype(object).where(self.table.notna(), None).to_dict("records")
        return {
            "readings": rows,
            "statistics": None if self.statistics is None else self.statistics.to_dict(),
            "notes": list(self.notes),
        }


def region_report(
    datasets: Sequence[DataSet],
    *,
    looks: Sequence[SessionLooks] = (),
    boxes: pd.DataFrame | None = None,
    masks: Mapping[str, Sequence[LabelledRegion]] | None = None,
    groups: Mapping[str, str] | None = None,
    measure: str = "n_fixations",
    overlap: Overlap = "as_given",
    resamples: int = 10_000,
    seed: int = 0,
) -> RegionReport:
    """Measure every reading of the data sets.

    Parameters
    ----------
    looks
        Dwell on every slice of recorded sessions: counted instead of the fixations of the data sets of these sessions.
        Other data have fixations only, and their pictures count as shown until the last one ends.
    boxes
        Boxes with a column ``case``; None takes those that the data sets bring.
    masks
        Regions by case instead of boxes.
    groups
        Group of each case; cases without one are left out of the tests.
    measure
        The one that is tested, of `MEASURES`.

    Raises
    ------
    FormatError
        When there are no regions, no reading of a case with regions, or fewer than two groups.
    """
    import pandas as pd

    fixations = pd.concat([dataset.fixations for dataset in datasets], ignore_index=True)
    regions = dict(masks) if masks is not None else _boxes_by_case(datasets, boxes)
    imported = fixations[~fixations["session"].isin([each.session for each in looks])]
    parts = [region_table(imported, regions, overlap=overlap)]
    for each in looks:
        parts.append(region_table(each.rows, regions, reading_s=each.reading_s, shown=each.shown, overlap=overlap))
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    notes = [note for each in looks for note in each.notes]
    if boxes is not None:
        notes += _boxes_beyond(datasets, boxes)
    without = sorted(set(fixations["case"].astype(str)) - set(regions))
    if without:
        notes.append(f"{len(without)} cases have no regions and are left out: {', '.join(without[:5])}")
    if table.empty:
        raise FormatError(
            "no reading of a case with regions", remedy="the case codes of regions and readings must be the same"
        )
    if groups is None:
        return RegionReport(table, None, tuple(notes))
    table["condition"] = table["case"].astype(str).map(dict(groups))
    alone = table.loc[table["condition"].isna(), "case"].nunique()
    if alone:
        notes.append(f"{alone} cases belong to no group, or to several, and are in no test")
    tested = table[table["condition"].notna()]
    if tested["condition"].nunique() < 2:
        raise FormatError(
            f"a test needs two groups with readings, and there are {tested['condition'].nunique()}",
            remedy="check that the case codes of the groups are those of the readings",
        )
    unknown = int(tested[measure].isna().sum())
    if unknown:
        why = "never entered their region" if measure in MOMENTS else "have no time"
        notes.append(f"{unknown} of {len(tested)} rows of readings and regions {why} and are in no test of {measure}")
    if unknown == len(tested):
        raise FormatError(f"no reading has a {measure}", remedy="choose another measure")
    found = region_statistics(tested, measure=measure, resamples=resamples, seed=seed)
    return RegionReport(table, found, tuple(notes))


def _boxes_by_case(datasets: Sequence[DataSet], boxes: pd.DataFrame | None) -> dict[str, Sequence[LabelledRegion]]:
    import pandas as pd

    own = [dataset.regions for dataset in datasets if dataset.regions is not None]
    if boxes is None and not own:
        raise FormatError("the data have no regions", remedy="name a file of boxes: --regions FILE")
    table = boxes if boxes is not None else pd.concat(own, ignore_index=True).drop_duplicates()
    if "case" not in table.columns:
        codes = {record.case for dataset in datasets for record in dataset.cases}
        if len(codes) != 1:
            raise FormatError("the boxes do not say which case they are of", remedy="add a column case")
        table = table.assign(case=codes.pop())
    return {str(case): regions_from_boxes(rows, str(case)) for case, rows in table.groupby("case", sort=False)}


def _boxes_beyond(datasets: Sequence[DataSet], boxes: pd.DataFrame) -> list[str]:
    """A note when boxes reach beyond the image of their case: mostly axes or slices that were taken for others."""
    shapes = {record.case: record.shape_kji for dataset in datasets for record in dataset.cases}
    beyond = [
        str(row["region"])
        for row in boxes.to_dict("records")
        for shape in [shapes.get(str(row["case"])) if "case" in row else next(iter(shapes.values()), None)]
        if shape is not None and any(row[f"{axis}_last"] >= size for axis, size in zip("kji", shape, strict=True))
    ]
    if not beyond:
        return []
    return [f"{len(beyond)} boxes reach beyond their image, check axes and slices: {', '.join(beyond[:5])}"]


def groups_of_cases(datasets: Sequence[DataSet], names: Sequence[str]) -> dict[str, str]:
    """The one group of each case out of yes/no attributes (``Normal``, ``CHF``, ...); none or several give no group.

    Raises
    ------
    FormatError
        When no case has such an attribute.
    """
    groups: dict[str, str] = {}
    for dataset in datasets:
        for record in dataset.cases:
            mine = [name for name in names if record.attributes.get(name, "").strip().lower() in TRUE]
            if len(mine) == 1:
                groups[record.case] = mine[0]
    for name in names:
        if not any(name in record.attributes for dataset in datasets for record in dataset.cases):
            raise FormatError(f"no case has the attribute {name}", remedy="give a table instead: --groups FILE")
    return groups


def read_groups(path: Path) -> dict[str, str]:
    """Group by case out of a CSV with the columns case and group.

    Raises
    ------
    FormatError
        With row and column; a case in two groups.
    """
    from ctgaze_app.formats.checked_csv import Column, read_csv_table

    table = read_csv_table(path, [Column("case", "text"), Column("group", "text")], extra="keep")
    groups: dict[str, str] = {}
    for row, (case, group) in enumerate(zip(table["case"], table["group"], strict=True), start=2):
        if groups.setdefault(case, group) != group:
            raise FormatError(
                f"case {case} is in two groups", place=at(path, row, "group"), remedy="name each case once"
            )
    return groups
