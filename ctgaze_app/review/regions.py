"""Gaze in regions of interest: fixation count, dwell, rates, first entry and revisits of each region of a reading.

Regions come from boxes or from masks. They may overlap (lungs and their zones do): then a fixation counts in each, as
in the published chest X-ray analysis, or, by choice, in one only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.errors import CTGazeError
from ctgaze_app.review.plain_json import plain_json
from ctgaze_app.review.slice_dwell import ShownSlices

if TYPE_CHECKING:
    import pandas as pd

    from ctgaze_app.ct.volume import Volume

Floats = NDArray[np.float64]
Overlap = Literal["as_given", "smallest_first", "given_order"]

OVERLAPS: tuple[Overlap, ...] = ("as_given", "smallest_first", "given_order")
"""``as_given``: a fixation counts in every region that holds it. ``smallest_first``: in the one with the fewest voxels
(of equals the earlier one), so that a zone wins over its lung. ``given_order``: in the first of the list."""

BOX_COLUMNS = ("region", "i_first", "i_last", "j_first", "j_last", "k_first", "k_last")
TRIAL_KEYS = ("session", "reader", "trial", "case")


class RegionError(CTGazeError):
    """Regions cannot be read or used as asked."""


@dataclass(frozen=True)
class RegionGaze:
    """One region in one reading.

    Attributes
    ----------
    n_fixations
        Fixations with at least one row inside.
    dwell_s
        Seconds of all rows inside.
    n_visits, n_revisits
        Runs of rows inside, in order of time; revisits are the visits after the first. A row outside, off the image
        too, ends a visit.
    first_entry_s
        Onset of the first row inside; NaN without one.
    visible_s
        How long a slice of the region was displayed.
    fixations_per_visible_s, fixations_per_reading_s, dwell_per_visible_s, dwell_per_reading_s
        Count and dwell by the seconds that the region was visible, and by those of the whole reading; NaN where that
        is not known or zero.
    """

    region: str
    group: str
    n_voxels: int
    n_fixations: int
    dwell_s: float
    n_visits: int
    n_revisits: int
    first_entry_s: float
    visible_s: float
    reading_s: float
    fixations_per_visible_s: float
    fixations_per_reading_s: float
    dwell_per_visible_s: float
    dwell_per_reading_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is None."""
        plain: dict[str, Any] = plain_json(asdict(self))
        return plain


def membership(
    voxel_ijk: ArrayLike, regions: Sequence[LabelledRegion], overlap: Overlap = "as_given"
) -> NDArray[np.bool_]:
    """Which regions hold each place.

    Parameters
    ----------
    voxel_ijk
        (N, 3) places as (i, j, k); the nearest voxel counts, NaN lies nowhere.

    Returns
    -------
    (N, R) bool; at most one True a row unless `overlap` is ``as_given``.
    """
    if overlap not in OVERLAPS:
        raise ValueError(f"overlap is one of {', '.join(OVERLAPS)}, not {overlap}")
    voxel = np.asarray(voxel_ijk, dtype=np.float64).reshape(-1, 3)
    inside = np.zeros((len(voxel), len(regions)), dtype=bool)
    for column, region in enumerate(regions):
        inside[:, column] = region.contains(voxel)
    if overlap == "as_given" or not regions:
        return inside
    order = np.arange(len(regions))
    if overlap == "smallest_first":
        order = np.argsort([region.n_voxels for region in regions], kind="stable")
    first = order[np.argmax(inside[:, order], axis=1)]
    single = np.zeros_like(inside)
    single[np.arange(len(voxel)), first] = inside.any(axis=1)
    return single


