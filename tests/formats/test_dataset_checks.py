"""What no data set may be, whatever it was read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.dataset_checks import check_dataset
from tests.formats.gaze_tables import make_dataset

Change = Callable[[pd.DataFrame], pd.DataFrame]


def fixations(change: Change) -> DataSet:
    whole = make_dataset()
    return replace(whole, fixations=change(whole.fixations.copy()))


def scaled(**factors: float) -> Change:
    return lambda table: table.assign(**{name: table[name] * factor for name, factor in factors.items()})


def test_a_data_set_that_keeps_its_promises_passes() -> None:
    check_dataset(make_dataset(), "made")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (scaled(duration_s=1000), r"column fixations.duration_s: 44 of 44 fixations end after the next one has begun"),
        (scaled(duration_s=1e-3), r"all fixations together last 0\.00\d+ s in \d+\.?\d* s of gaze"),
        (scaled(onset_s=1000), r"all fixations together last .* s of gaze \(check the units of onset and duration"),
        (scaled(onset_s=1e-3), r"44 of 44 fixations end after the next one has begun"),
        (scaled(x_voxel=0.7), ""),
        (lambda table: table.assign(x_voxel=table["x_voxel"] + 600), r"row 2, column fixations.x_voxel: lies outside"),
        (lambda table: table.assign(y_voxel=table["y_voxel"] * 0.7 - 150), r"column fixations.y_voxel: lies outside"),
        (lambda table: table.assign(z_voxel=table["z_voxel"] * -2.5 + 300), r"column fixations.z_voxel: lies outside"),
        (lambda table: pd.concat([table, table], ignore_index=True), "row 50, .* this fixation is there twice"),
    ],
)
def test_numbers_in_another_unit_are_told(change: Change, said: str) -> None:
    if not said:
        check_dataset(fixations(change), "made")
        return
    with pytest.raises(FormatError, match=said):
        check_dataset(fixations(change), "made")


def test_a_few_fixations_that_overlap_are_believed() -> None:
    def one_long(table: pd.DataFrame) -> pd.DataFrame:
        table.loc[2, "duration_s"] = 3.0
        return table

    check_dataset(fixations(one_long), "made")


@pytest.mark.parametrize(
    ("duration_s", "said"), [(-0.1, "a duration is negative"), (1e9, "no reading lasts that long")]
)
def test_events_last_as_long_as_events_can(duration_s: float, said: str) -> None:
    whole = make_dataset()
    assert whole.events is not None
    events = whole.events.copy()
    events.loc[4, "duration_s"] = duration_s
    with pytest.raises(FormatError, match=f"row 6, column events.duration_s: {said}"):
        check_dataset(replace(whole, events=events), "made")


def test_samples_on_an_image_lie_within_it() -> None:
    whole = make_dataset()
    assert whole.samples is not None
    samples = whole.samples.copy()
    row = int(np.flatnonzero(samples["on_image"])[0])
    samples.loc[row, "x_voxel"] = 512.0
    check_dataset(replace(whole, samples=samples), "made")
    samples.loc[row, "x_voxel"] = 513.0
    with pytest.raises(FormatError, match=f"row {row + 2}, column samples.x_voxel: lies outside its image"):
        check_dataset(replace(whole, samples=samples), "made")
