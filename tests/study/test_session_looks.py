from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.study.session import read_manifest, write_manifest
from ctgaze_app.study.session_looks import COLUMNS, SessionLooks, session_looks
from tests.factories.sessions import make_session


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_session(tmp_path_factory.mktemp("looks") / "s", trials=2, seconds=4.0, audio=False).folder


@pytest.fixture(scope="module")
def looks(folder: Path) -> SessionLooks:
    return session_looks(folder)


def test_rows_are_the_dwell_segments_of_every_trial(folder: Path, looks: SessionLooks) -> None:
    segments = pd.read_csv(folder / "derived" / "dwell_segments.csv")
    assert tuple(looks.rows.columns) == COLUMNS
    assert len(looks.rows) == len(segments) > len(pd.read_csv(folder / "derived" / "fixations.csv"))
    np.testing.assert_array_equal(looks.rows["z_voxel"], segments["z_voxel"])
    np.testing.assert_array_equal(looks.rows["duration_s"], segments["duration_s"])


def test_times_are_those_of_the_pictures(looks: SessionLooks) -> None:
    shown = looks.shown[(looks.session, 1)]
    # The picture appears after the trial's start marker, and the display's latency later on the screen.
    assert looks.reading_s[(looks.session, 1)] == pytest.approx(shown.duration_s.sum())
    assert 3.0 < looks.reading_s[(looks.session, 1)] < 4.0


def test_practice_other_series_and_slabs_have_no_place(tmp_path: Path) -> None:
    made = make_session(tmp_path / "s", trials=2, seconds=4.0, audio=False)
    manifest = read_manifest(made.folder)
    practice = manifest.trials[1].model_copy(update={"kind": "practice"})
    write_manifest(made.folder, manifest.model_copy(update={"trials": [manifest.trials[0], practice]}))
    derived = made.folder / "derived"
    before = session_looks(made.folder)
    assert set(before.rows["trial"]) == {1}
    fixations, segments = (pd.read_csv(derived / name) for name in ("fixations.csv", "dwell_segments.csv"))
    number = int(fixations.loc[0, "fixation"])
    fixations.loc[0, "depth_ambiguous"] = True
    segments.loc[segments["fixation"] == number + 1, "series"] = 1
    fixations.to_csv(derived / "fixations.csv", index=False)
    segments.to_csv(derived / "dwell_segments.csv", index=False)
    after = session_looks_of_tables(made.folder)
    gone = after.rows[after.rows["fixation"].isin([number, number + 1])]
    assert len(gone)
    assert gone[["x_voxel", "y_voxel", "z_voxel"]].isna().all(axis=None)
    kept = after.rows["fixation"] > number + 1
    pd.testing.assert_frame_equal(after.rows[kept], before.rows[kept])


def session_looks_of_tables(folder: Path) -> SessionLooks:
    """The same with the tables as they lie there, edited or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ctgaze_app.study.trial_tables.derived_is_current", lambda *_: True)
        return session_looks(folder)