def region_gaze(
    rows: Mapping[str, Any],
    regions: Sequence[LabelledRegion],
    *,
    reading_s: float,
    shown: ShownSlices | None = None,
    overlap: Overlap = "as_given",
) -> tuple[RegionGaze, ...]:
    """Measure the regions of one trial.

    Parameters
    ----------
    rows
        Columns fixation, onset_s, duration_s, x_voxel, y_voxel, z_voxel of one trial: `dwell_segments.csv` (so that
        a drill counts on each slice for as long as it stayed), or a fixation table of any origin. Rows of the kind
        ``calibration`` are left out.
    reading_s
        Length of the reading.
    shown
        What was displayed when. None: a picture that was displayed throughout.
    overlap
        See `OVERLAPS`. The visible time of a region stays that of all its voxels.
    """
    keep = np.ones(len(np.asarray(rows["onset_s"])), dtype=bool)
    if "kind" in rows:
        keep = np.asarray(rows["kind"]) != "calibration"
    onset = np.asarray(rows["onset_s"], dtype=np.float64)[keep]
    seconds = np.asarray(rows["duration_s"], dtype=np.float64)[keep]
    number = np.asarray(rows["fixation"])[keep]
    voxel = np.stack([np.asarray(rows[f"{axis}_voxel"], dtype=np.float64)[keep] for axis in "xyz"], axis=1)
    order = np.argsort(onset, kind="stable")  # unknown onsets are last and stay in the order of the table
    onset, seconds, number, voxel = onset[order], seconds[order], number[order], voxel[order]
    inside = membership(voxel, regions, overlap)
    found = []
    for column, region in enumerate(regions):
        mine = inside[:, column]
        visits = int(np.count_nonzero(mine & ~np.concatenate([[False], mine[:-1]]))) if len(mine) else 0
        count, dwell = len(np.unique(number[mine])), float(seconds[mine].sum())
        visible = float(reading_s) if shown is None else visible_seconds(region, shown)
        found.append(
            RegionGaze(
                region.name, region.group, region.n_voxels, count, dwell, visits, max(visits - 1, 0),
                float(onset[mine].min()) if mine.any() else float("nan"), visible, float(reading_s),
                _rate(count, visible), _rate(count, reading_s), _rate(dwell, visible), _rate(dwell, reading_s),
            )
        )  # fmt: skip
    return tuple(found)


def visible_seconds(region: LabelledRegion, shown: ShownSlices) -> float:
    """How long a slice that holds a voxel of the region was displayed."""
    from ctgaze_app.review.lesion_angles import slices_of

    return float(shown.duration_s[np.isin(shown.slice_index, slices_of(region))].sum())


def _rate(amount: float, seconds: float) -> float:
    return amount / seconds if seconds > 0 else float("nan")


def region_table(
    fixations: pd.DataFrame,
    regions: Mapping[str, Sequence[LabelledRegion]],
    *,
    reading_s: Mapping[tuple[str, int], float] | None = None,
    shown: Mapping[tuple[str, int], ShownSlices] | None = None,
    overlap: Overlap = "as_given",
) -> pd.DataFrame:
    """One row a trial and region, regions without a fixation included.

    Parameters
    ----------
    fixations
        Fixation rows (or dwell segments) of many trials with the columns of `TRIAL_KEYS`.
    regions
        Of each case; a case without regions gives no row.
    reading_s, shown
        By (session, trial). Without `reading_s` a reading lasts until its last fixation ends (NaN without onsets).
    """
    import pandas as pd

    tables = []
    for keys, rows in fixations.groupby(list(TRIAL_KEYS), sort=False):
        session, _, trial, case = keys
        if case not in regions:
            continue
        length = (
            float((rows["onset_s"] + rows["duration_s"]).max()) if reading_s is None else reading_s[(session, trial)]
        )
        found = region_gaze(
            {name: rows[name].to_numpy() for name in rows.columns},
            regions[case],
            reading_s=length,
            shown=None if shown is None else shown[(session, trial)],
            overlap=overlap,
        )
        tables += [dict(zip(TRIAL_KEYS, keys, strict=True)) | asdict(each) for each in found]
    columns = [*TRIAL_KEYS, *RegionGaze.__dataclass_fields__]
    return pd.DataFrame(tables, columns=columns)


