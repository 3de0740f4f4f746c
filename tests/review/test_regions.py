"""Counts, dwell, visits and rates in regions, overlapping and disjoint."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.truth import TruthError
from ctgaze_app.review.regions import (
    RegionError,
    membership,
    published_durations_s,
    read_regions,
    region_gaze,
    region_table,
    regions_from_boxes,
)
from ctgaze_app.review.slice_dwell import ShownSlices
from tests.factories.volumes import make_volume

LUNG = LabelledRegion("left lung", (0, 0, 0), (0, 19, 9), group="lung")
ZONE = LabelledRegion("upper zone", (0, 0, 0), (0, 4, 9), group="zone")
HEART = LabelledRegion("heart", (0, 5, 5), (0, 14, 14))
PICTURE = (LUNG, ZONE, HEART)


def rows(*fixations: tuple[float, float, float, float], z: float = 0.0) -> pd.DataFrame:
    """A table of (onset_s, duration_s, i, j)."""
    table = pd.DataFrame(fixations, columns=["onset_s", "duration_s", "x_voxel", "y_voxel"])
    return table.assign(z_voxel=z, fixation=np.arange(1, len(table) + 1))


READING = rows(
    (0.0, 0.5, 2, 2),  # lung and zone
    (0.6, 0.2, 7, 7),  # lung and heart
    (1.0, 0.3, 12, 7),  # heart
    (1.5, 0.1, np.nan, np.nan),  # off the image
    (2.0, 0.4, 12, 8),  # heart
    (3.0, 0.2, 9.4, 4.4),  # lung and zone: the nearest voxel counts
    (4.0, 0.2, 9.6, 4.4),  # column 10: none of them
)


def test_overlapping_regions_count_a_fixation_in_each() -> None:
    lung, zone, heart = region_gaze(READING, PICTURE, reading_s=5.0)
    assert (lung.n_fixations, zone.n_fixations, heart.n_fixations) == (3, 2, 3)
    assert (lung.dwell_s, zone.dwell_s, heart.dwell_s) == pytest.approx((0.9, 0.7, 0.9))
    assert (lung.first_entry_s, zone.first_entry_s, heart.first_entry_s) == (0.0, 0.0, 0.6)
    assert (lung.n_visits, zone.n_visits, heart.n_visits) == (2, 2, 2)
    assert (lung.n_revisits, lung.visible_s, lung.reading_s) == (1, 5.0, 5.0)
    assert lung.fixations_per_reading_s == pytest.approx(0.6)
    assert lung.dwell_per_visible_s == pytest.approx(0.18)


def test_made_disjoint_each_fixation_counts_once() -> None:
    smallest = region_gaze(READING, PICTURE, reading_s=5.0, overlap="smallest_first")
    assert [each.n_fixations for each in smallest] == [0, 2, 3]  # zone 50, heart 100, lung 200 voxels
    given_order = region_gaze(READING, PICTURE, reading_s=5.0, overlap="given_order")
    assert [each.n_fixations for each in given_order] == [3, 0, 2]
    with pytest.raises(ValueError, match="overlap is one of"):
        membership([[0, 0, 0]], PICTURE, "largest")  # type: ignore[arg-type]


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.floats(-3, 25), st.floats(-3, 25)), max_size=30))
def test_disjoint_membership_is_part_of_the_overlapping_one_and_loses_nobody(places: list[tuple[float, float]]) -> None:
    voxel = np.array([(i, j, 0.0) for i, j in places]).reshape(-1, 3)
    every = membership(voxel, PICTURE)
    for rule in ("smallest_first", "given_order"):
        single = membership(voxel, PICTURE, rule)  # type: ignore[arg-type]
        assert not (single & ~every).any()
        assert np.array_equal(single.sum(axis=1), every.any(axis=1))


def test_a_drill_counts_once_as_a_fixation_and_on_each_slice_as_dwell() -> None:
    tall = LabelledRegion("tall", (2, 0, 0), (4, 9, 9))
    segments = pd.DataFrame(
        {
            "fixation": [1, 1, 1, 1, 2], "onset_s": [0.0, 0.1, 0.2, 0.3, 1.0], "duration_s": [0.1] * 4 + [0.5],
            "x_voxel": 3.0, "y_voxel": 3.0, "z_voxel": [1.0, 2.0, 3.0, 4.0, 9.0],
        }
    )  # fmt: skip
    shown = ShownSlices(np.array([1, 2, 3, 4, 9, 3]), np.arange(6.0), np.arange(1.0, 7.0))
    (found,) = region_gaze(segments, [tall], reading_s=6.0, shown=shown)
    assert (found.n_fixations, found.n_visits, found.visible_s) == (1, 1, 4.0)
    assert found.dwell_s == pytest.approx(0.3)
    assert found.fixations_per_visible_s == pytest.approx(0.25)
    assert found.first_entry_s == 0.1


def test_nothing_looked_at_gives_zeros_and_unknowns() -> None:
    (found,) = region_gaze(READING.iloc[:0], [LUNG], reading_s=0.0)
    assert (found.n_fixations, found.dwell_s, found.n_visits, found.n_revisits) == (0, 0.0, 0, 0)
    plain = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert plain["first_entry_s"] is None and plain["fixations_per_reading_s"] is None


def test_unknown_onsets_keep_the_order_of_the_table_and_calibration_rows_are_left_out() -> None:
    table = READING.assign(onset_s=np.nan, kind="fixation")
    table.loc[0, "kind"] = "calibration"
    lung, *_ = region_gaze(table, PICTURE, reading_s=5.0)
    assert (lung.n_fixations, lung.n_visits) == (2, 2)
    assert np.isnan(lung.first_entry_s)


def test_many_trials_give_one_row_a_trial_and_region() -> None:
    keys = {"session": "s", "reader": "r1", "trial": 1, "case": "a"}
    many = pd.concat([READING.assign(**keys), READING.assign(**keys | {"trial": 2, "case": "b"}).iloc[:2],
                      READING.assign(**keys | {"trial": 3, "case": "none"})])  # fmt: skip
    table = region_table(many, {"a": PICTURE, "b": (HEART,)})
    assert table[["trial", "region", "n_fixations"]].to_numpy().tolist() == [
        [1, "left lung", 3], [1, "upper zone", 2], [1, "heart", 3], [2, "heart", 1],
    ]  # fmt: skip
    assert table["reading_s"].tolist() == pytest.approx([4.2, 4.2, 4.2, 0.8])
    declared = region_table(many, {"a": PICTURE}, reading_s={("s", 1): 8.4, ("s", 2): 1.0, ("s", 3): 1.0})
    assert declared["fixations_per_reading_s"].iloc[0] == pytest.approx(3 / 8.4)
    assert list(region_table(many, {}).columns) == list(table.columns)


def test_the_published_duration_is_the_difference_of_times() -> None:
    assert published_durations_s([0.4, 1.0, 2.5]) == pytest.approx([0.4, 0.6, 1.5])


def boxes() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": ["a", "a", "b"], "region": ["x", "y", "x"], "group": "g", "i_first": [1, 2, 3],
            "i_last": [4, 5, 6], "j_first": 7, "j_last": 8, "k_first": 0, "k_last": 0,
        }
    )  # fmt: skip


def test_boxes_of_a_case_become_regions(tmp_path: Path) -> None:
    boxes().to_csv(tmp_path / "b.csv", index=False)
    for found in (regions_from_boxes(boxes(), "a"), read_regions(tmp_path / "b.csv", case="a")):
        assert [(each.name, each.first_kji, each.last_kji, each.group) for each in found] == [
            ("x", (0, 7, 1), (0, 8, 4), "g"), ("y", (0, 7, 2), (0, 8, 5), "g"),
        ]  # fmt: skip


def test_broken_boxes_are_refused_with_their_row(tmp_path: Path) -> None:
    def lines(**changes: object) -> str:
        return boxes().assign(**changes).to_csv(index=False)

    broken = {
        "holds boxes of 2 cases": lines(),
        "has no column j_last": boxes().drop(columns="j_last").to_csv(index=False),
        "row 3, column i_first: 'two'": lines(case="a", i_first=[1, "two", 3]),
        "row 2, column k_last: ''": lines(case="a", k_last=["", 0, 0]),
        "row 2, column j_first: '7.5'": lines(case="a", j_first=[7.5, 7, 7]),
        "row 2: the box is empty": lines(case="a", i_last=[0, 5, 6]),
        "row 4: the name 'x' is empty or occurs twice": lines(case="a"),
        "row 2: the name ''": lines(case="a", region=["", "y", "z"]),
        "cannot be read": "",
        "holds no box": boxes().iloc[:0].to_csv(index=False),
    }
    for expected, text in broken.items():
        (tmp_path / "b.csv").write_text(text)
        with pytest.raises(RegionError) as caught:
            read_regions(tmp_path / "b.csv")
        line = str(caught.value)
        assert expected in line and line.startswith("b.csv") and "\n" not in line, (expected, line)
    with pytest.raises(RegionError, match="holds no box of this case"):
        regions_from_boxes(boxes(), "c")


def test_masks_are_read_on_their_ct(tmp_path: Path) -> None:
    import nibabel

    volume = make_volume(slices=6, rows=20, columns=30)
    labels = np.zeros((30, 20, 6), dtype=np.uint8)
    labels[3:5, 6:9, 2] = 7
    nibabel.save(nibabel.Nifti1Image(labels, np.diag([-1.0, -1, 1, 1]) @ volume.affine_lps), tmp_path / "m.nii")
    (region,) = read_regions(tmp_path / "m.nii", volume, options={"names": "7=liver"})
    assert (region.name, region.first_kji, region.last_kji) == ("liver", (2, 6, 3), (2, 8, 4))
    with pytest.raises(RegionError, match="masks need the CT"):
        read_regions(tmp_path / "m.nii")
    with pytest.raises(TruthError):
        read_regions(tmp_path / "missing.nii", volume)
