"""Names to scan paths: sessions, one trial, data set folders, exchange files, and one line for what cannot be."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.errors import CTGazeError
from ctgaze_app.formats.ctgaze_dataset import write_ctgaze
from ctgaze_app.formats.from_session import dataset_from_session
from ctgaze_app.formats.scanpath_sources import PathSource, check_one_volume_each, read_scanpaths
from ctgaze_app.study.session import write_manifest
from models.scanpath import Scanpath
from tests.factories.sessions import SCREEN, ZOOM, SyntheticSession, make_session


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    return make_session(tmp_path_factory.mktemp("sources") / "first", trials=2, seconds=4.0, audio=False)


def test_a_session_gives_one_path_a_trial_with_its_scale(session: SyntheticSession) -> None:
    source = read_scanpaths(str(session.folder))
    assert source.name == "first"
    assert [(path.case, path.who, path.trial) for path in source.paths] == [
        ("case-1", "r01", "r01_20260102T030405Z:1"),
        ("case-2", "r01", "r01_20260102T030405Z:2"),
    ]
    planned = [fixation for fixation in session.fixations if fixation.trial == 1]
    path = source.paths[0]
    assert abs(len(path) - len(planned)) <= 1
    assert path.source == "simulated"
    assert path.shape_kji == session.volume.shape_kji
    spacing = np.sqrt(np.prod(session.volume.pixel_spacing_ij_mm))
    assert path.mm_per_degree == pytest.approx(SCREEN.geometry().px_per_deg() * spacing / ZOOM, rel=1e-4)


def test_a_trial_is_chosen_by_number(session: SyntheticSession) -> None:
    source = read_scanpaths(f"{session.folder}:2")
    assert source.name == "first:2"
    assert [path.case for path in source.paths] == ["case-2"]


def test_practice_is_left_out_and_said(session: SyntheticSession, tmp_path: Path) -> None:
    folder = tmp_path / "first"
    shutil.copytree(session.folder, folder)
    first, second = session.manifest.trials
    practised = session.manifest.model_copy(update={"trials": [first.model_copy(update={"kind": "practice"}), second]})
    write_manifest(folder, practised)
    source = read_scanpaths(str(folder))
    assert [path.case for path in source.paths] == ["case-2"]
    assert source.notes[0] == "first: Trials left out (practice, or not asked for): 1"


def test_a_data_set_folder_gives_the_same_paths(session: SyntheticSession, tmp_path: Path) -> None:
    write_ctgaze(dataset_from_session(session.folder, samples=False), tmp_path / "set", {})
    theirs, ours = read_scanpaths(str(tmp_path / "set")).paths, read_scanpaths(str(session.folder)).paths
    assert len(theirs) == len(ours) == 2
    for one, other in zip(theirs, ours, strict=True):
        np.testing.assert_array_equal(one.voxel_ijk, other.voxel_ijk)
        np.testing.assert_array_equal(one.duration_s, other.duration_s)
        assert one.mm_per_degree == pytest.approx(other.mm_per_degree)
    assert read_scanpaths(str(tmp_path / "set" / "dataset.json"), format_name="egd").paths[0].case == "case-1"


def test_fixations_on_slabs_and_beside_the_image_are_left_out_and_said(
    session: SyntheticSession, tmp_path: Path
) -> None:
    dataset = dataset_from_session(session.folder, samples=False)
    table = dataset.fixations.copy()
    table.loc[table.index[:2], "source_depth_ambiguous"] = True
    table.loc[table.index[3], "on_image"] = False
    table.loc[table.index[3], ["x_voxel", "y_voxel", "z_voxel"]] = np.nan
    write_ctgaze(replace(dataset, fixations=table), tmp_path / "set", {})
    source = read_scanpaths(str(tmp_path / "set"))
    assert sum(len(path) for path in source.paths) == int(dataset.fixations["on_image"].sum()) - 3
    assert source.notes[0] == "set: 2 fixations on slabs have no depth and are left out"
    assert "lie beside the image and are left out" in source.notes[1]


def line(name: str, **options: object) -> str:
    with pytest.raises(CTGazeError) as caught:
        read_scanpaths(name, **options)  # type: ignore[arg-type]
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 200
    return text


def test_bad_names_are_one_line(session: SyntheticSession, tmp_path: Path) -> None:
    assert line(str(tmp_path / "nothing")).startswith("nothing: there is no such file or folder")
    assert line(str(tmp_path / "nothing:3")).startswith("nothing: there is no such file or folder")
    assert "there is no trial 9" in line(f"{session.folder}:9")
    assert "is a folder without a session or data set" in line(str(tmp_path))
    text = tmp_path / "gaze.txt"
    text.write_text("x", encoding="utf-8")
    assert line(str(text)) == "gaze.txt: is no session; say what it is (--format NAME)"
    assert line(str(text), format_name="gaze").startswith("there is no format gaze (formats: ctgaze,")
    assert line(f"{text}:1").startswith("gaze.txt: only a session has trials")


def test_a_session_without_a_fixation_on_the_image_is_told(session: SyntheticSession, tmp_path: Path) -> None:
    dataset = dataset_from_session(session.folder, samples=False)
    table = dataset.fixations.copy()
    table["on_image"] = False
    table[["x_voxel", "y_voxel", "z_voxel"]] = np.nan
    write_ctgaze(replace(dataset, fixations=table), tmp_path / "set", {})
    assert line(str(tmp_path / "set")).startswith("set: there is no fixation on an image")


def test_the_scale_is_that_of_the_median_zoom(session: SyntheticSession, tmp_path: Path) -> None:
    dataset = dataset_from_session(session.folder, samples=False)
    table = dataset.fixations.copy()
    table.loc[table.groupby("trial").head(1).index, "source_zoom"] *= 10
    write_ctgaze(replace(dataset, fixations=table), tmp_path / "set", {})
    zoomed, plain = read_scanpaths(str(tmp_path / "set")).paths, read_scanpaths(str(session.folder)).paths
    assert [path.mm_per_degree for path in zoomed] == pytest.approx([path.mm_per_degree for path in plain])


def test_milliseconds_taken_for_seconds_are_refused(session: SyntheticSession, tmp_path: Path) -> None:
    dataset = dataset_from_session(session.folder, samples=False)
    table = dataset.fixations.copy()
    table["duration_s"], table["onset_s"] = 250.0, np.nan
    write_ctgaze(replace(dataset, fixations=table), tmp_path / "set", {})
    assert line(str(tmp_path / "set")).startswith("set: a fixation lasts 250 s (declare or correct the unit")


def source_of(name: str, shape: tuple[int, int, int], spacing: float | None) -> PathSource:
    affine = None if spacing is None else np.diag([spacing, spacing, 2.0, 1.0])
    return PathSource(name, (Scanpath.from_voxels([(1, 1, 1)], [0.1], shape_kji=shape, case="c1", affine_lps=affine),))


def test_one_case_is_one_volume() -> None:
    first = source_of("a", (20, 64, 64), 0.7)
    check_one_volume_each([first, source_of("b", (20, 64, 64), 0.7), source_of("c", (20, 64, 64), None)])
    with pytest.raises(CTGazeError) as caught:
        check_one_volume_each([first, source_of("b", (21, 64, 64), 0.7)])
    assert str(caught.value).startswith(
        "b: case c1 is a volume of 64 x 64 x 21 voxels here and of 64 x 64 x 20 voxels in a"
    )
    with pytest.raises(CTGazeError) as caught:
        check_one_volume_each([source_of("z", (20, 64, 64), None), first, source_of("b", (20, 64, 64), 0.8)])
    assert str(caught.value).startswith("b: the voxels of case c1 are not those of a: they differ by 0.1 mm")


def test_a_folder_named_like_a_trial_is_a_folder(session: SyntheticSession, tmp_path: Path) -> None:
    if tmp_path.drive:
        pytest.skip("a file name cannot hold a colon on this system")
    shutil.copytree(session.folder, tmp_path / "odd:1")
    assert len(read_scanpaths(str(tmp_path / "odd:1")).paths) == 2
