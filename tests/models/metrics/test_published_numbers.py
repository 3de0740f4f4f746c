"""The numbers that the published code gives for its paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.metrics.edit_distance import edit_distance
from models.metrics.multimatch import multimatch
from models.metrics.saccades import Simplification
from models.metrics.scanmatch import PUBLISHED_TEMPORAL_BIN_S, scanmatch
from models.scanpath import Scanpath
from tests.models.metrics.scanpaths import path_of, picture_path, published_cases


def test_faithful_scanmatch_with_and_without_duration(shared_data: Path) -> None:
    cases = published_cases(shared_data)
    assert len(cases) == 5
    for a, b, published in cases:
        timed = scanmatch(a, b, temporal_bin_s=PUBLISHED_TEMPORAL_BIN_S, faithful=True)
        assert timed.score == pytest.approx(published["scanmatch_with_duration"], abs=1e-9)
        untimed = scanmatch(a, b, faithful=True)
        assert untimed.score == pytest.approx(published["scanmatch_without_duration"], abs=1e-9)


def test_faithful_scanmatch_has_the_published_parameters_whatever_is_asked(shared_data: Path) -> None:
    a, b, published = published_cases(shared_data)[1]
    asked = scanmatch(a, b, threshold=9, threshold_unit="voxels", gap=-1, faithful=True)
    assert asked.score == pytest.approx(published["scanmatch_without_duration"], abs=1e-9)
    assert (asked.threshold, asked.threshold_unit, asked.gap) == (3.5, "bins", 0)


def test_the_published_cells_clamp_and_the_published_durations_are_cut_to_milliseconds_and_rounded_to_even() -> None:
    def at(x: float, duration_s: float = 0.25) -> Scanpath:
        return path_of([[x, 0, 0]], duration_s, shape_kji=(512, 512, 512))

    # as if from 0: column 84.3, published as 85.3, is still in the first of six cells of 85.33; 85 is in the second
    assert scanmatch(at(84.3), at(0), faithful=True).score == 1
    assert scanmatch(at(85), at(0), faithful=True).score == pytest.approx(1 - 1 / 3.5)
    assert scanmatch(at(600), at(500), faithful=True).score == 1  # both in the last cell
    for duration_s, symbols in ((0.0629, 2), (0.1129, 4)):  # 62 and 112 ms: 2.48 and 4.48 bins
        assert scanmatch(at(0, duration_s), at(0), temporal_bin_s=0.025, faithful=True).symbols_a == symbols
    for duration_s, symbols in ((0.025, 2), (0.015, 2), (0.035, 4)):  # 2.5, 1.5 and 3.5 bins
        assert scanmatch(at(0, duration_s), at(0), temporal_bin_s=0.010, faithful=True).symbols_a == symbols


def test_faithful_multimatch(shared_data: Path) -> None:
    for a, b, published in published_cases(shared_data):
        assert multimatch(a, b, faithful=True).values == pytest.approx(published["multimatch"], abs=1e-9)


def test_faithful_edit_distance(shared_data: Path) -> None:
    for a, b, published in published_cases(shared_data):
        assert edit_distance(a, b, faithful=True).distance == published["string_edit_distance"]


def test_the_default_differs_from_the_published_form_only_in_direction_for_multimatch(shared_data: Path) -> None:
    for a, b, published in published_cases(shared_data):
        vector, direction, *others = multimatch(a, b, outside="clamp").values
        expected = published["multimatch"]
        assert [vector, *others] == pytest.approx([expected[0], *expected[2:]], abs=5e-4)  # one path leaves the cube
        assert abs(direction - expected[1]) > 0.01


@pytest.mark.parametrize(
    ("first", "second", "simplification", "expected"),
    [
        ("segment_10_sub-19", "segment_10_sub-01", None, (0.99082, 0.69902, 0.98927, 0.94767, 0.65563)),
        (
            "segment_10_sub-19",
            "segment_10_sub-01",
            Simplification(direction_deg=45, length=147, duration_s=0.3),
            (0.95076, 0.95638, 0.94082, 0.94491, 0.78261),
        ),
        ("segment_5_sub-19", "segment_10_sub-19", None, (0.99266, 0.78391, 0.99065, 0.76073, 0.64691)),
        ("segment_5_sub-19", "segment_5_sub-19", None, (1, 1, 1, 1, 1)),
    ],
)
def test_multimatch_of_film_viewers(
    shared_data: Path, first: str, second: str, simplification: Simplification | None, expected: tuple[float, ...]
) -> None:
    a, b = picture_path(shared_data, first), picture_path(shared_data, second)
    assert multimatch(a, b, simplification=simplification).values == pytest.approx(expected, abs=5.1e-6)
