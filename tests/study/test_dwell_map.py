from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from ctgaze_app.cli import app
from ctgaze_app.errors import SessionError
from ctgaze_app.study.dwell_map import DwellMap, write_dwell_map
from tests.factories.sessions import SyntheticSession, make_session


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> SyntheticSession:
    return make_session(tmp_path_factory.mktemp("dwell") / "s", seconds=6.0, rate_hz=120.0, audio=False)


def test_the_map_holds_the_seconds_of_each_slice_on_the_grid_of_the_ct(made: SyntheticSession, tmp_path: Path) -> None:
    told = write_dwell_map(made.folder, tmp_path / "map.nii.gz")
    image = nibabel.load(tmp_path / "map.nii.gz")
    dwell = np.asarray(image.dataobj).transpose(2, 1, 0)
    assert dwell.shape == made.volume.shape_kji
    segments = pd.read_csv(made.folder / "derived" / "dwell_segments.csv")
    shown = segments[segments["x_voxel"].notna()]
    expected = np.bincount(shown["slice_index"], weights=shown["duration_s"], minlength=len(dwell))
    np.testing.assert_allclose(dwell.sum(axis=(1, 2)), expected, atol=1e-4)
    assert told.busiest_slice == expected.argmax()
    assert told.total == pytest.approx(expected.sum(), abs=1e-3)
    # Millimetres of a voxel are the CT's, in the RAS of NIfTI.
    voxel = np.array([3.0, 5.0, 7.0])
    mm = made.volume.voxel_to_patient(voxel) * [-1, -1, 1]
    np.testing.assert_allclose((image.affine @ [*voxel, 1])[:3], mm, atol=1e-4)
    origin = json.loads((tmp_path / "map.json").read_text())
    assert (origin["sigma_deg"], origin["preset"], origin["source"]) == (1.0, None, "fixations")


def test_samples_and_presets_are_other_maps(made: SyntheticSession, tmp_path: Path) -> None:
    samples = write_dwell_map(made.folder, tmp_path / "samples.nii", source="samples")
    counts = write_dwell_map(made.folder, tmp_path / "counts.nii", preset="egd-cxr")
    assert samples.total > 5
    fixations = pd.read_csv(made.folder / "derived" / "fixations.csv")
    assert counts.unit == "count"
    assert counts.total == pytest.approx(fixations["x_voxel"].notna().sum(), abs=1.0)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("map.png", {}, "no name of a NIfTI file"),
        ("there.nii.gz", {}, "already there"),
        ("map.nii.gz", {"trial": 7}, r"there is no trial 7 \(its trials: 1"),
        ("map.nii.gz", {"preset": "mine"}, "there is no preset mine"),
    ],
)
def test_what_cannot_be_written_is_one_line(
    made: SyntheticSession, tmp_path: Path, name: str, options: dict, said: str
) -> None:
    (tmp_path / "there.json").write_text("{}")
    with pytest.raises(SessionError, match=said):
        write_dwell_map(made.folder, tmp_path / name, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there.json"]


@pytest.mark.parametrize("broken", ["nibabel.save", "ctgaze_app.study.dwell_map.write_atomically"])
@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_map_that_is_not_whole_leaves_no_file(
    made: SyntheticSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: str, fault: BaseException
) -> None:
    def half(_: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise fault

    def half_sidecar(path: Path, _: str) -> None:
        path.with_name(path.name + ".new").write_bytes(b"half")
        raise fault

    monkeypatch.setattr(broken, half if broken == "nibabel.save" else half_sidecar)
    expected = SessionError if isinstance(fault, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_dwell_map(made.folder, tmp_path / "map.nii.gz")
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_is_left_out_and_why(
    made: SyntheticSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ["session", "dwell-map", str(made.folder), "--out", str(tmp_path / "map.nii")]
    both = CliRunner().invoke(app, [*asked, "--sigma", "2", "--preset", "egd-cxr"])
    assert both.exit_code == 2
    assert "a preset has a width of its own" in both.output
    done = DwellMap("map.nii", 1, "case-1", 3.25, "s", {"off_image": 0.5, "slab": 1.5, "no_view": 0.0}, 7)
    monkeypatch.setattr("ctgaze_app.study.dwell_map.write_dwell_map", lambda *_, **__: done)
    assert CliRunner().invoke(app, asked).output.splitlines() == [
        "map.nii: 3.2 s of looking in trial 1, case case-1; most on slice 7 (from 0)",
        "left out: 0.5 s beside the image",
        "left out: 1.5 s on a slab, where the depth is not known",
    ]
