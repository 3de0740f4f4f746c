"""Targets: exact cells of both networks, padding, and the way back to voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.targets import (
    NO_DURATION_S,
    cells_at,
    cells_of_classes,
    classes_of_cells,
    dwell_share,
    path_targets,
    steps_to_voxels,
    stop_class,
)
from models.errors import ModelError
from models.scanpath import Scanpath
from models.volumes import CanonicalFrame
from tests.models.datasets.training_cases import AXIAL_LPS, SHAPE_KJI, a_path

FINE = SearcherSettings(grid_kji=(10, 8, 4), max_steps=16, offsets=True, readers=("r1", "r2"), tasks=("search",))
FAITHFUL = SearcherSettings(faithful=True)
PUBLISHED_SHAPE = (512, 512, 512)
FEET_FIRST_TURNED = np.array([[0.0, -2.0, 0.0, 5.0], [2.0, 0.0, 0.0, 1.0], [0.0, 0.0, 4.0, 2.0], [0.0, 0.0, 0.0, 1.0]])


def on(voxel: list[tuple[float, float, float]], shape_kji=SHAPE_KJI, who: str = "r1") -> Scanpath:
    return Scanpath.from_voxels(voxel, np.full(len(voxel), 0.25), shape_kji=shape_kji, who=who, case="c1")


def test_corrected_class_counts_cells_with_columns_fastest_and_stop_last():
    frame = CanonicalFrame.of(SHAPE_KJI, AXIAL_LPS)
    # 20 slices in 10 cells, 32 rows in 8, 40 columns in 4
    found = path_targets([on([(0, 0, 0), (39, 31, 19), (10, 4, 2), (9.4, 3.4, 1.4)])], frame, FINE)
    assert found.cells[0, :5].tolist() == [0, 319, (1 * 8 + 1) * 4 + 1, 0, 320]
    assert (found.cells[0, 4:] == 320).all()


def test_faithful_class_is_one_plus_y_64_x_8_z_with_stop_zero():
    frame = CanonicalFrame.of(PUBLISHED_SHAPE, AXIAL_LPS)
    found = path_targets([on([(0, 0, 0), (64, 0, 0), (0, 64, 0), (0, 0, 64), (511, 511, 511)], PUBLISHED_SHAPE)],
                         frame, FAITHFUL)  # fmt: skip
    assert found.cells[0, :6].tolist() == [1, 1 + 8, 1 + 64, 1 + 1, 512, 0]
    assert found.cells.shape == (1, 400)


def test_faithful_cells_equal_the_published_rule_for_every_one_based_pixel():
    pixel = np.arange(1, 513)
    shares = np.stack([(pixel - 1 + 0.5) / 512] * 3, axis=1)
    cell, _ = cells_at(shares, (8, 8, 8))
    assert (cell[:, 2] == ((pixel - 1) / 64).astype(int)).all()


def test_faithful_slices_span_the_whole_volume_whatever_their_number():
    frame = CanonicalFrame.of((100, 512, 512), AXIAL_LPS)
    found = path_targets([on([(0, 0, 99), (0, 0, 50), (0, 0, 0)], (100, 512, 512))], frame, FAITHFUL)
    assert (found.cells[0, :3] - 1).tolist() == [7, 4, 0]


def test_cells_follow_the_patient_not_the_file():
    """The same place of the body in a turned, feet-first volume is the same cell."""
    turned_shape = (20, 40, 32)
    frame = CanonicalFrame.of(turned_shape, FEET_FIRST_TURNED)
    # stored i runs to the back, stored j to the right, stored k to the head
    found = path_targets([on([(31, 39, 19), (0, 39, 0)], turned_shape)], frame, FINE)
    assert found.cells[0, :2].tolist() == [(0 * 8 + 7) * 4 + 0, (9 * 8 + 0) * 4 + 0]


def test_every_class_of_both_networks_means_one_cell():
    for chosen in (FINE, FAITHFUL):
        classes = np.delete(np.arange(chosen.cells + 1), stop_class(chosen))
        cells = cells_of_classes(classes, chosen)
        assert len(np.unique(cells, axis=0)) == chosen.cells
        assert (classes_of_cells(cells, chosen) == classes).all()
        with pytest.raises(ModelError, match="no cell"):
            cells_of_classes([stop_class(chosen)], chosen)


def test_fixations_and_one_stop_are_scored_and_padding_is_harmless():
    frame = CanonicalFrame.of(SHAPE_KJI, AXIAL_LPS)
    found = path_targets([a_path(count=3), a_path(1, count=5)], frame, FINE)
    assert found.fixated.sum(axis=1).tolist() == [3, 5]
    assert found.scored.sum(axis=1).tolist() == [4, 6]
    assert found.longest == 6
    assert (found.duration_s[~found.fixated] == NO_DURATION_S).all()
    assert (found.offset_kji[~found.fixated] == 0).all()
    assert found.first(6).cells.shape == (2, 6)
    assert (found.take([1]).cells == found.cells[1:]).all()


def test_a_path_longer_than_the_queries_is_cut_and_scores_no_stop():
    frame = CanonicalFrame.of(SHAPE_KJI, AXIAL_LPS)
    long, exact = a_path(count=20), a_path(1, count=16)
    found = path_targets([long, exact], frame, FINE)
    assert found.fixated.all()
    assert found.scored.sum(axis=1).tolist() == [16, 16]
    assert not (found.cells == stop_class(FINE)).any()
    assert found.duration_s[0] == pytest.approx(long.duration_s[:16])


def test_readers_and_tasks_that_the_network_does_not_know_are_not_told():
    frame = CanonicalFrame.of(SHAPE_KJI, AXIAL_LPS)
    paths = [a_path(who="r2"), a_path(1, who="somebody")]
    found = path_targets(paths, frame, FINE, tasks=["search", "rest"])
    assert found.reader.tolist() == [1, -1]
    assert found.task.tolist() == [0, -1]
    assert path_targets(paths, frame, FINE).task.tolist() == [-1, -1]


def test_an_empty_path_and_no_path_are_refused_with_their_place():
    frame = CanonicalFrame.of(SHAPE_KJI, AXIAL_LPS)
    with pytest.raises(ModelError, match=r"^set.json, record 4: path of reader r1 is empty"):
        path_targets([a_path(count=0)], frame, FINE, place="set.json, record 4")
    with pytest.raises(ModelError, match="no scan path"):
        path_targets([], frame, FINE)


def test_a_path_on_another_volume_is_refused():
    frame = CanonicalFrame.of((21, 32, 40), AXIAL_LPS)
    with pytest.raises(ModelError, match="on a volume of 40 x 32 x 20 voxels, not of 40 x 32 x 21"):
        path_targets([a_path()], frame, FINE)


def test_dwell_share_weighs_cells_by_duration_and_readers_equally():
    frame = CanonicalFrame.of(SHAPE_KJI, AXIAL_LPS)
    one = Scanpath.from_voxels([(0, 0, 0), (39, 31, 19)], [3.0, 1.0], shape_kji=SHAPE_KJI)
    other = Scanpath.from_voxels([(39, 31, 19)], [100.0], shape_kji=SHAPE_KJI)
    share = dwell_share([one, other], frame, (2, 2, 2))
    assert share.tolist() == [0.375, 0, 0, 0, 0, 0, 0, 0.625]


affines = st.permutations([0, 1, 2]).flatmap(
    lambda order: st.lists(st.sampled_from([-1.5, 2.0, 0.7]), min_size=3, max_size=3).map(
        lambda steps: np.vstack([
            np.hstack([np.eye(3)[list(order)] * np.array(steps), [[3.0], [-1.0], [7.0]]]), [0, 0, 0, 1]
        ])
    )
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(
    affine=affines,
    shares=arrays(np.float64, (7, 3), elements=st.floats(0, 1)),
    shape=st.tuples(st.integers(1, 600), st.integers(1, 600), st.integers(1, 600)),
    grid=st.tuples(st.integers(1, 24), st.integers(1, 12), st.integers(1, 12)),
)
def test_voxels_come_back_within_a_thousandth_with_offsets_and_at_cell_centres_without(affine, shares, shape, grid):
    frame = CanonicalFrame.of(shape, affine)
    voxel = np.clip(frame.to_voxels(shares), -0.5, np.array(shape[::-1]) - 0.5)
    path = Scanpath.from_voxels(voxel, np.full(7, 0.2), shape_kji=shape)
    kept = SearcherSettings(grid_kji=grid, max_steps=7, offsets=True)
    found = path_targets([path], frame, kept)
    assert (np.abs(found.offset_kji) <= 0.5).all()
    assert np.abs(steps_to_voxels(found.cells[0], found.offset_kji[0], frame, kept) - voxel).max() < 1e-3

    centred = SearcherSettings(grid_kji=grid, max_steps=7)
    coarse = path_targets([path], frame, centred)
    assert (coarse.cells == found.cells).all()
    back = steps_to_voxels(coarse.cells[0], coarse.offset_kji[0], frame, centred)
    assert (back == steps_to_voxels(coarse.cells[0], None, frame, centred)).all()
    cell, offset = cells_at(frame.to_shares(back), grid)
    assert (classes_of_cells(cell, centred) == coarse.cells[0]).all()
    assert np.abs(offset).max() < 1e-9
