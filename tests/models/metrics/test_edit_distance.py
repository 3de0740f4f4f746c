"""String edit distance."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.metrics.binning import BinGrid
from models.metrics.edit_distance import edit_distance, edits
from models.metrics.extent import Extent
from tests.models.metrics.scanpaths import AFFINE, SHAPE_KJI, path_of, scanpaths

strings = st.lists(st.integers(0, 5), max_size=14)


def plain_edits(a: list[int], b: list[int]) -> int:
    @cache
    def to_here(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        return min(to_here(i - 1, j - 1) + (a[i - 1] != b[j - 1]), to_here(i - 1, j) + 1, to_here(i, j - 1) + 1)

    return to_here(len(a), len(b))


def test_textbook_strings() -> None:
    assert edits([ord(c) for c in "kitten"], [ord(c) for c in "sitting"]) == 3
    assert edits([], [1, 2]) == 2
    assert edits([1, 2], [1, 2]) == 0


@settings(max_examples=80, deadline=None)
@given(a=strings, b=strings)
def test_it_equals_the_definition(a: list[int], b: list[int]) -> None:
    assert edits(a, b) == plain_edits(a, b)


@settings(max_examples=60, deadline=None)
@given(a=strings, b=strings, names=st.permutations(range(6)))
def test_the_names_of_the_cells_do_not_matter(a: list[int], b: list[int], names: list[int]) -> None:
    assert edits([names[s] * 1000 for s in a], [names[s] * 1000 for s in b]) == edits(a, b)


@settings(max_examples=60, deadline=None)
@given(a=scanpaths(fewest=1), b=scanpaths(fewest=1))
def test_symmetric_bounded_and_zero_for_the_same_path(a: Any, b: Any) -> None:
    result, back = edit_distance(a, b), edit_distance(b, a)
    assert result.distance == back.distance
    assert abs(len(a) - len(b)) <= result.distance <= max(len(a), len(b))
    assert result.normalised == result.distance / max(len(a), len(b))
    assert result.similarity == 1 - result.normalised
    assert edit_distance(a, a).similarity == 1


def test_every_cell_is_a_symbol_of_its_own() -> None:
    grid = BinGrid.from_counts(Extent(SHAPE_KJI), 5)
    k, j, i = np.meshgrid(*[np.arange(5)] * 3, indexing="ij")
    centres = grid.centres(np.column_stack([i.ravel(), j.ravel(), k.ravel()]), "voxels")
    assert len(np.unique(grid.ids(centres))) == 125
    swapped = [path_of([p]) for p in ([0, 30, 0], [0, 0, 12])]  # one cell along y, one along z
    assert edit_distance(*swapped).distance == 1
    published = [path_of([p], shape_kji=(512, 512, 512)) for p in ([0, 150, 0], [0, 0, 150])]
    assert edit_distance(*published).distance == 1
    assert edit_distance(*published, faithful=True).distance == 0


def test_cells_can_be_chosen() -> None:
    a, b = path_of([[0, 0, 0], [20, 0, 0]], affine_lps=AFFINE), path_of([[0, 0, 0], [26, 0, 0]], affine_lps=AFFINE)
    assert edit_distance(a, b).distance == 1  # 25.6 voxels an edge
    assert edit_distance(a, b, grid=BinGrid.from_counts(Extent(SHAPE_KJI), 2)).distance == 0


def test_paths_that_cannot_be_compared_are_refused() -> None:
    path = path_of([[0, 0, 0]])
    with pytest.raises(ValueError, match="without fixations"):
        edit_distance(path, path_of([]))
    with pytest.raises(ValueError, match="without fixations"):
        edit_distance(path_of([]), path, faithful=True)
    with pytest.raises(ValueError, match="lies outside"):
        edit_distance(path, path_of([[0, 0, -1]]))
    assert edit_distance(path, path_of([[0, 0, -1]]), outside="clamp").distance == 0
    with pytest.raises(ValueError, match="own symbols"):
        edit_distance(path, path, grid=BinGrid.from_counts(Extent(SHAPE_KJI), 2), faithful=True)
    with pytest.raises(ValueError, match="cells and the path are of volumes"):
        edit_distance(path, path, grid=BinGrid.from_counts(Extent((2, 2, 2)), 2))
