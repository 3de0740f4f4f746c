"""Predictions are listed without their arrays, whatever pieces a file is read in, and unpacked only while wanted."""

from __future__ import annotations

import io
import json
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import Cancelled, ModelError
from models.packed_text import place_of, text_without_arrays
from models.prediction_file import prediction_json, read_head, read_prediction, write_prediction
from models.predictions import Prediction, SegmentationPrediction
from tests.models.made_predictions import SHAPE, classification, saliency, segmentation
from tests.models.test_prediction_file import small_prediction

NOISE = np.random.default_rng(0).integers(0, 255, (40, 256, 256), dtype=np.uint8)


def never() -> bool:
    return False


def noisy() -> SegmentationPrediction:
    """2.5 MiB that do not pack."""
    return replace(
        segmentation(), shape_kji=NOISE.shape, probability_kji=NOISE, levels_kji={}, seen_k=np.ones(len(NOISE), bool)
    )


@pytest.mark.parametrize("make", [classification, segmentation, saliency])
@pytest.mark.parametrize("piece", [1, 7, 64, 500, 1 << 20])
def test_places_stand_for_arrays_whatever_the_pieces(
    make: Callable[[], Prediction], piece: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("models.packed_text.PIECE_BYTES", piece)
    whole = prediction_json(make()).encode()
    expected = json.loads(whole)

    def put_back(found: object) -> object:
        if isinstance(found, list):
            return [put_back(one) for one in found]
        if not isinstance(found, dict):
            return found
        if set(found) == {"dtype", "shape", "zlib"}:
            begin, end = place_of(found["zlib"])
            return {**found, "zlib": whole[begin:end].decode()}
        return {name: put_back(one) for name, one in found.items()}

    text = text_without_arrays(io.BytesIO(whole), cancelled=never)
    assert b'"zlib": "e' not in text
    assert put_back(json.loads(text)) == expected


@pytest.mark.parametrize("piece", [5, 1 << 18])
def test_arrays_are_the_same_whatever_the_pieces(tmp_path: Path, piece: int, monkeypatch: pytest.MonkeyPatch):
    path = write_prediction(tmp_path / "p.json", segmentation())
    monkeypatch.setattr("models.packed_arrays.PIECE_BYTES", piece)
    monkeypatch.setattr("models.packed_arrays.TEXT_BYTES", piece // 4 * 4)
    assert prediction_json(read_prediction(path)) == prediction_json(segmentation())


def test_words_that_look_like_an_array_stay_words(tmp_path: Path):
    odd = segmentation(structure='a], "zlib": "b', parameters={"zlib": "kept"})
    found = read_prediction(write_prediction(tmp_path / "p.json", odd))
    assert isinstance(found, SegmentationPrediction)
    assert (found.structure, found.parameters) == (odd.structure, odd.parameters)


@pytest.mark.parametrize(
    ("make", "task", "names", "size"),
    [
        (lambda: small_prediction(3), "scanpath", ("sample 1", "sample 2", "sample 3"), 0),
        (classification, "classification", ("nodule", "effusion"), 2 * 4 * 4 + 4),
        (segmentation, "segmentation", ("lesion",), 2 * 120 + 4),
        (saliency, "saliency", ("predicted gaze", "Grad-CAM"), 2 * 30),
    ],
)
def test_a_head_says_what_a_list_shows(
    tmp_path: Path, make: Callable[[], Prediction], task: str, names: tuple[str, ...], size: int
):
    written = make()
    head = read_head(write_prediction(tmp_path / "p.json", written, timing=True))
    assert (head.task, head.names, head.size_bytes, head.case) == (task, names, size, "c1")
    for name in ("model", "version", "model_sha256", "volume_sha256", "device", "seconds", "parameters"):
        assert getattr(head, name) == getattr(written, name)


def test_a_head_takes_no_memory_for_arrays(tmp_path: Path):
    path = write_prediction(tmp_path / "p.json", noisy())
    assert path.stat().st_size > 1.3 * NOISE.nbytes
    read_head(path)
    tracemalloc.start()
    head = read_head(path)
    assert tracemalloc.get_traced_memory()[1] < path.stat().st_size
    assert head.size_bytes == NOISE.nbytes + len(NOISE)
    tracemalloc.reset_peak()
    read_prediction(path)
    assert tracemalloc.get_traced_memory()[1] < 2 * NOISE.nbytes
    tracemalloc.stop()


def test_a_file_that_ends_early_is_no_head(tmp_path: Path):
    whole = prediction_json(segmentation()).encode()
    array = whole.index(b'"zlib": "') + 20
    for end in (60, array, whole.index(b'"', array) + 1, len(whole) - 3):
        (tmp_path / "p.json").write_bytes(whole[:end])
        with pytest.raises(ModelError, match="is no JSON that can be used") as caught:
            read_head(tmp_path / "p.json")
        assert "\n" not in str(caught.value)


def test_a_damaged_array_shows_when_it_is_unpacked(tmp_path: Path):
    whole = prediction_json(segmentation())
    at = whole.index('"zlib": "') + 30
    (tmp_path / "p.json").write_text(whole[:at] + ("B" if whole[at] != "B" else "C") + whole[at + 1 :])
    assert read_head(tmp_path / "p.json").names == ("lesion",)
    with pytest.raises(ModelError, match=r"probability_kji: is (no packed array|cut off or damaged)"):
        read_prediction(tmp_path / "p.json")


@pytest.mark.parametrize("shape", [[4, 5, 7], [4, 5]])
def test_an_array_of_another_shape_is_no_head(tmp_path: Path, shape: list[int]):
    content = json.loads(prediction_json(segmentation()))
    content["probability_kji"]["shape"] = shape
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"probability_kji: uint8 .*, not uint8 \(4, 5, 6\)"):
        read_head(tmp_path / "p.json")


def test_an_array_without_a_place_is_refused(tmp_path: Path):
    content = json.loads(prediction_json(segmentation()))
    array = content["seen_k"]
    content["seen_k"] = {name: array[name] for name in ("zlib", "dtype", "shape")}
    (tmp_path / "p.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=r"seen_k.zlib: is no packed array: dtype, shape and zlib stand in this order"):
        read_head(tmp_path / "p.json")


def test_reading_stops_when_nobody_wants_it(tmp_path: Path):
    path = write_prediction(tmp_path / "p.json", noisy())
    with pytest.raises(Cancelled):
        read_head(path, cancelled=lambda: True)
    seen: list[tuple[int, int]] = []
    with pytest.raises(Cancelled):
        read_prediction(path, progress=lambda *one: seen.append(one), cancelled=lambda: bool(seen))
    assert len(seen) == 1 and seen[0][0] < seen[0][1]


def test_progress_ends_with_all_bytes(tmp_path: Path):
    seen: list[tuple[int, int]] = []
    read_prediction(write_prediction(tmp_path / "p.json", segmentation()), progress=lambda *one: seen.append(one))
    assert seen[-1] == (2 * int(np.prod(SHAPE)) + 4,) * 2
