"""Edge letters of the standard planes and of an oblique one."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.ct.orientation import EdgeLetters, direction_letters, edge_letters


@pytest.mark.parametrize(
    ("row", "column", "letters"),
    [
        ((1, 0, 0), (0, 1, 0), EdgeLetters(left="R", right="L", top="A", bottom="P")),
        ((1, 0, 0), (0, 0, -1), EdgeLetters(left="R", right="L", top="H", bottom="F")),
        ((0, 1, 0), (0, 0, -1), EdgeLetters(left="A", right="P", top="H", bottom="F")),
        ((-1, 0, 0), (0, -1, 0), EdgeLetters(left="L", right="R", top="P", bottom="A")),
    ],
)
def test_standard_planes(row: tuple[int, ...], column: tuple[int, ...], letters: EdgeLetters) -> None:
    assert edge_letters(row, column) == letters


def test_oblique_edge_names_the_larger_part_first() -> None:
    assert direction_letters((np.sin(np.deg2rad(30)), -np.cos(np.deg2rad(30)), 0)) == "AL"
    assert direction_letters((0.0, 0.995, -0.0998)) == "P"
    assert direction_letters((0, 0, 0)) == ""
