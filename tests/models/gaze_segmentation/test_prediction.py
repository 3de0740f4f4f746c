"""Predictions lie on the stored voxels, whatever the orientation, spacing and kind of values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from models.errors import Cancelled, ModelError
from models.gaze_segmentation import family, prediction
from models.gaze_segmentation.prediction import collapse_warnings, predict_segmentation
from models.prediction_file import read_prediction, write_prediction
from models.predictions import SegmentationPrediction
from models.volumes import CtVolume, PictureVolume
from tests.models.gaze_segmentation.tiny_segmenters import (
    saved_segmenter,
    tiny_colour_settings,
    tiny_grey_settings,
    tiny_settings,
)

AXIAL = np.diag([1.5, 1.5, -3.0, 1.0])


def ct(shape: tuple[int, int, int] = (5, 24, 28), seed: int = 0) -> CtVolume:
    """Smooth noise between -1000 and 200 HU."""
    noise = np.random.default_rng(seed).random(shape)
    return CtVolume((noise * 1200 - 1000).astype(np.int16), AXIAL, "c1", "p1")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory):
    return saved_segmenter(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def found(model):
    return predict_segmentation(model, ct(), device="cpu")


def test_a_prediction_says_what_made_it(model, found):
    assert (found.model, found.version, found.model_sha256) == ("tiny", "1.0", model.sha256)
    assert (found.case, found.patient, found.volume_sha256) == ("c1", "p1", ct().digest())
    assert (found.device, found.structure, found.threshold) == ("cpu", "opacity", 0.5)
    assert found.seen_k.tolist() == [True] * 5
    assert list(found.levels_kji) == ["level 1 (from 0.5)", "level 2 (from 0.3)"]
    assert found.parameters["average"] == "probabilities"
    assert found.parameters["levels"] == list(found.levels_kji)


def test_what_is_written_reads_back(found, tmp_path: Path):
    read = read_prediction(write_prediction(tmp_path / "p.json", found))
    assert isinstance(read, SegmentationPrediction)
    np.testing.assert_array_equal(read.probability_kji, found.probability_kji)
    assert read.parameters["levels"] == tuple(found.levels_kji) and read.parameters["slices"] is None


def test_the_answer_is_the_mean_of_the_levels_and_logits_when_asked(model, found):
    first, second = (level.astype(float) for level in found.levels_kji.values())
    assert np.abs(found.probability_kji - (first + second) / 2).max() <= 1
    logits = predict_segmentation(model, ct(), average="logits", device="cpu")
    p = np.clip(np.stack([first, second]) / 255, 1e-3, 1 - 1e-3)
    expected = 255 / (1 + np.exp(-np.log(p / (1 - p)).mean(0)))
    assert np.abs(logits.probability_kji - expected).max() < 2


def test_it_equals_the_network_on_the_resized_slice(model, found):
    hu = torch.from_numpy(ct().hu_kji[3].astype(np.float32))
    picture = ((hu.clamp(-1000, 200) + 1000) / 1200)[None, None]
    resize = torch.nn.functional.interpolate
    with torch.inference_mode():
        logits = model.network(resize(picture, (32, 32), mode="bilinear", antialias=True)).plain
        wanted = torch.sigmoid(resize(logits.transpose(0, 1), (24, 28), mode="bilinear")[0]).mean(0)
    assert np.abs(found.probability_kji[3] - 255 * wanted.numpy()).max() <= 0.51


@pytest.mark.parametrize("batch_px", [1, 3 * 32 * 32])
def test_the_size_of_batches_changes_nothing(model, found, monkeypatch: pytest.MonkeyPatch, batch_px: int):
    monkeypatch.setattr(prediction, "BATCH_PX", batch_px)
    again = predict_segmentation(model, ct(), device="cpu")
    assert np.abs(again.probability_kji.astype(int) - found.probability_kji).max() <= 1


def _flipped_k(volume: CtVolume) -> tuple[CtVolume, Any]:
    back = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1, volume.shape_kji[0] - 1], [0, 0, 0, 1.0]])
    return replace(volume, hu_kji=volume.hu_kji[::-1], affine_lps=volume.affine_lps @ back), lambda a: a[::-1]


def _mirrored(volume: CtVolume) -> tuple[CtVolume, Any]:
    back = np.diag([-1.0, -1.0, 1.0, 1.0])
    back[:2, 3] = volume.shape_kji[2] - 1, volume.shape_kji[1] - 1
    turned = replace(volume, hu_kji=volume.hu_kji[:, ::-1, ::-1], affine_lps=volume.affine_lps @ back)
    return turned, lambda a: a[:, ::-1, ::-1]


def _sagittal(volume: CtVolume) -> tuple[CtVolume, Any]:
    matrix = volume.affine_lps[:, [1, 2, 0, 3]]
    return replace(volume, hu_kji=volume.hu_kji.transpose(2, 0, 1), affine_lps=matrix), lambda a: a.transpose(1, 2, 0)


@pytest.mark.parametrize("turn", [_flipped_k, _mirrored, _sagittal])
def test_another_way_of_storing_the_same_anatomy_gives_the_same(model, found, turn: Any):
    volume, back = turn(ct())
    other = predict_segmentation(model, volume, device="cpu")
    assert other.probability_kji.shape == volume.shape_kji
    np.testing.assert_array_equal(back(other.probability_kji), found.probability_kji)


def test_chosen_slices_are_the_stored_ones(model, found):
    volume, _ = _flipped_k(ct())
    some = predict_segmentation(model, volume, slices=(0, 1), device="cpu")
    assert some.seen_k.tolist() == [True, True, False, False, False]
    assert np.abs(some.probability_kji[0].astype(int) - found.probability_kji[4]).max() <= 1
    assert not some.probability_kji[2:].any()
    with pytest.raises(ModelError, match=r"c1: has no slices 3 to 5 \(its slices are 0 to 4\)"):
        predict_segmentation(model, ct(), slices=(3, 5))
    with pytest.raises(ModelError, match="not stored in axial slices"):
        predict_segmentation(model, _sagittal(ct())[0], slices=(0, 1))


def test_with_a_distance_of_pixels_the_same_anatomy_at_two_spacings_gives_the_same(tmp_path: Path):
    model = saved_segmenter(tmp_path, tiny_settings(spacing_mm=3.0))
    rows, columns = np.mgrid[0:20, 0:26]
    waves = -400 + 500 * np.sin(rows / 4) * np.cos(columns / 5)
    coarse = CtVolume(np.stack([waves, -waves - 800]).astype(np.int16), np.diag([3.0, 3.0, -3.0, 1.0]), "c1")
    fine = replace(coarse, hu_kji=coarse.hu_kji.repeat(2, 1).repeat(2, 2), affine_lps=AXIAL)
    wrong = replace(fine, affine_lps=coarse.affine_lps)
    first, second, third = (
        predict_segmentation(model, one, device="cpu").probability_kji for one in (coarse, fine, wrong)
    )
    assert second.shape == (2, 40, 52)
    right, other = (np.abs(one.reshape(2, 20, 2, 26, 2).mean((2, 4)) - first).mean() for one in (second, third))
    assert right < 3
    assert other > 2 * right
    unknown = PictureVolume(np.zeros((1, 30, 30), np.float32), None, "mr")
    grey = saved_segmenter(tmp_path / "grey", tiny_grey_settings(spacing_mm=3.0))
    with pytest.raises(ModelError, match="mr: nobody knows the size of its pixels"):
        predict_segmentation(grey, unknown)


@pytest.mark.parametrize("shape", [(1, 40, 33, 3), (3, 20, 50, 3)])
def test_photographs_give_one_answer_a_picture(tmp_path: Path, shape: tuple[int, ...]):
    model = saved_segmenter(tmp_path, tiny_colour_settings())
    values: NDArray[np.uint8] = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    found = predict_segmentation(model, PictureVolume(values, None, "polyp-1"), device="cpu")
    assert found.probability_kji.shape == shape[:3]
    assert found.affine_lps is None
    assert len(np.unique(found.probability_kji)) > 5


def test_mr_slices_are_seen_at_any_scale_of_their_values(tmp_path: Path):
    model = saved_segmenter(tmp_path, tiny_grey_settings())
    values = np.random.default_rng(2).random((2, 30, 30)).astype(np.float32)
    first = predict_segmentation(model, PictureVolume(values, AXIAL, "mr"), device="cpu")
    second = predict_segmentation(model, PictureVolume(values * 700 + 50, AXIAL, "mr"), device="cpu")
    assert np.abs(first.probability_kji.astype(int) - second.probability_kji).max() <= 1
    flat = predict_segmentation(model, PictureVolume(np.full((1, 9, 9), 7, np.int16), None, "flat"), device="cpu")
    assert flat.probability_kji.shape == (1, 9, 9)


def test_a_full_model_has_one_level_and_reports_none_beside_it(tmp_path: Path):
    settings = tiny_settings(mode="full", thresholds=(0.5,), consistency="none")
    found = predict_segmentation(saved_segmenter(tmp_path, settings), ct((1, 9, 9)), device="cpu")
    assert found.levels_kji == {}
    assert found.parameters["levels"] == ["true masks"]


def test_a_level_that_collapsed_is_named(tmp_path: Path):
    model = saved_segmenter(tmp_path)
    for level, bias in zip(model.network.model, (9.0, -9.0), strict=True):
        torch.nn.init.zeros_(level.classifier.weight)
        torch.nn.init.constant_(level.classifier.bias, bias)
    found = predict_segmentation(model, ct((1, 9, 9)), device="cpu")
    assert found.parameters["foreground_voxels"] == [81, 0]
    (said,) = found.parameters["warnings"]
    assert said == "level 2 (from 0.3) found nothing while another level did: it may have collapsed to background"
    assert collapse_warnings({"a": 0, "b": 0}) == []


def test_hostile_volumes_are_one_line(model, tmp_path: Path):
    colour = PictureVolume(np.zeros((1, 9, 9, 3), np.uint8), None, "photo")
    with pytest.raises(ModelError, match="photo: holds red, green and blue; this model takes Hounsfield units"):
        predict_segmentation(model, colour)
    with pytest.raises(ModelError, match="mr: holds grey values without a unit; this model takes Hounsfield"):
        predict_segmentation(model, PictureVolume(np.zeros((1, 9, 9), np.int16), None, "mr"))
    with pytest.raises(ModelError, match="c1: its values run from 0 to 1: rescaled, not Hounsfield units"):
        predict_segmentation(model, CtVolume(np.eye(9, dtype=np.float32)[None], AXIAL, "c1"))
    broken = np.full((3, 9, 9), -800, np.float32)
    broken[1, 4, 4] = np.nan
    with pytest.raises(ModelError, match="c1, slice 1: holds values that are no numbers"):
        predict_segmentation(model, CtVolume(broken, AXIAL, "c1"))
    with pytest.raises(ModelError, match="c1: holds no pixel"):
        predict_segmentation(model, CtVolume(np.zeros((0, 9, 9), np.int16), AXIAL, "c1"))
    small = saved_segmenter(tmp_path, tiny_settings(spacing_mm=0.01))
    with pytest.raises(ModelError, match=r"c1: would be 1350 x 9000 pixels of 0.01 mm"):
        predict_segmentation(small, replace(ct((1, 9, 60))))


def test_a_model_for_chests_refuses_other_parts_of_the_body_and_takes_one_slice(tmp_path: Path):
    settings = tiny_settings(region="chest")
    chest_model = saved_segmenter(tmp_path / "chest", settings)
    assert family.load(chest_model.folder).network.settings == settings
    wide = np.diag([6.0, 6.0, -3.0, 1.0])
    head = np.full((4, 40, 40), -1000, np.int16)
    head[:, 8:32, 8:32] = 40
    said = r"c1: no chest: 0.0 % of the body is as light as lung, not 4 % or more \(give a CT of the chest\)"
    with pytest.raises(ModelError, match=said):
        predict_segmentation(chest_model, CtVolume(head, wide, "c1"))
    assert predict_segmentation(saved_segmenter(tmp_path / "any"), CtVolume(head, AXIAL, "c1")).seen_k.all()
    chest = head.copy()
    chest[:, 14:26, 12:18] = -850
    chest[:, 14:26, 22:28] = -850
    for volume in (chest, chest[:1]):
        assert predict_segmentation(chest_model, CtVolume(volume, wide, "c1")).seen_k.all()
    for wrong, affine, line in (
        (chest, AXIAL, r"c1: it is 60 x 60 mm large \(to the left, to the back\): no chest"),
        (chest, np.diag([60.0, 60.0, -3.0, 1.0]), r"c1: its voxels are 60 x 60 mm apart"),
        (chest + 1100, wide, r"c1: its values run from 100 to 1140, nothing is as light as air"),
    ):
        with pytest.raises(ModelError, match=line):
            predict_segmentation(chest_model, CtVolume(wrong.astype(np.int16), affine, "c1"))


def test_progress_ascends_and_cancelling_stops(model):
    told: list[tuple[int, int]] = []
    predict_segmentation(model, ct(), progress=lambda done, total: told.append((done, total)))
    assert told == [(number, 5) for number in range(1, 6)]
    with pytest.raises(Cancelled):
        predict_segmentation(model, ct(), cancelled=lambda: True)


def test_options_are_texts(model, found):
    loaded = family.load(model.folder)
    same = family.predict(loaded, ct(), options={"slices": "0-4", "average": "probabilities"}, device="cpu")
    np.testing.assert_array_equal(same.probability_kji, found.probability_kji)
    assert family.predict(loaded, ct(), options={"slices": "2"}).seen_k.tolist() == [False, False, True, False, False]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"slices": "a-b"}, "slices 'a-b'"),
        ({"average": "votes"}, "average 'votes'"),
        ({"threshold": "much"}, "threshold 'much'"),
        ({"threshold": "1.5"}, "a threshold of 1.5"),
        ({"threshold": "nan"}, "a threshold of nan"),
        ({"speed": "2"}, r"there is no option 'speed' \(options: slices, average, threshold\)"),
    ],
)
def test_options_that_mean_nothing_are_one_line(model, options: dict[str, str], said: str):
    with pytest.raises(ModelError, match=said):
        family.predict(model, ct(), options=options)
