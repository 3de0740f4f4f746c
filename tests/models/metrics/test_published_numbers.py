"""The numbers that the published code gives for its paths."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.metrics.edit_distance import edit_distance
from models.metrics.multimatch import multimatch
from models.metrics.saccades import Simplification
from models.metrics.scanmatch import PUBLISHED_TEMPORAL_BIN_S, scanmatch
from tests.models.metrics.scanpaths import picture_path, published_cases


def test_faithful_scanmatch_with_and_without_duration(shared_data: Path) -> None:
    cases = published_cases(shared_data)
    assert len(cases) == 5
    for a, b, published in cases:
        timed = scanmatch(a, b, temporal_bin_s=PUBLISHED_TEMPORAL_BIN_S, faithful=True)
        assert timed.score == pytest.approx(published["scanmatch_with_duration"], abs=1e-9)
        untimed = scanmatch(a, b, faithful=True)
        assert untimed.score == pytest.approx(published["scanmatch_without_duration"], abs=1e-9)


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
