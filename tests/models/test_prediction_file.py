"""A prediction reads back as it was; a file that is none is one line."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.prediction_file import is_prediction, prediction_json, read_prediction, write_prediction
from models.predictions import ScanpathPrediction
from models.scanpath import Scanpath


def small_prediction(count: int = 2) -> ScanpathPrediction:
    paths = tuple(
        Scanpath.from_voxels(
            [[1.25, 2.0, 3.0], [4.0, 0.001, 9.0]], [0.2, 0.3], onset_s=[0.0, 0.2], shape_kji=(10, 6, 7), who="tiny",
            case="c1", patient="p1", affine_lps=np.diag([0.7, 0.7, -2.5, 1.0]), source="model", trial=f"sample {one}",
        )
        for one in range(1, count + 1)
    )  # fmt: skip
    return ScanpathPrediction(paths, "tiny", "1.0", "a" * 64, "b" * 64, "cpu", 1.5, {"seed": 3, "length": None})


def test_a_prediction_reads_back_with_all_that_it_says(tmp_path: Path):
    written = small_prediction()
    path = write_prediction(tmp_path / "new" / "p.json", written, timing=True)
    found = read_prediction(path)
    assert found.parameters == written.parameters
    assert prediction_json(found, timing=True) == prediction_json(written, timing=True)
    for ours, theirs in zip(found.paths, written.paths, strict=True):
        assert (ours.who, ours.case, ours.patient, ours.trial, ours.source) == (
            "tiny",
            "c1",
            "p1",
            theirs.trial,
            "model",
        )
        assert ours.voxel_ijk.tolist() == theirs.voxel_ijk.tolist()
        assert ours.onset_s.tolist() == theirs.onset_s.tolist()
        assert ours.affine_lps is not None
        assert ours.affine_lps.tolist() == np.diag([0.7, 0.7, -2.5, 1.0]).tolist()
    assert (found.device, found.seconds, found.model_sha256, found.volume_sha256) == ("cpu", 1.5, "a" * 64, "b" * 64)


def test_the_time_it_took_is_left_out_unless_asked_for(tmp_path: Path):
    slow = replace(small_prediction(), seconds=99.0)
    assert prediction_json(slow) == prediction_json(small_prediction())
    assert math.isnan(read_prediction(write_prediction(tmp_path / "p.json", slow)).seconds)


def test_our_files_are_recognised_and_others_are_not(tmp_path: Path):
    assert is_prediction(write_prediction(tmp_path / "p.json", small_prediction()))
    (tmp_path / "q.json").write_text('{"X": [1]}', encoding="utf-8")
    assert not is_prediction(tmp_path / "q.json")
    assert not is_prediction(tmp_path)


def test_a_prediction_without_a_fixation_is_not_written(tmp_path: Path):
    one = small_prediction(1)
    for broken in (replace(one, paths=()), replace(one, paths=(one.paths[0].part(slice(0, 0)),))):
        with pytest.raises(ModelError, match="a prediction without a fixation"):
            write_prediction(tmp_path / "p.json", broken)
    assert list(tmp_path.iterdir()) == []


def change(**fields: Any) -> dict[str, Any]:
    return {**json.loads(prediction_json(small_prediction(1))), **fields}


def changed_path(**fields: Any) -> dict[str, Any]:
    content = change()
    return {**content, "paths": [{**content["paths"][0], **fields}]}


EMPTY = {name: [] for name in ("x_voxel", "y_voxel", "z_voxel", "onset_s", "duration_s")}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (change(schema=2), "schema: Input should be 1"),
        (change(kind="other"), "is no prediction of ctgaze"),
        (change(paths=[]), "paths: Tuple should have at least 1 item"),
        (changed_path(**EMPTY), r"paths.0.x_voxel: Tuple should have at least 1 item"),
        (changed_path(x_voxel=[1.0]), r"paths.0: its lists differ in length"),
        (changed_path(x_voxel=["1", "2"]), r"paths.0.x_voxel.0: Input should be a valid number"),
        (changed_path(x_voxel=[1.0, 7.0]), "path 1 leaves the volume in x_voxel"),
        (changed_path(z_voxel=[-1.0, 7.0]), "path 1 leaves the volume in z_voxel"),
        (changed_path(duration_s=[-0.1, 0.1]), "durations are 0 to 3600 s"),
        (changed_path(onset_s=[1.0, 0.5]), "onsets must ascend"),
        (change(affine_lps=[[0.0] * 4] * 4), "affine_lps is no map to millimetres"),
        (change(shape_kji=[0, 6, 7]), "shape_kji.0: Input should be greater"),
        (change(model_sha256="x"), "model_sha256: String should match"),
        (change(parameters={"a": {"b": 1}}), "parameters.a"),
        (change(surprise=1), "surprise: Extra inputs"),
        ({name: value for name, value in change().items() if name != "device"}, "device: this field is missing"),
        ([1, 2], "is no prediction of ctgaze"),
    ],
)
def test_a_wrong_field_is_one_line_with_its_name(tmp_path: Path, content: Any, said: str):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match=said) as caught:
        read_prediction(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b'{"kind": NaN}', b'{"kind": ' + b"9" * 10_000 + b"}"]
)
def test_what_is_no_json_is_one_line(tmp_path: Path, content: bytes):
    (tmp_path / "p.json").write_bytes(content)
    with pytest.raises(ModelError, match=r"is no JSON that can be used|is no prediction") as caught:
        read_prediction(tmp_path / "p.json")
    assert "\n" not in str(caught.value)


def test_a_huge_file_is_not_read(tmp_path: Path):
    with (tmp_path / "p.json").open("wb") as file:
        file.write(b'{"kind": "ctgaze segmentation prediction", ')
        file.truncate(3 << 30)
    with pytest.raises(ModelError, match="is larger than 2 GiB"):
        read_prediction(tmp_path / "p.json")


def test_text_beside_the_arrays_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("models.packed_text.LARGEST_TEXT", 5 << 20)
    (tmp_path / "p.json").write_bytes(b'{"kind": "ctgaze segmentation prediction", ' + b" " * (9 << 20))
    with pytest.raises(ModelError, match="holds more than 5 MiB beside its arrays"):
        read_prediction(tmp_path / "p.json")


def test_a_number_beyond_all_numbers_is_refused(tmp_path: Path):
    text = prediction_json(small_prediction(1)).replace("1.25", "1e999")
    (tmp_path / "p.json").write_text(text, encoding="utf-8")
    with pytest.raises(ModelError, match=r"paths\.0\.x_voxel\.0: Input should be a finite number"):
        read_prediction(tmp_path / "p.json")
