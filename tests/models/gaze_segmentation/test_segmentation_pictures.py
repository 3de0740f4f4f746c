"""Pictures as the network is shown them, kept maps, and the sources of a configuration."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.datasets.picture_case import PictureCase
from models.errors import ModelError
from models.gaze_segmentation import family, sources
from models.gaze_segmentation.config import SegmentationConfig
from models.gaze_segmentation.kept_maps import kept_map
from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings, pseudo_mask_map
from models.gaze_segmentation.settings import SegmentationSettings
from models.gaze_segmentation.training_pictures import Learnt, SegmentationPictures
from tests.models.gaze_segmentation.disc_pictures import disc_case
from tests.models.gaze_segmentation.test_training import disc_config
from tests.models.gaze_segmentation.tiny_segmenters import tiny_settings

PSEUDO = PseudoMaskSettings(window=(-350.0, 1300.0))


def test_picture_map_and_mask_lie_in_the_same_place():
    case = disc_case(1, side_px=24)
    settings = tiny_settings(spacing_mm=2.0)
    pictures = SegmentationPictures([case], settings, Learnt(PSEUDO), with_masks=True)
    picture, share, truth = pictures[0]
    assert picture.shape == (1, 32, 32)
    inside = (slice(4, 28), slice(4, 28))
    mask = case.load_mask()  # type: ignore[misc]
    np.testing.assert_array_equal(truth[inside].numpy() >= 0.5, mask)
    np.testing.assert_allclose(share[inside].numpy(), pseudo_mask_map(case, PSEUDO), atol=1e-6)
    hu = case.load().values[0]
    np.testing.assert_allclose(picture[0][inside].numpy(), (np.clip(hu, -1000, 200) + 1000) / 1200, atol=1e-6)
    assert float(truth.sum()) == mask.sum()
    assert float(picture[0, :4].abs().max()) == 0


def test_a_faithful_network_takes_a_mask_from_the_nearest_pixel_and_a_map_between_pixels():
    case = disc_case(1, side_px=24)
    mask = case.load_mask()  # type: ignore[misc]
    nearest = np.arange(32) * 24 // 32
    settings = tiny_settings(faithful=True)
    share, truth = SegmentationPictures([case], settings, Learnt(PSEUDO), with_masks=True)[0][1:]
    np.testing.assert_array_equal(truth.numpy(), mask[np.ix_(nearest, nearest)])
    _, smooth = SegmentationPictures([case], tiny_settings(), Learnt(PSEUDO), with_masks=True)[0][1:]
    assert float(smooth[smooth < 1].max()) > 0 and float(share[share < 1].max()) > 0


def test_parts_of_large_pictures_change_with_the_epoch_and_come_again():
    epoch = [0]
    case = disc_case(2, side_px=60)
    pictures = SegmentationPictures(
        [case], tiny_settings(spacing_mm=2.0), Learnt(PSEUDO), with_masks=False, part_of=lambda: epoch[0], seed=4
    )
    first = pictures[0]
    assert [tuple(one.shape) for one in first] == [(1, 32, 32), (32, 32), (0,)]
    epoch[0] = 1
    assert not torch.equal(pictures[0][0], first[0])
    epoch[0] = 0
    assert torch.equal(pictures[0][0], first[0])


def test_a_map_is_read_again_and_a_broken_file_is_made_anew(tmp_path: Path):
    case = disc_case(3)
    found = kept_map(case, case.load(), PSEUDO, tmp_path)
    (file,) = tmp_path.glob("*")
    np.save(file, found / 2)
    np.testing.assert_array_equal(kept_map(case, case.load(), PSEUDO, tmp_path), found / 2)
    file.write_bytes(b"broken")
    np.testing.assert_array_equal(kept_map(case, case.load(), PSEUDO, tmp_path), found)
    kept_map(case, case.load(), PSEUDO.model_copy(update={"thresholds": (0.9,)}), tmp_path)
    assert len(list(tmp_path.glob("*"))) == 1
    kept_map(case, case.load(), PSEUDO.model_copy(update={"crf": None}), tmp_path)
    assert len(list(tmp_path.glob("*"))) == 2
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="a map cannot be kept"):
        kept_map(case, case.load(), PSEUDO, tmp_path / "file")


def test_sources_are_read_and_split_by_patient(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def made(count: int, *, first_seed: int, folder: Path, **_: object) -> list[PictureCase]:
        assert folder == tmp_path / "patients"
        return [disc_case(first_seed + number) for number in range(count)]

    monkeypatch.setattr(sources, "slice_cases", made)
    plain = disc_config(tmp_path).model_dump()
    plain["data"]["source"] = ({"kind": "simulated", "count": 12}, {"kind": "simulated", "count": 8, "first_seed": 50})
    split = family.cases_of(SegmentationConfig.model_validate(plain), cache=tmp_path / "other")
    assert len(split.train) + len(split.validation) == 20
    assert len(split.validation) == 4
    assert not set(split.patients("train")) & set(split.patients("validation"))
    plain["data"]["source"] = ({"kind": "simulated", "count": 2}, {"kind": "simulated", "count": 2})
    with pytest.raises(ModelError, match="disc-train-0 is there a second time, first in disc 0"):
        family.cases_of(SegmentationConfig.model_validate(plain), cache=tmp_path)


@pytest.mark.parametrize("name", ["gaze_segmentation_small", "gaze_segmentation_published"])
def test_shipped_recipes_are_whole(name: str):
    config = family.read_recipe(name)
    assert config.model.settings.levels == 2
    if name.endswith("published"):
        table, settings = config.training, config.model.settings
        assert settings == SegmentationSettings(faithful=True)
        assert (settings.consistency_weight, settings.input_rows_columns_px) == (3.0, (224, 224))
        assert (table.learning_rate, table.momentum, table.weight_decay) == (1e-2, 0.99, 4e-4)
        assert (table.optimizer, table.schedule, table.last_learning_rate) == ("sgd", "cosine_by_epoch", 1e-4)
        assert (table.pictures_per_batch, table.flip_left_right, table.flip_up_down) == (8, 0.5, 0.5)
        assert table.epochs == 15_000 // 96 + 1
        assert config.data.pseudo_masks.settings((0.5, 0.3)) == PseudoMaskSettings(faithful=True)


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('finding = "opacity"', 'finding = "fracture"', "there is no finding 'fracture'"),
        ("epochs = 8", "epochs = 8\nspeed = 2", "training.speed"),
        ('preset = "prostate"', 'preset = "lung"', "data.pseudo_masks"),
        ("weight_decay = 0.01", 'weight_decay = "little"', "training.weight_decay"),
        ('mode = "gaze"', 'mode = "full"', "one level"),
    ],
)
def test_a_faulty_recipe_is_one_line(tmp_path: Path, before: str, after: str, said: str):
    text = Path("resources/model_recipes/gaze_segmentation_small.toml").read_text(encoding="utf-8")
    assert before in text
    (tmp_path / "r.toml").write_text(text.replace(before, after), encoding="utf-8")
    with pytest.raises(ModelError, match=said) as found:
        family.read_recipe(str(tmp_path / "r.toml"))
    assert "\n" not in str(found.value)
