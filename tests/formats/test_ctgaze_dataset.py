"""Our own folder gives back what was written, and refuses what was changed."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.ctgaze_dataset import read_ctgaze, write_ctgaze
from ctgaze_app.formats.dataset import DataSet
from tests.formats.gaze_tables import make_dataset
from tests.formats.mutations import TABLES, Subject, assert_no_silent_damage


def _written(folder: Path) -> Path:
    write_ctgaze(make_dataset(), folder / "data", {})
    return folder / "data"


# Words of provenance and meanings are free text and free numbers.
FREE = frozenset({"provenance", "report", "attributes", "columns"})
MUTATION_SUBJECTS = (
    Subject("ctgaze", _written, files=("data/dataset.json",), text_columns=FREE),
    Subject("ctgaze", _written, files=("data/fixations.parquet", "data/samples.parquet"), checksummed=True),
)


def assert_same(one: DataSet, other: DataSet) -> None:
    for name in TABLES:
        before, after = getattr(one, name), getattr(other, name)
        assert (before is None) == (after is None)
        if before is not None:
            pd.testing.assert_frame_equal(before, after, check_exact=True)
    for before, after in zip(one.cases, other.cases, strict=True):
        assert replace(before, affine_lps=None).__dict__ == replace(after, affine_lps=None).__dict__
        assert np.array_equal(before.affine_lps, after.affine_lps)
    assert dict(one.screen) == dict(other.screen)
    assert (one.source, dict(one.provenance)) == (other.source, dict(other.provenance))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_written_is_read_back_equal(tmp_path: Path, seed: int) -> None:
    data = make_dataset(seed)
    paths = write_ctgaze(data, tmp_path / "d", {})
    assert [path.name for path in paths] == [
        "fixations.parquet", "samples.parquet", "events.parquet", "words.parquet", "dataset.json",
    ]  # fmt: skip
    assert_same(data, read_ctgaze(tmp_path / "d", {}))
    assert_same(data, read_ctgaze(tmp_path / "d" / "dataset.json", {}))


def test_every_column_is_described(tmp_path: Path) -> None:
    content = json.loads((_written(tmp_path) / "dataset.json").read_text(encoding="utf-8"))
    for table in content["tables"].values():
        assert "not part of the layout" not in table["columns"].values()


def test_a_changed_table_is_refused(tmp_path: Path) -> None:
    folder = _written(tmp_path)
    table = pd.read_parquet(folder / "fixations.parquet")
    table["x_voxel"] += 1
    table.to_parquet(folder / "fixations.parquet")
    with pytest.raises(FormatError, match=r"fixations\.parquet: was changed since"):
        read_ctgaze(folder, {})


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("duration_s", -0.1, "row 3, column fixations.duration_s: a duration must be"),
        ("duration_s", 1e30, "row 3, column fixations.duration_s: no reading lasts that long"),
        ("onset_s", 1e5, "row 4, column fixations.onset_s: onsets descend within a trial"),
        ("x_voxel", np.nan, "row 3, column fixations.x_voxel: a fixation on the image has no voxel"),
        ("kind", "stare", "row 3, column fixations.kind: not a kind of fixation"),
        ("case", "case-9", "row 3, column fixations.case: this case is not known"),
        ("fixation", 1, "row 3, column fixations.fixation: this fixation is there twice"),
    ],
)
def test_what_no_data_set_may_hold_is_refused_before_writing(
    tmp_path: Path, column: str, value: object, said: str
) -> None:
    fixations = make_dataset().fixations
    fixations.loc[1, "on_image"] = True
    fixations.loc[1, ["x_voxel", "y_voxel", "z_voxel"]] = 1.0
    fixations.loc[1, column] = value
    with pytest.raises(FormatError) as caught:
        write_ctgaze(make_dataset(fixations=fixations), tmp_path / "d", {})
    assert said in str(caught.value)
    assert not (tmp_path / "d").exists()


@pytest.mark.parametrize("number", range(len(MUTATION_SUBJECTS)))
def test_damage_never_changes_numbers_in_silence(tmp_path: Path, number: int) -> None:
    assert_no_silent_damage(MUTATION_SUBJECTS[number], tmp_path)
