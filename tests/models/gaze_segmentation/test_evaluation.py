"""Evaluations: figures by hand, floors, levels, empty pictures, collapse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.errors import ModelError
from models.gaze_segmentation import family
from models.metrics.overlap import overlap
from tests.models.gaze_segmentation.disc_pictures import disc_case
from tests.models.gaze_segmentation.test_training import disc_config
from tests.models.gaze_segmentation.tiny_segmenters import saved_segmenter, tiny_settings


def constant(folder: Path, biases: tuple[float, ...], **options: bool):
    """A network whose levels say one logit everywhere."""
    thresholds = (0.5, 0.3, 0.4)[: len(biases)]
    model = saved_segmenter(folder, tiny_settings(thresholds=thresholds, **options), name=folder.name)
    for level, bias in zip(model.network.model, biases, strict=True):
        torch.nn.init.zeros_(level.classifier.weight)
        torch.nn.init.constant_(level.classifier.bias, bias)
    return model


CASES = [disc_case(number, part="test") for number in range(8)]


def test_figures_are_means_over_patients_with_floors(tmp_path: Path):
    told: list[tuple[int, int]] = []
    found = family.evaluate(
        [constant(tmp_path / "all", (4.0, -2.0))], CASES, resamples=50, device="cpu",
        progress=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    rows = found.tables[0].rows
    assert list(rows) == [
        "all", "all, level 1 (from 0.5)", "all, level 2 (from 0.3)", "nothing", "everything", "centre disc",
    ]  # fmt: skip
    shares = np.array([case.load_mask().mean() for case in CASES])  # type: ignore[misc]
    dice = (2 * shares / (1 + shares)).reshape(4, 2).mean(1)
    everything = rows["everything"].measures
    assert everything["dice"].value == pytest.approx(dice.mean(), abs=1e-4)
    assert everything["iou"].value == pytest.approx(shares.mean(), abs=1e-4)
    assert everything["dice"].low <= everything["dice"].value <= everything["dice"].high
    assert rows["all"].measures == everything
    assert rows["nothing"].measures["dice"].value == 0
    assert rows["all, level 2 (from 0.3)"].measures["dice"].value == 0
    assert rows["all"].role == "candidate"
    assert rows["centre disc"].role == "floor"
    assert 0.3 < rows["centre disc"].measures["dice"].value < 1
    assert told[-1] == (8, 8)
    said = " ".join(found.sentences)
    assert "all, level 2 (from 0.3) has collapsed to background: it finds 0 %" in said
    assert "all does not beat the best floor, centre disc" in said
    assert "this proves the code, not radiology" in said
    assert found.parameters["both_empty"]["all"] == 0
    assert found.to_dict()["on"].startswith("8 pictures (simulated) of 4 patients")


def test_the_mean_of_logits_is_dragged_down_by_a_collapsed_level_and_that_of_probabilities_is_not(tmp_path: Path):
    biases = (4.0, 4.0, -90.0)
    right, published = (
        family.evaluate([constant(tmp_path / name, biases, faithful=faithful)], CASES, resamples=5, device="cpu")
        for name, faithful in (("right", False), ("published", True))
    )
    everything = right.tables[0].rows["everything"].measures["dice"].value
    assert right.tables[0].rows["right"].measures["dice"].value == everything
    assert published.tables[0].rows["published"].measures["dice"].value == 0


@pytest.mark.parametrize("faithful", [False, True])
def test_pictures_with_nothing_to_find_are_left_out_or_count_as_0(tmp_path: Path, faithful: bool):
    empty = disc_case(0, part="test")
    object.__setattr__(empty, "load_mask", lambda: np.zeros((36, 36), bool))
    nothing = constant(tmp_path / "m", (-4.0, -4.0), faithful=faithful)
    found = family.evaluate([nothing], [empty, *CASES[2:]], resamples=5, device="cpu")
    assert found.parameters["both_empty"] == {
        "m": 1, "m, level 1 (from 0.5)": 1, "m, level 2 (from 0.3)": 1, "nothing": 1, "everything": 0, "centre disc": 0,
    }  # fmt: skip
    assert any("nothing is and nothing was found" in said for said in found.sentences)
    alone = family.evaluate([nothing], [empty], resamples=5, device="cpu").tables[0].rows
    assert {name: figure.value for name, figure in alone["m"].measures.items()} == (
        {"dice": 0, "iou": 0} if faithful else {}
    )


def test_pictures_without_a_mask_are_left_out_and_none_at_all_is_one_line(tmp_path: Path):
    model = constant(tmp_path / "m", (1.0, 1.0))
    mixed = [*CASES[:2], disc_case(50, part="test", with_mask=False)]
    found = family.evaluate([model], mixed, resamples=5, device="cpu")
    assert found.sentences[0] == "1 pictures have no true mask and were left out."
    with pytest.raises(ModelError, match="no picture has a true mask"):
        family.evaluate([model], mixed[2:])
    with pytest.raises(ModelError, match="no model to evaluate"):
        family.evaluate([], CASES)


def test_several_models_have_a_range_and_differences(tmp_path: Path):
    models = [constant(tmp_path / name, (bias, bias)) for name, bias in (("low", -4.0), ("high", 4.0))]
    found = family.evaluate(models, CASES, resamples=50, device="cpu")
    (row,) = found.tables[1].rows.values()
    high = found.tables[0].rows["high"].measures["dice"].value
    assert (row.measures["dice"].low, row.measures["dice"].high) == (0, high)
    assert row.measures["dice"].value == pytest.approx(high / 2, abs=1e-4)
    assert any(said.startswith(f"high minus low: Dice +{high:.3f}") for said in found.sentences)


def test_pseudo_masks_of_the_models_own_run_stand_beside_it(tmp_path: Path):
    from models.training.recipes import config_text

    model = constant(tmp_path / "m", (1.0, 1.0))
    (model.folder / "config.toml").write_text(config_text(disc_config(tmp_path)))
    cases = [*CASES, disc_case(60, part="test", with_gaze=False)]
    rows = family.evaluate([model], cases, resamples=5, device="cpu").tables[0].rows
    assert rows["gaze pseudo-mask from 0.5"].role == "ceiling"
    assert 0.2 < rows["gaze pseudo-mask from 0.5"].measures["dice"].value <= 1


def test_overlap_by_hand():
    first, second = np.zeros((2, 4), bool), np.zeros((2, 4), bool)
    first[0] = True
    second[0, :1] = second[1, :1] = True
    assert overlap(first, second).dice == pytest.approx(2 / 6)
    assert overlap(first, second).iou == pytest.approx(1 / 5)
    empty = np.zeros((2, 4), bool)
    assert overlap(empty, empty).both_empty
    assert overlap(empty, first).dice == 0
    with pytest.raises(ValueError, match="masks"):
        overlap(first, second[:, :2])
    with pytest.raises(ValueError, match="uint8"):
        overlap(first, second.astype(np.uint8))
