"""The chest X-ray study's display: published rows exactly, and what the other two models say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctgaze_app.formats.egd_display import (
    MODELS,
    PX_PER_DEG,
    PicturePlacement,
    published_coordinates,
    to_image,
    to_screen,
    vertical_uncertainty_px,
)

PORTRAIT = PicturePlacement(columns=2544, rows=3056, left=534, right=534)
LANDSCAPE = PicturePlacement(columns=3056, rows=2544, top=86, bottom=86, left=448, right=448)


def test_the_three_published_rows_come_out_exactly() -> None:
    x, y = published_coordinates([0.45224, 0.44419, 0.39018], [0.33879, 0.28933, 0.28168], PORTRAIT)
    assert x.tolist() == [998, 952, 642]
    assert y.tolist() == [1035, 884, 860]
    mapped = to_image("published", [0.45224, 0.44419, 0.39018], [0.33879, 0.28933, 0.28168], PORTRAIT)
    assert mapped.x_image_px.tolist() == [998.0, 952.0, 642.0]
    assert mapped.y_image_px.tolist() == [1035.0, 884.0, 860.0]
    assert mapped.on_image.all()


def test_off_the_picture_the_study_stored_the_negative_scale() -> None:
    x, y = published_coordinates([0.1, np.nan, 0.5], [0.5, 0.5, 1.2], PORTRAIT)
    assert x.tolist() == [-2, -2, -2]
    assert y.tolist() == [-2, -2, -2]
    mapped = to_image("published", [0.1, np.nan], [0.5, 0.5], PORTRAIT)
    assert np.isnan(mapped.x_image_px).all() and not mapped.on_image.any()


def test_an_odd_size_counts_one_larger_in_the_published_formula_only() -> None:
    odd = PicturePlacement(columns=2543, rows=3055, left=534, right=534)
    assert odd.published_scale == PORTRAIT.published_scale
    assert published_coordinates([0.45224], [0.33879], odd)[0].tolist() == [998]
    centre = to_image("stretched", [0.5], [0.5], odd)
    assert centre.x_image_px[0] == pytest.approx((2543 - 1) / 2)


def test_the_edge_itself_is_off_the_picture_as_published() -> None:
    edges = to_image("published", [534 / 1920, (1920 - 534) / 1920], [0.5, 0.5], PORTRAIT)
    assert not edges.on_image.any()


@pytest.mark.parametrize("model", ["stretched", "letterboxed"])
@pytest.mark.parametrize("placement", [PORTRAIT, LANDSCAPE])
def test_the_centre_of_the_screen_is_the_centre_of_the_picture(model: str, placement: PicturePlacement) -> None:
    mapped = to_image(model, [0.5], [0.5], placement)  # type: ignore[arg-type]
    assert mapped.x_image_px[0] == pytest.approx((placement.columns - 1) / 2)
    assert mapped.y_image_px[0] == pytest.approx((placement.rows - 1) / 2)


def test_bars_are_off_the_picture_when_letterboxed_and_on_it_when_stretched() -> None:
    y = [27.9 / 1080, 28.1 / 1080, 1051.9 / 1080, 1052.1 / 1080]
    assert to_image("letterboxed", [0.5] * 4, y, PORTRAIT).on_image.tolist() == [False, True, True, False]
    assert to_image("stretched", [0.5] * 4, y, PORTRAIT).on_image.all()


def test_the_models_differ_by_79_rows_at_the_edge_of_a_portrait_and_by_nothing_at_the_middle() -> None:
    spread = vertical_uncertainty_px([28 / 1080, 0.5, 1052 / 1080], PORTRAIT)
    assert spread == pytest.approx([28 / 1080 * 3056, 0.0, 28 / 1080 * 3056], abs=1e-9)
    assert spread[0] == pytest.approx(79, abs=0.3)


def test_a_landscape_stretched_differs_by_13_rows_from_the_published_at_the_edge() -> None:
    first_row_screen_px = to_screen("stretched", [0.0], [-0.5], LANDSCAPE)[1][0] * 1080
    assert first_row_screen_px == pytest.approx(86 * 1080 / 1024)
    assert (first_row_screen_px - 86) * LANDSCAPE.published_scale[1] == pytest.approx(13.2, abs=0.05)


@given(
    model=st.sampled_from(["stretched", "letterboxed"]),
    columns=st.integers(1, 5000),
    rows=st.integers(1, 5000),
    pads=st.tuples(*[st.integers(0, 400)] * 4),
    fraction=st.tuples(st.floats(0.001, 0.999), st.floats(0.001, 0.999)),
)
def test_continuous_models_invert(
    model: str, columns: int, rows: int, pads: tuple[int, ...], fraction: tuple[float, float]
) -> None:
    placement = PicturePlacement(columns, rows, *pads)
    column, row = fraction[0] * columns - 0.5, fraction[1] * rows - 0.5
    x, y = to_screen(model, [column], [row], placement)  # type: ignore[arg-type]
    back = to_image(model, x, y, placement)  # type: ignore[arg-type]
    assert back.on_image.all()
    assert back.x_image_px == pytest.approx([column], abs=1e-6)
    assert back.y_image_px == pytest.approx([row], abs=1e-6)


@given(column=st.integers(0, 2543), row=st.integers(0, 3055))
def test_the_published_pixel_comes_back(column: int, row: int) -> None:
    x, y = to_screen("published", [column], [row], PORTRAIT)
    back = to_image("published", x, y, PORTRAIT)
    assert (back.x_image_px[0], back.y_image_px[0]) == (column, row)


def test_the_study_saw_39_9_pixels_a_degree() -> None:
    assert pytest.approx(39.9, abs=0.05) == PX_PER_DEG
    assert MODELS == ("published", "stretched", "letterboxed")


@pytest.mark.parametrize("pads", [(0, 0, 960, 960), (512, 512, 0, 0), (-1, 0, 0, 0)])
def test_impossible_padding_is_refused(pads: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="padding"):
        PicturePlacement(100, 100, *pads)
