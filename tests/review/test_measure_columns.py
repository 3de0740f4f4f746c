from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.gaze.frames import SeriesGeometry
from ctgaze_app.review.measure_columns import MEANINGS, meaning
from ctgaze_app.review.reading_measures import reading_measures
from tests.factories.volumes import make_volume
from tests.review.gaze_scene import SCREEN, scrolled


def columns() -> dict[str, float]:
    names = (
        "fixation", "series", "slice_index", "onset_s", "offset_s", "duration_s", "onset_lsl", "pane", "x_voxel",
        "y_voxel", "x_screen_px", "y_screen_px",
    )  # fmt: skip
    nothing = {name: np.empty(0) for name in names}
    geometry = SeriesGeometry.of(make_volume())
    views = scrolled([1, 2, 3])
    return reading_measures(nothing, nothing, views, SCREEN, geometry, end_lsl=101.0, display_latency_s=0.0).scalars()


def test_every_column_has_its_meaning_and_every_meaning_its_column() -> None:
    row = columns()
    for column in row:
        assert len(meaning(column)) > 10, column
    assert set(MEANINGS) <= set(row)


def test_the_radius_and_the_figure_are_in_the_words() -> None:
    assert "2.5 degrees of fixations" in meaning("coverage_2_5_deg_fraction")
    assert "5 degrees of gaze samples" in meaning("coverage_samples_5_deg_fraction")
    assert meaning("saccade_amplitude_mean_low_deg").endswith("lower end of the mean's 95 % interval (Student's t)")
    assert meaning("organ_n_courses").startswith("within the organ's slices: passages")


def test_an_unknown_column_has_none() -> None:
    for column in ("nonsense", "organ_driller_index", "coverage_x_deg_fraction"):
        with pytest.raises(KeyError):
            meaning(column)
