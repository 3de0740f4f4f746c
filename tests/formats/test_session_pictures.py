"""Slices of a recorded reading as pictures with their own tables of fixations."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import CTGazeError, SessionError
from ctgaze_app.formats import session_pictures as tested
from ctgaze_app.formats.contract import checked_options
from ctgaze_app.formats.from_session import dataset_from_session
from ctgaze_app.formats.gazemedseg import FORMAT, read_gazemedseg
from ctgaze_app.formats.session_pictures import session_pictures
from models.datasets.fixation_table import read_fixation_table
from tests.factories.sessions import ZOOM, SyntheticSession, make_session
from tests.factories.volumes import make_volume


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SyntheticSession]:
    made = make_session(tmp_path_factory.mktemp("pictures") / "s", trials=2, seconds=5.0, audio=False)
    with pytest.MonkeyPatch.context() as patch:
        # Where the CT of a session lies is told by private/series.json, which these sessions have none of.
        patch.setattr(tested, "load_volume", lambda *_, **__: made.volume)
        yield made


def segments_on_image(session: SyntheticSession, trial: int) -> pd.DataFrame:
    rows = pd.read_csv(session.folder / "derived" / "dwell_segments.csv")
    return rows[(rows["trial"] == trial) & rows["x_voxel"].notna()]


def test_every_slice_that_was_looked_at_is_a_picture_with_its_looks(session: SyntheticSession, tmp_path: Path):
    dataset_from_session(session.folder, trials=(1,))
    found = session_pictures(f"{session.folder}:1", tmp_path)
    rows = segments_on_image(session, 1)
    by_slice = {int(k): part for k, part in rows.groupby("slice_index")}
    assert [each.case.case for each in found.slices] == [f"case-1_{k + 1:04d}" for k in sorted(by_slice)]
    assert {each.case.patient for each in found.slices} == {"case-1"}
    assert len(by_slice) >= 3
    for each, k in zip(found.slices, sorted(by_slice), strict=True):
        picture = each.case.load()
        assert np.array_equal(picture.values[0], session.volume.voxels[k])
        assert picture.affine_lps is not None
        assert picture.affine_lps[:3, 3] == pytest.approx(session.volume.positions_lps_mm[k])
        assert each.case.gaze is not None
        centres = each.case.gaze.points_xy_share * 64 - 0.5
        assert centres == pytest.approx(by_slice[k][["x_voxel", "y_voxel"]].to_numpy(), abs=1e-6)
        assert each.case.gaze.duration_s.sum() == pytest.approx(by_slice[k]["duration_s"].sum())
        assert each.case.gaze.reader == "r01"
        assert each.window == (40.0, 400.0)
        assert each.px_per_degree == pytest.approx(session.manifest.screen.geometry().px_per_deg() / ZOOM)
    assert [path.name for path in found.tables] == ["r01_fixation.csv"]


def test_a_fixation_during_which_slices_moved_counts_on_each_of_them(
    session: SyntheticSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = dataset_from_session(session.folder, trials=(1,), samples=False)
    path = tmp_path / "segments.csv"
    rows = segments_on_image(session, 1)
    first = rows.iloc[0]
    # The first fixation dwells on its own slice, on the two above it, and last beside the image.
    moved = pd.DataFrame([first] * 4).assign(
        z_voxel=[first["z_voxel"] + step for step in range(4)], duration_s=[0.5, 0.02, 0.03, 9.0],
        onset_s=[first["onset_s"] + step for step in (0, 0.5, 0.52, 0.55)],
        x_voxel=[first["x_voxel"], 3.0, 4.0, np.nan],
    )  # fmt: skip
    moved.to_csv(path, index=False)
    only = whole.fixations[whole.fixations["fixation"] == first["fixation"]]
    monkeypatch.setattr(tested, "dataset_from_session", lambda *_, **__: replace(whole, fixations=only))
    read = tested._slice_by_slice
    monkeypatch.setattr(tested, "_slice_by_slice", lambda rows, _, series: read(rows, path, series))
    found = session_pictures(f"{session.folder}:1", tmp_path / "out")
    k = round(first["z_voxel"])
    assert [each.case.case for each in found.slices] == [f"case-1_{k + step + 1:04d}" for step in range(3)]
    gazes = [each.case.gaze for each in found.slices]
    assert [float(gaze.duration_s[0]) for gaze in gazes if gaze is not None] == pytest.approx([0.5, 0.02, 0.03])
    assert [64 * float(gaze.points_xy_share[0, 0]) - 0.5 for gaze in gazes[1:] if gaze is not None] == pytest.approx(
        [3.0, 4.0]
    )


def test_dwell_that_cannot_be_read_is_one_line(session: SyntheticSession, tmp_path: Path):
    rows = dataset_from_session(session.folder, trials=(1,), samples=False).fixations
    with pytest.raises(SessionError, match=r"no\.csv: cannot be read: .*\(run: ctgaze session process\)"):
        tested._slice_by_slice(rows, tmp_path / "no.csv", {"case-1": 0})


def test_all_trials_give_their_cases_and_both_readers_of_the_table_agree(session: SyntheticSession, tmp_path: Path):
    found = session_pictures(str(session.folder), tmp_path)
    assert {each.case.patient for each in found.slices} == {"case-1", "case-2"}
    ours = read_fixation_table(found.tables[0])
    theirs = read_gazemedseg(found.tables[0], checked_options({}, FORMAT.read_options, "gazemedseg")).fixations
    for case, rows in theirs.groupby("case"):
        gaze = ours[str(case)].gaze
        assert gaze.points_xy_share * 64 - 0.5 == pytest.approx(rows[["x_voxel", "y_voxel"]].to_numpy(), abs=1e-6)
        assert gaze.onset_s == pytest.approx(rows["onset_s"].to_numpy())


def test_slabs_and_planes_across_the_slices_are_left_out_and_counted(
    session: SyntheticSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = dataset_from_session(session.folder, trials=(1,), samples=False)

    def partly(*_: object, **__: object) -> object:
        rows = whole.fixations.copy()
        on = rows.index[rows["on_image"]]
        rows.loc[on[0], "source_depth_ambiguous"] = True
        rows.loc[on[1:3], "source_plane"] = 1
        return replace(whole, fixations=rows)

    monkeypatch.setattr(tested, "dataset_from_session", partly)
    found = session_pictures(f"{session.folder}:1", tmp_path)
    assert found.notes == ("3 fixations on slabs or across the slices are left out",)
    kept = sum(len(each.case.gaze.duration_s) for each in found.slices if each.case.gaze is not None)
    left_out = whole.fixations.loc[whole.fixations["on_image"], "fixation"].iloc[:3]
    assert kept == int((~segments_on_image(session, 1)["fixation"].isin(left_out)).sum())


def test_a_reading_on_slabs_alone_is_one_line(
    session: SyntheticSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    whole = dataset_from_session(session.folder, trials=(1,), samples=False)
    rows = whole.fixations.assign(source_depth_ambiguous=True)
    monkeypatch.setattr(tested, "dataset_from_session", lambda *_, **__: replace(whole, fixations=rows))
    with pytest.raises(SessionError, match="no fixation lies on a slice of the CT"):
        session_pictures(f"{session.folder}:1", tmp_path)
    assert not list(tmp_path.iterdir())


def test_the_window_of_the_longest_looking_counts():
    rows = pd.DataFrame(
        {
            "source_window_centre": [40.0, -600.0, 40.0, np.nan], "source_window_width": [400.0, 1500.0, 400.0, np.nan],
            "duration_s": [0.3, 0.5, 0.3, 9.0], "source_zoom": [2.0, 4.0, np.nan, 0.0],
        }
    )  # fmt: skip
    assert tested._window(rows) == (40.0, 400.0)
    screen = make_geometry()
    assert tested._px_per_degree(rows, screen) == pytest.approx(screen.px_per_deg() / ((0.3 * 2 + 0.5 * 4) / 0.8))
    with pytest.raises(CTGazeError, match="nothing says through which window"):
        tested._window(rows.iloc[3:])


def make_geometry() -> tested.ScreenGeometry:
    return tested.ScreenGeometry(width_px=1920, height_px=1080, width_mm=528, height_mm=297, distance_mm=650)


def test_what_was_not_measured_is_the_darkest():
    padding = np.zeros((2, 8, 8), dtype=bool)
    padding[1, :, :3] = True
    voxels = np.full((2, 8, 8), 30, dtype=np.int16)
    voxels[1, 4, 4] = -900
    voxels[1, :, :3] = 3000
    volume: Volume = make_volume(voxels, padding=padding)
    values = tested._slice(volume, "c_0002", "c", 1).values[0]
    assert (values[:, :3] == -900).all()
    assert values[0, 5] == 30
