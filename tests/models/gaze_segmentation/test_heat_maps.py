"""Heat maps of fixations on a picture: edges, widths, weights, and every picture that gives nothing to draw."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from models.datasets.picture_case import PictureGaze
from models.errors import ModelError
from models.gaze_segmentation.heat_maps import (
    PRESETS,
    HeatMapSettings,
    Sigma,
    picture_heat_map,
    preset_named,
    px_per_degree,
)


def gaze(*rows: tuple[float, float, float]) -> PictureGaze:
    """From (x share, y share, seconds)."""
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    return PictureGaze(table[:, :2], table[:, 2], np.arange(len(table), dtype=np.float64))


def test_one_fixation_is_a_gaussian_of_the_stated_width():
    found = picture_heat_map(gaze((0.25, 0.5, 0.4)), (200, 400), HeatMapSettings(sigma="12px"))
    # A share of 0.25 lies between the columns 99 and 100.
    j, i = np.indices((200, 400))
    expected = np.exp(-0.5 * ((i - 99.5) ** 2 + (j - 99.5) ** 2) / 12**2)
    assert found.share_ji.dtype == np.float32
    assert found.share_ji == pytest.approx(expected / expected.max(), abs=3e-3)
    assert (found.share_ji.max(), found.share_ji.min(), found.fixations, found.remarks) == (1, 0, 1, ())


@pytest.mark.parametrize(
    ("text", "expected"), [("10%", (40.0, 20.0)), ("7.5px", (7.5, 7.5)), ("1.3 deg", (26.0, 26.0))]
)
def test_a_width_is_said_in_percent_pixels_or_degrees(text: str, expected: tuple[float, float]):
    assert Sigma.parse(text).ij_px(400, 200, 20.0) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "9.1", "px", "-3px", "0%", "1e3px", "nan%", "5 furlongs"])
def test_what_is_no_width_is_refused(text: str):
    with pytest.raises(ModelError, match="write it as"):
        Sigma.parse(text)
    with pytest.raises(ValidationError):
        HeatMapSettings(sigma=text)


def test_degrees_need_to_know_how_large_the_picture_was_seen():
    with pytest.raises(ModelError, match="pixels per degree"):
        picture_heat_map(gaze((0.5, 0.5, 1)), (20, 20), HeatMapSettings(sigma="1deg"))
    # A pixel of 0.5 mm at 600 mm: tan(1 degree) * 1200.
    assert px_per_degree(600, 0.5) == pytest.approx(20.946, abs=1e-3)


@pytest.mark.parametrize("corner", [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)])
@pytest.mark.parametrize("edge", ["reflect", "cut"])
def test_shares_of_0_and_1_are_the_edges_of_their_own_side(corner: tuple[float, float], edge: str):
    found = picture_heat_map(gaze((*corner, 0.2)), (60, 80), HeatMapSettings(sigma="8px", edge=edge))
    j, i = np.unravel_index(found.share_ji.argmax(), (60, 80))
    assert (i, j) == (79 * corner[0], 59 * corner[1])
    assert found.share_ji[59 - j, 79 - i] < 1e-6


def test_an_edge_mirrors_what_would_be_lost_or_drops_it():
    rows = gaze((0.0, 0.5, 0.1), (0.5, 0.5, 0.1))
    mirrored = picture_heat_map(rows, (200, 400), HeatMapSettings(sigma="10px")).share_ji
    cut = picture_heat_map(rows, (200, 400), HeatMapSettings(sigma="10px", edge="cut")).share_ji
    assert mirrored[100, 0] / mirrored[100, 200] == pytest.approx(2, rel=0.01)
    assert cut[100, 0] / cut[100, 200] == pytest.approx(1, rel=0.01)


def test_durations_weigh_or_counts():
    rows = gaze((0.2, 0.5, 0.1), (0.8, 0.5, 0.4))
    for weighting, ratio in (("duration", 0.25), ("count", 1.0)):
        share = picture_heat_map(rows, (100, 200), HeatMapSettings(sigma="8px", weighting=weighting)).share_ji
        assert share[50, 40] / share[50, 160] == pytest.approx(ratio, rel=0.01)


def test_many_fixations_at_one_place_are_one():
    one = picture_heat_map(gaze((0.3, 0.7, 0.2)), (50, 60), HeatMapSettings()).share_ji
    many = picture_heat_map(gaze(*[(0.3, 0.7, 0.1)] * 5), (50, 60), HeatMapSettings())
    assert many.share_ji == pytest.approx(one, abs=1e-6)
    assert many.fixations == 5


@pytest.mark.parametrize(
    ("rows", "settings", "said"),
    [
        (None, HeatMapSettings(), "no fixation"),
        (gaze(), HeatMapSettings(), "no fixation"),
        (gaze((1.2, 0.5, 1)), HeatMapSettings(), "1 of 1 fixations lie beside the picture"),
        (gaze((np.nan, 0.5, 1)), HeatMapSettings(), "no fixation"),
        (gaze((0.5, 0.5, 0)), HeatMapSettings(), "no fixation has a duration"),
    ],
)
def test_a_picture_without_gaze_is_0_everywhere_and_says_so(
    rows: PictureGaze | None, settings: HeatMapSettings, said: str
):
    found = picture_heat_map(rows, (30, 40), settings)
    assert found.share_ji.shape == (30, 40)
    assert not found.share_ji.any()
    assert found.fixations == 0
    assert any(said in remark for remark in found.remarks)


def test_a_map_without_any_difference_is_0_and_says_so():
    found = picture_heat_map(gaze((0.5, 0.5, 1)), (1, 1), HeatMapSettings())
    assert not found.share_ji.any()
    assert found.remarks == ("the map is the same everywhere",)


def test_fixations_beside_the_picture_are_counted():
    found = picture_heat_map(gaze((0.5, 0.5, 1), (-0.01, 0.5, 9)), (30, 40), HeatMapSettings())
    assert (found.fixations, found.remarks) == (1, ("1 of 2 fixations lie beside the picture and are left out",))


@pytest.mark.parametrize("seconds", [-0.1, np.nan, np.inf])
def test_a_duration_that_is_no_time_is_refused_where_it_counts(seconds: float):
    rows = gaze((0.5, 0.5, seconds))
    with pytest.raises(ModelError, match="duration is negative or unknown"):
        picture_heat_map(rows, (30, 40), HeatMapSettings())
    assert picture_heat_map(rows, (30, 40), HeatMapSettings(weighting="count")).fixations == 1


def test_a_width_beyond_all_pictures_is_refused():
    with pytest.raises(ModelError, match="wider than ten such pictures"):
        picture_heat_map(gaze((0.5, 0.5, 1)), (30, 40), HeatMapSettings(sigma="301px"))


def test_presets_are_the_published_widths():
    assert {name: preset.sigma_ij(768, 768) for name, preset in PRESETS.items()} == {
        "kvasir": (70.0, 70.0), "prostate": (50.0, 50.0), "egd": (150.0, 150.0),
    }  # fmt: skip
    assert Sigma.parse(HeatMapSettings.of_preset("kvasir").sigma).ij_px(768, 384) == pytest.approx((70, 35))
    assert HeatMapSettings.of_preset("egd") == HeatMapSettings(sigma="150px", weighting="count")
    with pytest.raises(ModelError, match="presets: kvasir, prostate, egd"):
        preset_named("polyp")
