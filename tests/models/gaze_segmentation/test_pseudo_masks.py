"""From fixations to levels: settings, warnings, quality, published thresholds, grey levels."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from models.datasets.picture_case import PictureCase, PictureGaze
from models.errors import ModelError
from models.gaze_segmentation.crf import CrfSettings
from models.gaze_segmentation.grey_levels import picture_levels
from models.gaze_segmentation.heat_maps import HeatMapSettings
from models.gaze_segmentation.levels import checked_thresholds, thresholds
from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings, pseudo_mask, pseudo_mask_map
from models.metrics.overlap import overlap
from models.volumes import PictureVolume
from tests.models.gaze_segmentation.test_heat_maps import gaze

DISC = (np.indices((72, 96))[1] - 40) ** 2 + (np.indices((72, 96))[0] - 30) ** 2 < 12**2
LOOKED = gaze((40.5 / 96, 30.5 / 72, 0.5), (44.5 / 96, 33.5 / 72, 0.3), (0.9, 0.9, 0.2))


def disc_case(
    looked: PictureGaze | None = LOOKED, *, mask: np.ndarray | None = DISC, colour: bool = False
) -> PictureCase:
    values = np.random.default_rng(0).normal(60, 4, (1, 72, 96)).astype(np.float32)
    values[0][DISC] += 80
    if colour:
        values = np.repeat(values[..., None], 3, axis=3).astype(np.uint8)
    return PictureCase(
        "disc", "p1", "made", "made/disc.png", lambda: PictureVolume(values, None, "disc", "p1"), looked,
        None if mask is None else lambda: mask,
    )  # fmt: skip


def test_a_disc_that_was_looked_at_becomes_its_mask():
    found = pseudo_mask(disc_case(), PseudoMaskSettings(crf=CrfSettings(compat=6.0), thresholds=(0.5, 0.3)))
    assert found.map_ji.dtype == np.float32
    assert found.warnings == ()
    assert found.quality is not None
    assert found.quality.inside_fraction == pytest.approx(0.8)
    assert found.quality.map_dice[1] > 0.95 > found.quality.heat_map_dice[1] + 0.1
    assert found.quality.map_dice == tuple(overlap(level, DISC).dice for level in found.levels)
    assert found.foreground_shares[1] >= found.foreground_shares[0]
    assert np.array_equal(pseudo_mask_map(disc_case(), PseudoMaskSettings(crf=CrfSettings(compat=6.0))), found.map_ji)


def test_colour_and_grey_pictures_give_nearly_the_same():
    settings = PseudoMaskSettings(window=(127.5, 255.0))
    grey = pseudo_mask_map(disc_case(), settings)
    colour = pseudo_mask_map(disc_case(colour=True), PseudoMaskSettings())
    assert grey == pytest.approx(colour, abs=0.02)


def test_no_fixation_gives_an_empty_map_and_says_so_level_by_level():
    for faithful in (False, True):
        found = pseudo_mask(disc_case(None), PseudoMaskSettings(faithful=faithful))
        assert not found.map_ji.any()
        assert found.warnings == ("no fixation", "level 0.5 has no foreground", "level 0.3 has no foreground")
        assert found.quality is not None
        assert np.isnan(found.quality.inside_fraction)
        assert found.quality.map_dice == (0.0, 0.0)


def test_a_level_with_hardly_any_foreground_is_warned_about():
    settings = PseudoMaskSettings(heat_map=HeatMapSettings(sigma="1px"), crf=None, thresholds=(0.9, 0.0001))
    found = pseudo_mask(disc_case(gaze((0.5, 0.5, 1))), settings)
    assert found.warnings == ("level 0.9 has only 0.058 % foreground",)
    assert np.array_equal(found.map_ji, found.heat_map.share_ji)


def test_the_mask_is_not_opened_for_the_map_and_not_needed_at_all():
    def refuse() -> np.ndarray:
        raise AssertionError("the mask was opened")

    case = disc_case()
    closed = PictureCase(case.case, case.patient, case.origin, case.place, case.load, case.gaze, refuse)
    assert pseudo_mask_map(closed, PseudoMaskSettings()).shape == (72, 96)
    assert pseudo_mask(disc_case(mask=None), PseudoMaskSettings()).quality is None


def test_a_mask_of_another_size_is_one_line():
    with pytest.raises(ModelError, match=r"made/disc.png: its mask has 96 x 71 pixels, the picture 96 x 72"):
        pseudo_mask(disc_case(mask=DISC[1:]), PseudoMaskSettings())


def test_faults_of_one_picture_name_it():
    with pytest.raises(ModelError, match=r"made/disc.png: a fixation's duration"):
        pseudo_mask_map(disc_case(gaze((0.5, 0.5, -1))), PseudoMaskSettings())


def test_faithful_maps_have_eight_bits_and_the_published_pixel_rule():
    edge = gaze((0.0, 0.5, 0.3))
    found = pseudo_mask(disc_case(edge), PseudoMaskSettings.of_preset("kvasir", faithful=True))
    assert found.map_ji * 255 == pytest.approx(np.rint(found.map_ji * 255), abs=1e-4)
    assert found.heat_map.share_ji[36, 95] > 0.9
    right = pseudo_mask(disc_case(edge), PseudoMaskSettings.of_preset("kvasir"))
    assert right.heat_map.share_ji[36, 0] > 0.9


def test_settings_survive_json_and_refuse_what_cannot_be():
    settings = PseudoMaskSettings.of_preset("prostate")
    assert settings.thresholds == (0.2, 0.4)
    assert PseudoMaskSettings.model_validate_json(settings.model_dump_json()) == settings
    assert PseudoMaskSettings.model_validate_json(json.dumps({"crf": None})).crf is None
    for wrong in ({"thresholds": (0.5, 0.5)}, {"thresholds": (1.0,)}, {"thresholds": ()}, {"preset": "x"}, {"sxy": 3}):
        with pytest.raises(ValidationError):
            PseudoMaskSettings(**wrong)


def test_thresholds_are_the_published_lists():
    assert thresholds("kvasir", 4) == (0.5, 0.3, 0.367, 0.433)
    assert thresholds("prostate", 2) == (0.2, 0.4)
    for preset, count in (("prostate", 1), ("egd", 2), ("kvasir", 6)):
        with pytest.raises(ModelError, match="no thresholds were published"):
            thresholds(preset, count)
    with pytest.raises(ModelError, match="each above 0 and below 1"):
        checked_thresholds((0.5, float("nan")))


def test_grey_levels_are_stretched_by_the_window_or_by_their_ends():
    ct = PictureVolume(np.array([[[-2000, -160, 40, 240, 3000]]], dtype=np.int16))
    assert picture_levels(ct, (40, 400)).tolist() == [[0, 0, 127.5, 255, 255]]
    assert picture_levels(ct)[0] == pytest.approx([0, 93.84, 104.04, 114.24, 255])
    assert picture_levels(ct, eight_bits=True)[0].tolist() == [0, 93, 104, 114, 255]
    flat = PictureVolume(np.full((1, 2, 2), 7, dtype=np.float32))
    assert not picture_levels(flat).any()


def test_pictures_that_have_no_grey_levels_are_refused():
    colour = PictureVolume(np.zeros((1, 2, 2, 3), dtype=np.uint8), case="c1")
    with pytest.raises(ModelError, match="c1: a colour picture has no window"):
        picture_levels(colour, (40, 400))
    with pytest.raises(ModelError, match="2 slices where one picture"):
        picture_levels(PictureVolume(np.zeros((2, 2, 2), dtype=np.float32)))
    with pytest.raises(ModelError, match="a pixel is no number"):
        picture_levels(PictureVolume(np.full((1, 2, 2), np.nan, dtype=np.float32)))
    with pytest.raises(ModelError, match="width above 0"):
        picture_levels(PictureVolume(np.zeros((1, 2, 2), dtype=np.float32)), (40, 0))
