"""Lengths in voxels, millimetres and degrees."""

from __future__ import annotations

import numpy as np
import pytest

from models.metrics.extent import Extent
from tests.models.metrics.scanpaths import AFFINE, SHAPE_KJI, path_of

EXTENT = Extent.with_spacing((40, 96, 128), (0.5, 0.5, 2.0), mm_per_degree=10)


def test_the_diagonal_runs_between_outer_corners_in_every_unit() -> None:
    assert EXTENT.diagonal("voxels") == pytest.approx((40**2 + 96**2 + 128**2) ** 0.5)
    assert EXTENT.diagonal("mm") == pytest.approx((80**2 + 48**2 + 64**2) ** 0.5)
    assert EXTENT.diagonal("degrees") == pytest.approx((8**2 + 4.8**2 + 6.4**2) ** 0.5)


def test_a_picture_has_the_diagonal_of_its_plane() -> None:
    assert Extent((1, 3, 4)).diagonal("voxels") == 5


def test_a_tilted_stack_has_its_longest_diagonal() -> None:
    # slices 2 mm apart, each shifted 1 mm along y: 4 slices, 3 rows, 1 column (which adds nothing)
    tilted = Extent((4, 3, 1), ((1, 0, 0), (0, 1, 1), (0, 0, 2)))
    assert tilted.diagonal("mm") == pytest.approx(np.hypot(3 + 4, 8))
    assert Extent((4, 3, 1), ((1, 0, 0), (0, 1, -1), (0, 0, 2))).diagonal("mm") == pytest.approx(np.hypot(3 + 4, 8))
    assert tilted.in_unit([[0, 0, 1]], "mm").tolist() == [[0, 1, 2]]
    assert tilted.spacing_ijk_mm == pytest.approx([1, 1, 5**0.5])


def test_the_outer_edges_belong_to_the_volume_and_what_is_beyond_is_named() -> None:
    edges = [[-0.5, -0.5, -0.5], [127.5, 95.5, 39.5]]
    assert EXTENT.inside(edges).tolist() == edges
    with pytest.raises(
        ValueError, match=r"fixation 1 at voxel \(0, 95.6, 0\) lies outside .*\(40, 96, 128\).*\(1 such"
    ):
        EXTENT.inside([[0, 0, 0], [0, 95.6, 0]])
    assert EXTENT.inside([[-9, 200, 3]], "clamp").tolist() == [[-0.5, 95.5, 3]]
    with pytest.raises(ValueError, match=r"fixation 1 at voxel \(nan, 0, 0\)"):
        EXTENT.inside([[-9, 200, 3], [np.nan, 0, 0]], "clamp")
    with pytest.raises(ValueError, match="not 'ignore'"):
        EXTENT.inside([[0, 0, 0]], "ignore")  # type: ignore[arg-type]


def test_units_that_are_not_known_are_refused() -> None:
    with pytest.raises(ValueError, match="affine"):
        Extent(SHAPE_KJI).diagonal("mm")
    with pytest.raises(ValueError, match="mm_per_degree"):
        Extent.with_spacing(SHAPE_KJI, (1, 1, 1)).diagonal("degrees")
    with pytest.raises(ValueError, match="not in pixels"):
        EXTENT.in_unit([[0, 0, 1]], "pixels")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="one voxel"):
        Extent((1, 1, 1)).diagonal("voxels")


def test_two_paths_share_an_extent_only_in_one_volume() -> None:
    a = path_of([[1, 1, 1]], affine_lps=AFFINE, mm_per_degree=10)
    b = path_of([[1, 1, 1]], affine_lps=AFFINE, mm_per_degree=14)
    assert Extent.shared_by(a, b) == Extent.shared_by(b, a)
    assert Extent.shared_by(a, b).mm_per_degree == 12
    assert Extent.shared_by(a, b, mm_per_degree=9).mm_per_degree == 9
    assert Extent.shared_by(path_of([[1, 1, 1]]), a).spacing_ijk_mm == pytest.approx([0.7, 0.8, 2.5])
    with pytest.raises(ValueError, match="different shape"):
        Extent.shared_by(a, path_of([[1, 1, 1]], shape_kji=(41, 96, 128)))
    with pytest.raises(ValueError, match=r"differ by 2.5 mm"):
        Extent.shared_by(a, path_of([[1, 1, 1]], affine_lps=np.diag([0.7, 0.8, 5.0, 1.0])))