def published_durations_s(time_s: ArrayLike) -> Floats:
    """Durations as the published chest X-ray analysis takes them: differences of consecutive rows' times.

    The first row lasts as long as its own time says. Kept to reproduce that analysis; a fixation's own duration
    (`duration_s`, FPOGD there) is right.
    """
    time = np.asarray(time_s, dtype=np.float64)
    return np.diff(time, prepend=0.0)


def regions_from_boxes(table: pd.DataFrame, case: str | None = None, place: str = "") -> tuple[LabelledRegion, ...]:
    """Boxes of one case as regions.

    Parameters
    ----------
    table
        Columns `BOX_COLUMNS`, 0-based, first and last voxel both inside, and as they come ``group`` and ``case``.
    case
        Only its rows; needed when the table holds several.

    Raises
    ------
    RegionError
        For a missing column, a number that is none, an empty box or a name that occurs twice, with the row.
    """
    missing = [name for name in BOX_COLUMNS if name not in table.columns]
    if missing:
        raise RegionError(
            f"has no column {missing[0]}", place=place, remedy=f"a table of boxes has {', '.join(BOX_COLUMNS)}"
        )
    if "case" in table.columns:
        cases = table["case"].astype(str)
        if case is None and cases.nunique() > 1:
            raise RegionError(f"holds boxes of {cases.nunique()} cases", place=place, remedy="name the case")
        if case is not None:
            table = table[cases == str(case)]
    if len(table) == 0:
        raise RegionError("holds no box of this case", place=place, remedy="choose the table of this case")
    regions: list[LabelledRegion] = []
    for index, row in table.iterrows():
        where = ", ".join(filter(None, (place, f"row {int(index) + 2}")))
        ends = [_whole(row[name], f"{where}, column {name}") for name in BOX_COLUMNS[1:]]
        first, last = (ends[4], ends[2], ends[0]), (ends[5], ends[3], ends[1])
        if min(first) < 0 or any(b < a for a, b in zip(first, last, strict=True)):
            raise RegionError("the box is empty or begins before 0", place=where, remedy="mend the row")
        name = str(row["region"]).strip()
        if not name or any(region.name == name for region in regions):
            raise RegionError(
                f"the name {name!r} is empty or occurs twice", place=where, remedy="name each region once"
            )
        group = row.get("group", "")
        regions.append(LabelledRegion(name, first, last, None, group if isinstance(group, str) else ""))
    return tuple(regions)


def _whole(value: Any, place: str) -> int:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number) or number != round(number):
        raise RegionError(f"{str(value)[:30]!r} is not a whole number", place=place, remedy="mend the cell")
    return int(number)


def read_regions(
    path: Path,
    volume: Volume | None = None,
    *,
    case: str | None = None,
    format: str | None = None,
    options: Mapping[str, str] | None = None,
) -> tuple[LabelledRegion, ...]:
    """Regions from a file: a CSV with `BOX_COLUMNS`, or any format of `ctgaze_app.ct.truth` (NIfTI, SEG, ...).

    Raises
    ------
    RegionError, TruthError
        One line with the file's name, the place in it and a remedy.
    """
    path = Path(path)
    if path.suffix.lower() == ".csv" and format is None and not options:
        import pandas as pd

        try:
            table = pd.read_csv(path, dtype=str, keep_default_na=False)
        except (OSError, ValueError) as error:
            text = " ".join(str(error).split()).replace(str(path), path.name)
            raise RegionError(f"cannot be read: {text}", place=path.name, remedy="save it as CSV UTF-8") from error
        return regions_from_boxes(table, case, path.name)
    if volume is None:
        raise RegionError("masks need the CT on which they were drawn", place=path.name, remedy="load the CT first")
    from ctgaze_app.ct.truth import read_truth

    return read_truth(path, volume, format=format, options=options)
