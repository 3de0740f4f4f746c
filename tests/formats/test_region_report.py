from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import REGION_COLUMNS, CaseRecord, DataSet
from ctgaze_app.formats.region_report import groups_of_cases, read_groups, region_report
from tests.formats.gaze_tables import make_dataset

LEFT_HALF = {"i_first": 0, "i_last": 255, "j_first": 0, "j_last": 511, "k_first": 0, "k_last": 39}
RIGHT_HALF = {**LEFT_HALF, "i_first": 256, "i_last": 511}


def boxes(cases: list[str]) -> pd.DataFrame:
    rows = [
        {"case": case, "region": name, "group": "half", **box}
        for case in cases
        for name, box in (("left half", LEFT_HALF), ("right half", RIGHT_HALF))
    ]
    return pd.DataFrame(rows)[list(REGION_COLUMNS)]


def grouped(n_cases: int = 8) -> DataSet:
    """One reader; cases 0, 2, ... of group a look left 6 times, the others 2 times; the rest looks right."""
    parts, cases = [], []
    for number in range(n_cases):
        case, sick = f"case-{number}", number % 2
        left = (2 if sick else 6) + number // 4
        one = make_dataset(seed=number).fixations
        rows = one[(one["reader"] == "r01") & (one["trial"] == 1)].assign(case=case, trial=number + 1, on_image=True)
        rows["x_voxel"] = np.where(np.arange(len(rows)) < left, 100.0, 400.0)
        rows["y_voxel"], rows["z_voxel"] = 50.0, 5.0
        parts.append(rows)
        attributes = {"a": str(1 - sick), "b": f"{float(sick)}"}
        cases.append(CaseRecord(case, (40, 512, 512), f"p{number}", attributes=attributes))
    names = [record.case for record in cases]
    return replace(
        make_dataset(), cases=tuple(cases), fixations=pd.concat(parts, ignore_index=True), regions=boxes(names)
    )


def test_each_reading_and_region_is_a_row_with_its_count_and_dwell() -> None:
    report = region_report([grouped()])
    row = report.table[(report.table["case"] == "case-0") & (report.table["region"] == "left half")].iloc[0]
    fixations = grouped().fixations
    mine = fixations[(fixations["case"] == "case-0") & (fixations["x_voxel"] < 256)]
    assert (row["n_fixations"], row["dwell_s"]) == (6, pytest.approx(mine["duration_s"].sum()))
    assert report.statistics is None
    assert len(report.table) == 16


def test_the_published_test_of_a_region_is_scipys() -> None:
    data = grouped()
    report = region_report([data], groups=groups_of_cases([data], ["a", "b"]), resamples=200)
    assert report.statistics is not None
    tests = report.statistics.table.set_index("region")
    expected = stats.ttest_ind([6, 6, 7, 7], [2, 2, 3, 3])
    assert tests.loc["left half", "published_t"] == pytest.approx(expected.statistic)
    assert tests.loc["left half", "published_p_value"] == pytest.approx(expected.pvalue)
    assert tests.loc["left half", ["first", "second", "n_first"]].tolist() == ["a", "b", 4]
    assert report.statistics.to_dict()["tests"][0]["region"] == "sum over regions"


def test_cases_of_no_group_and_without_regions_are_left_out_and_told() -> None:
    data = grouped()
    groups = groups_of_cases([data], ["a", "b"])
    del groups["case-7"]
    report = region_report([data], boxes=boxes([f"case-{n}" for n in range(1, 8)]), groups=groups, resamples=200)
    assert report.notes == (
        "1 cases have no regions and are left out: case-0",
        "1 cases belong to no group, or to several, and are in no test",
    )


def test_readings_that_never_entered_a_region_are_counted() -> None:
    data = grouped()
    data = replace(data, fixations=data.fixations[data.fixations["x_voxel"] > 256])
    groups = groups_of_cases([data], ["a", "b"])
    report = region_report([data], groups=groups, measure="first_entry_s", resamples=100)
    assert report.notes == (
        "8 of 16 rows of readings and regions never entered their region and are in no test of first_entry_s",
    )
    assert report.statistics is not None
    assert report.statistics.table["region"].tolist() == ["left half", "right half"]
    assert report.statistics.table["n_first"].tolist() == [0, 4]


def test_what_cannot_be_reported_is_one_line(tmp_path: Path) -> None:
    data = grouped()
    with pytest.raises(FormatError, match="the data have no regions"):
        region_report([make_dataset()])
    with pytest.raises(FormatError, match="no reading of a case with regions"):
        region_report([data], boxes=boxes(["other"]))
    with pytest.raises(FormatError, match="needs two groups with readings, and there are 1"):
        region_report([data], groups={"case-1": "a"}, resamples=200)
    with pytest.raises(FormatError, match="no case has the attribute c"):
        groups_of_cases([data], ["a", "c"])
    file = tmp_path / "groups.csv"
    file.write_text("case,group\ncase-1,a\ncase-2,b\ncase-1,b\n")
    with pytest.raises(FormatError, match=r"groups.csv, row 4, column group: case case-1 is in two groups"):
        read_groups(file)
    file.write_text("case,group\ncase-1,a\ncase-2,b\n")
    assert read_groups(file) == {"case-1": "a", "case-2": "b"}
