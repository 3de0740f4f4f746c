"""Predictions on voxels read back as they were; a file that claims what it does not hold is one line."""

from __future__ import annotations

import base64
import json
import math
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from models.errors import ModelError
from models.packed_arrays import MOST_BYTES
from models.prediction_file import (
    is_prediction,
    is_scanpath_prediction,
    prediction_json,
    read_prediction,
    read_scanpath_prediction,
    write_prediction,
)
from models.predictions import ClassificationPrediction, SaliencyPrediction, SegmentationPrediction
from tests.models.made_predictions import AFFINE, SHAPE, classification, saliency, segmentation


def test_a_classification_reads_back_with_its_evidence(tmp_path: Path):
    written = classification()
    found = read_prediction(write_prediction(tmp_path / "p.json", written, timing=True))
    assert isinstance(found, ClassificationPrediction)
    assert found.findings == written.findings
    (evidence,) = found.evidence
    assert evidence.method == "leave one out"
    assert (evidence.contribution_lk == written.evidence[0].contribution_lk).all()
    assert evidence.contribution_lk.dtype == np.float32
    assert evidence.seen_k.tolist() == [True, True, True, False]
    assert (found.case, found.patient, found.seconds, found.device) == ("c1", "p1", 1.5, "cpu")
    assert found.parameters == {"threads": 1, "levels": ("a", "b")}
    assert found.affine_lps is not None and (found.affine_lps == AFFINE).all()


def test_a_segmentation_reads_back_voxel_by_voxel(tmp_path: Path):
    written = segmentation()
    found = read_prediction(write_prediction(tmp_path / "p.json", written))
    assert isinstance(found, SegmentationPrediction)
    assert (found.probability_kji == written.probability_kji).all()
    assert (found.levels_kji["80 %"] == written.levels_kji["80 %"]).all()
    assert (found.structure, found.threshold, found.seen_k.tolist()) == ("lesion", 0.5, [True, True, True, False])
    assert math.isnan(found.seconds)
    assert prediction_json(found) == prediction_json(written)


def test_a_saliency_of_a_picture_without_millimetres_reads_back(tmp_path: Path):
    found = read_prediction(write_prediction(tmp_path / "p.json", saliency()))
    assert isinstance(found, SaliencyPrediction)
    assert {name: int(one.max()) for name, one in found.maps_kji.items()} == {"predicted gaze": 7, "Grad-CAM": 9}
    assert found.affine_lps is None
    assert found.findings is not None and found.findings.labels == ("CHF",)


def test_a_mask_is_small_and_no_scan_path(tmp_path: Path):
    path = write_prediction(
        tmp_path / "p.json",
        segmentation(
            probability_kji=np.zeros((64, 256, 256), np.uint8), shape_kji=(64, 256, 256), levels_kji={},
            seen_k=np.ones(64, dtype=bool),
        ),
    )  # fmt: skip
    assert path.stat().st_size < 64 * 256 * 256 / 50
    assert is_prediction(path)
    assert not is_scanpath_prediction(path)
    with pytest.raises(ModelError, match="holds no scan paths"):
        read_scanpath_prediction(path)


def packed(content: bytes, dtype: str = "uint8", shape: tuple[int, ...] = SHAPE) -> dict[str, Any]:
    return {"dtype": dtype, "shape": list(shape), "zlib": base64.b64encode(zlib.compress(content)).decode()}


def written(prediction: Any, **fields: Any) -> dict[str, Any]:
    return {**json.loads(prediction_json(prediction)), **fields}


VOXELS = math.prod(SHAPE)
MASK = written(segmentation())["probability_kji"]
TWO_LABELS = written(classification())
NAN = np.full((2, 4), np.nan, dtype="<f4").tobytes()


def evidence(**fields: Any) -> dict[str, Any]:
    return {**TWO_LABELS, "evidence": [{**TWO_LABELS["evidence"][0], **fields}]}


