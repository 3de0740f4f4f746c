"""Matching of found with true fixations, on cases small enough to check by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.gaze.agreement import match_one_to_one, overlap_over_union
from ctgaze_app.study.evaluation import compare_fixations, true_fixations
from models.simulation.script import ReadingPlan, ScriptedDwell

PLAN = ReadingPlan(
    10.0,
    0,
    (5, 64, 64),
    (
        ScriptedDwell("dwell-000", 0.0, 0.5, (10.0, 20.0, 2.0)),
        ScriptedDwell("dwell-001", 1.0, 0.5, (30.0, 20.0, 2.0)),
        ScriptedDwell("drill-00", 2.0, 0.5, (30.0, 40.0, 2.0), drill=True),
    ),
)


def _truth_file(folder: Path) -> Path:
    path = folder / "truth.csv"
    path.write_text(
        "id,start_lsl,end_lsl,x_screen_px,y_screen_px\n"
        "dwell-000,100.0,100.4,500,400\ndwell-001,101.0,101.4,700,400\ndrill-00,102.0,102.4,700,600\n,103,103.4,1,1\n",
        encoding="utf-8",
    )
    return path


def test_overlap_over_union_of_intervals() -> None:
    overlap = overlap_over_union(np.array([[0.0, 2.0]]), np.array([[0.0, 2.0], [1.0, 3.0], [5.0, 6.0]]))
    assert overlap == pytest.approx(np.array([[1.0, 1 / 3, 0.0]]))


def test_each_interval_is_matched_once_and_the_best_first() -> None:
    assert match_one_to_one(np.array([[0.9, 0.8], [0.95, 0.6]]), 0.5) == [(0, 1), (1, 0)]


def test_only_planned_dwells_on_still_slices_count(tmp_path: Path) -> None:
    assert [item.id for item in true_fixations(PLAN, _truth_file(tmp_path), np.empty((0, 2)))] == [
        "dwell-000",
        "dwell-001",
    ]
    assert [item.id for item in true_fixations(PLAN, _truth_file(tmp_path), np.array([[101.3, 101.6]]))] == [
        "dwell-000"
    ]


def test_only_fixations_of_150_ms_and_more_count(tmp_path: Path) -> None:
    path = tmp_path / "truth.csv"
    path.write_text(
        "id,start_lsl,end_lsl,x_screen_px,y_screen_px\n"
        "dwell-000,100.0,100.149,500,400\ndwell-001,101.0,101.151,700,400\n",
        encoding="utf-8",
    )
    assert [item.id for item in true_fixations(PLAN, path, np.empty((0, 2)))] == ["dwell-001"]


@pytest.mark.parametrize(("onset_lsl", "found"), [(100.13, 1), (100.14, 0)])
def test_half_of_the_union_must_overlap(tmp_path: Path, onset_lsl: float, found: int) -> None:
    truth = true_fixations(PLAN, _truth_file(tmp_path), np.empty((0, 2)))
    table = tmp_path / "fixations.csv"
    table.write_text(
        "trial,onset_lsl,duration_s,slice_index,x_screen_px,y_screen_px,x_voxel,y_voxel\n"
        f"1,{onset_lsl},0.4,2,500,400,10,20\n",
        encoding="utf-8",
    )
    assert compare_fixations(truth, table, trial=1).fixations_found == found


def test_found_slice_and_error_are_judged_against_plan_and_log(tmp_path: Path) -> None:
    truth = true_fixations(PLAN, _truth_file(tmp_path), np.empty((0, 2)))
    table = tmp_path / "fixations.csv"
    header = "trial,onset_lsl,duration_s,slice_index,x_screen_px,y_screen_px,x_voxel,y_voxel\n"
    table.write_text(
        header + "1,100.05,0.4,2,503,404,10,20\n1,101.0,0.4,3,700,410,33,24\n2,100.0,0.4,2,500,400,10,20\n",
        encoding="utf-8",
    )
    result = compare_fixations(truth, table, trial=1)
    assert (result.fixations_true, result.fixations_found) == (2, 2)
    assert result.slice_index_agreement == 0.5
    assert result.median_error_px == pytest.approx(7.5)
    assert result.median_error_voxel == pytest.approx(2.5)
    table.write_text(header + "1,100.3,0.4,2,503,404,10,20\n", encoding="utf-8")
    missed = compare_fixations(truth, table, trial=1)
    assert missed.fixations_found == 0
    assert math.isnan(missed.slice_index_agreement)
