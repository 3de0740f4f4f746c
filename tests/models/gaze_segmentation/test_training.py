"""Training runs on a few discs: masks stay closed, runs repeat and resume, cards say what was done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.errors import Cancelled, ModelError
from models.gaze_segmentation import family
from models.gaze_segmentation.config import SegmentationConfig, TrainingTable
from models.gaze_segmentation.lightning_module import SegmentationTraining, dice_of
from models.gaze_segmentation.network import GazeSegmenter
from models.training.result import TrainingState
from tests.models.gaze_segmentation.disc_pictures import Opened, disc_case, disc_split
from tests.models.gaze_segmentation.tiny_segmenters import saved_segmenter, tiny_settings


def disc_config(cache: Path, *, settings: dict[str, Any] | None = None, **training: Any) -> SegmentationConfig:
    """Two epochs on discs."""
    said: dict[str, Any] = {
        "epochs": 2, "pictures_per_batch": 3, "optimizer": "adamw", "learning_rate": 0.01, "schedule": "cosine",
        "monitor": "val/loss",
    }  # fmt: skip
    return SegmentationConfig.model_validate(
        {
            "model": {
                "name": "discs", "version": "1", "limits": ("Discs.",), "licence": "Apache-2.0",
                "settings": tiny_settings(**(settings or {})).model_dump(),
            },
            "data": {
                "source": ({"kind": "simulated", "count": 1},), "cache": cache,
                "pseudo_masks": {"window": (-350.0, 1300.0)},
            },
            "training": {**said, **training},
        }
    )  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("run")
    opened = Opened()
    states: list[TrainingState] = []
    told: list[tuple[int, int]] = []
    result = family.train(
        disc_config(folder), disc_split(opened=opened), folder / "model", device="cpu", progress=states.append,
        preparing=lambda done, total: told.append((done, total)),
    )  # fmt: skip
    return result, opened, states, told, folder


def test_training_by_gaze_opens_no_mask(run):
    result, opened, states, told, _ = run
    assert opened.cases == []
    assert result.monitor == "val/loss"
    assert set(result.figures) == {"val/loss"}
    assert told[-1] == (10, 10)
    assert {"train/total", "train/supervised", "train/consistency"} <= set(states[-1].values)


def test_the_model_folder_is_loaded_and_predicts(run):
    model = family.load(run[0].folder)
    picture = disc_case(7).load()
    with pytest.raises(ModelError, match="takes Hounsfield units"):
        family.predict(model, picture, options={})
    assert model.card.training.patients == {"train": 3, "validation": 2, "test": 2}
    assert "pseudo-masks at 0.5, 0.3 with propagated consistency of weight 3" in model.card.training.data
    assert "no true mask was opened" in model.card.training.data
    assert model.card.input.hu_windows == ((-1000.0, 200.0),)
    assert model.network.settings == tiny_settings()


def test_maps_are_kept_and_made_only_once(run, monkeypatch: pytest.MonkeyPatch):
    folder = run[4]
    assert len(list((folder / "maps").glob("map_*.npy"))) == 10
    monkeypatch.setattr("models.gaze_segmentation.kept_maps.pseudo_mask_map", None)
    again = family.train(disc_config(folder, epochs=1), disc_split(), folder / "again", device="cpu")
    assert again.epochs == 1


def test_the_same_seed_gives_the_same_weights_and_a_stopped_run_goes_on_as_if_never_stopped(run):
    whole, folder = run[0], run[4]
    steps: list[int] = []

    def stop() -> bool:
        steps.append(1)
        return len(steps) > 10 + 3

    with pytest.raises(Cancelled, match="epoch 2"):
        family.train(disc_config(folder), disc_split(), folder / "stopped", device="cpu", cancelled=stop)
    resumed = family.train(disc_config(folder), disc_split(), folder / "stopped", resume=True, device="cpu")
    first, second = (family.load(one.folder).network.state_dict() for one in (whole, resumed))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_dice_chooses_the_epoch_where_validation_pictures_have_masks(tmp_path: Path):
    opened = Opened()
    result = family.train(
        disc_config(tmp_path, epochs=1, monitor="auto"), disc_split(opened=opened), tmp_path / "m", device="cpu"
    )
    assert result.monitor == "val/dice"
    assert {code.split("-")[1] for code in opened.cases} == {"validation"}
    assert 'monitor = "val/dice"' in (tmp_path / "m" / "config.toml").read_text()
    assert "validation pictures served to choose the epoch" in family.load(result.folder).card.training.data
    without = disc_split(with_mask=False)
    assert family.train(disc_config(tmp_path, epochs=1, monitor="auto"), without, tmp_path / "n").monitor == "val/loss"
    with pytest.raises(ModelError, match="val/dice needs a mask of every validation picture"):
        family.train(disc_config(tmp_path, monitor="val/dice"), without, tmp_path / "o")


def test_true_masks_teach_a_full_network(tmp_path: Path):
    full = {"mode": "full", "thresholds": (0.5,), "consistency": "none"}
    opened = Opened()
    config = disc_config(tmp_path, settings=full, epochs=14, monitor="auto", learning_rate=0.02)
    result = family.train(config, disc_split((8, 4, 2), opened=opened), tmp_path / "m", device="cpu")
    assert result.figures["val/dice"] > 0.7
    assert not (tmp_path / "maps").exists()
    assert "It learnt from true masks." in family.load(result.folder).card.training.data


def test_a_picture_larger_than_the_input_is_trained_on_in_parts(tmp_path: Path):
    settings = {"spacing_mm": 2.0, "consistency": "pure"}
    split = disc_split((3, 2, 1), side_px=50)
    result = family.train(disc_config(tmp_path, settings=settings, epochs=1), split, tmp_path / "m", device="cpu")
    assert np.isfinite(result.figures["val/loss"])


def test_pictures_that_nobody_looked_at_are_left_out_and_counted(tmp_path: Path):
    split = disc_split((5, 2, 1))
    blind = disc_case(900, with_gaze=False)
    split = type(split)((*split.train, blind), split.validation, split.test, 1)
    result = family.train(disc_config(tmp_path, epochs=1), split, tmp_path / "m", device="cpu")
    assert "1 of them had nothing to learn from" in family.load(result.folder).card.training.data
    nobody = disc_split((2, 2, 1), with_gaze=False)
    with pytest.raises(ModelError, match="no picture of the training part has a fixation"):
        family.train(disc_config(tmp_path), nobody, tmp_path / "n")


def test_training_goes_on_from_a_model_of_the_same_sizes(run, tmp_path: Path):
    config = disc_config(tmp_path, epochs=1, learning_rate=1e-9)
    begin = run[0].folder
    found = family.train(config, disc_split(), tmp_path / "m", initial=begin, device="cpu")
    first, second = (family.load(folder).network.state_dict() for folder in (begin, found.folder))
    assert all(torch.allclose(first[name], second[name], atol=1e-5) for name in first)
    wanted = config.model.settings
    for number, (name, value) in enumerate({"feature_channels": 8, "groups": 1, "thresholds": (0.5, 0.3, 0.4)}.items()):
        other = saved_segmenter(tmp_path / f"other{number}", wanted.model_copy(update={name: value}))
        said = rf"other{number}: is another network: {name} .*, not .* \(give the configuration the same settings\)"
        with pytest.raises(ModelError, match=said):
            family.train(config, disc_split(), tmp_path / "n", initial=other.folder)


def test_masks_and_pictures_that_do_not_fit_are_one_line(tmp_path: Path):
    full = {"mode": "full", "thresholds": (0.5,), "consistency": "none"}
    config = disc_config(tmp_path, settings=full, monitor="auto")
    split = disc_split((2, 2, 1))
    for mask, said in (
        (np.zeros((36, 36), np.uint16), "disc 0: its mask holds uint16 values"),
        (np.zeros((36, 35), bool), "disc 0: its mask has 36 x 35 rows and columns, the picture 36 x 36"),
    ):
        bad = disc_case(0)
        object.__setattr__(bad, "load_mask", lambda mask=mask: mask)
        with pytest.raises(ModelError, match=said):
            family.train(config, type(split)((bad,), split.validation, split.test, 1), tmp_path / "m")
    with pytest.raises(ModelError, match="holds red, green and blue; this model takes Hounsfield units"):
        family.train(disc_config(tmp_path), disc_split((2, 2, 1), colour=True), tmp_path / "m")
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("faithful", [False, True])
def test_the_published_schedule_falls_by_epoch(faithful: bool):
    network = GazeSegmenter(tiny_settings(faithful=faithful))
    module = SegmentationTraining(network, TrainingTable(epochs=100), mapped=True)
    rates = [1e-2 * module._share_of_epoch(epoch) for epoch in (0, 1, 50, 100)]
    first = 1e-2 if not faithful else rates[1]
    half = 1e-4 + 0.5 * (1e-2 - 1e-4) * (1 + np.cos(np.pi / 100))
    assert rates == pytest.approx([first, half, (1e-2 + 1e-4) / 2, 1e-4])


def test_flips_move_picture_and_map_together_before_the_threshold():
    table = TrainingTable(flip_left_right=1.0, flip_up_down=0.0)
    module = SegmentationTraining(GazeSegmenter(tiny_settings()), table, mapped=True)
    maps = torch.arange(8.0).view(2, 2, 2) / 10
    pictures, turned = module._flipped(maps[:, None], maps)
    assert torch.equal(turned, maps.flip(-1))
    assert torch.equal(pictures[:, 0], turned)
    assert module.targets(turned).shape == (2, 2, 2, 2)
    assert torch.equal(module.targets(turned)[1], (turned >= 0.3).float())


def test_dice_of_two_empty_masks_is_no_number():
    empty, full = torch.zeros(1, 2, 2, dtype=torch.bool), torch.ones(1, 2, 2, dtype=torch.bool)
    assert torch.isnan(dice_of(empty, empty)).all()
    assert dice_of(empty, full).item() == 0
    assert dice_of(full, full).item() == 1