def without(content: dict[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key != name}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (written(segmentation(), shape_kji=[4, 5, 7]), r"probability_kji: uint8 \(4, 5, 6\), not uint8 \(4, 5, 7\)"),
        (written(segmentation(), probability_kji=packed(b"\1" * 9)), "probability_kji: is cut off or damaged"),
        (written(segmentation(), probability_kji=packed(b"\1" * (VOXELS + 1))), "holds more than the 120 bytes"),
        (written(segmentation(), probability_kji={**MASK, "zlib": "no base64!"}), "is no packed array"),
        (written(segmentation(), probability_kji={**MASK, "zlib": "AAAA"}), "is no packed array"),
        (written(segmentation(), probability_kji={**MASK, "zlib": MASK["zlib"][:-8]}), "is cut off or damaged"),
        (written(segmentation(), probability_kji={**MASK, "dtype": "int64"}), "probability_kji.dtype: Input should"),
        (written(segmentation(), levels_kji={"a": packed(b"", shape=(0,))}), r"levels_kji.a: uint8 \(0,\), not"),
        (written(segmentation(), seen_k=packed(b"\2\0\0\0", "bool", (4,))), "seen_k: holds values that are neither"),
        (written(segmentation(), threshold=1.5), "threshold: Input should be less than or equal to 1"),
        (without(written(segmentation()), "seen_k"), "seen_k: this field is missing"),
        (evidence(contribution_lk=packed(NAN, "float32", (2, 4))), "contribution_lk: holds values that are no numbers"),
        (evidence(contribution_lk=packed(b"\0" * 16, "float32", (1, 4))), r"float32 \(1, 4\), not float32 \(2, 4\)"),
        ({**TWO_LABELS, "findings": {"labels": ["a"], "probabilities": []}}, "1 labels, 0 probabilities"),
        ({**TWO_LABELS, "findings": {"labels": ["a"], "probabilities": [2]}}, "findings.probabilities.0: Input should"),
        (written(saliency(), maps_kji={}), "maps_kji: Dictionary should have at least 1 item"),
        (written(saliency(), paths=[]), "paths: Extra inputs"),
        (written(saliency(), kind="ctgaze dream prediction"), "is no prediction of ctgaze"),
        (written(saliency(), kind=["ctgaze saliency prediction"]), "kind: Input should be 'ctgaze saliency pr"),
    ],
)
def test_what_a_file_claims_and_does_not_hold_is_one_line(tmp_path: Path, content: dict[str, Any], said: str):
    path = tmp_path / "p.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ModelError, match=said) as caught:
        read_prediction(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_bomb_takes_no_more_memory_than_the_shape_it_claims(tmp_path: Path):
    bomb = packed(b"\0" * 50_000_000)
    path = tmp_path / "p.json"
    path.write_text(json.dumps(written(segmentation(), probability_kji=bomb)), encoding="utf-8")
    tracemalloc.start()
    with pytest.raises(ModelError, match="holds more than the 120 bytes of its shape"):
        read_prediction(path)
    assert tracemalloc.get_traced_memory()[1] < 5_000_000
    tracemalloc.stop()


def test_shapes_that_no_memory_holds_are_refused_before_anything_is_unpacked(tmp_path: Path):
    huge = packed(b"", shape=(4096, 4096, 4096))
    path = tmp_path / "p.json"
    path.write_text(
        json.dumps(written(segmentation(), shape_kji=[4096] * 3, probability_kji=huge, levels_kji={})), encoding="utf-8"
    )
    assert MOST_BYTES < 4096**3
    with pytest.raises(ModelError, match=r"its arrays claim 64\.0 GiB, more than 1 GiB"):
        read_prediction(path)


def test_what_json_cannot_hold_is_one_line(tmp_path: Path):
    with pytest.raises(ModelError, match="JSON cannot hold"):
        write_prediction(tmp_path / "p.json", classification(parameters={"seed": np.int64(3)}))
    with pytest.raises(ModelError, match="JSON cannot hold"):
        write_prediction(tmp_path / "p.json", classification(parameters={"rate": math.nan}))
    assert list(tmp_path.iterdir()) == []
