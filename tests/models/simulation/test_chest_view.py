"""What a reader sees: places in the lungs, ends of the lungs, and how much a lesion stands out."""

from __future__ import annotations

import numpy as np
import pytest

from models.simulation.chest_view import BACK, FRONT, LEFT, MIDDLE, RIGHT, ChestView
from tests.models.simulation.chest_phantom import chest


def test_thirds_of_a_box_are_the_middles_of_its_thirds_on_every_slice() -> None:
    view = ChestView.of(chest())
    # Rows 15 to 44 in thirds of ten; columns 10 to 34 and 45 to 69.
    for side, column in ((RIGHT, 22.0), (LEFT, 57.0)):
        for third, row in ((FRONT, 19.5), (MIDDLE, 29.5), (BACK, 39.5)):
            np.testing.assert_allclose(view.thirds_ij[side, third], np.tile((column, row), (100, 1)))
    np.testing.assert_allclose(view.mediastinum_ij, np.tile((39.5, 29.5), (100, 1)))
    assert (view.first_slice, view.last_slice) == ((10, 10), (90, 90))


def test_each_lung_ends_where_its_own_cross_section_falls_below_six_percent() -> None:
    patient = chest()
    patient.lungs_kji[10:30, :, :40] = False
    patient.lungs_kji[40, :, 45:70] = False
    patient.lungs_kji[90, :, 45:70] = False
    patient.lungs_kji[90, 20, 50:60] = True
    view = ChestView.of(patient)
    assert (view.first_slice, view.last_slice) == ((30, 10), (90, 89))


@pytest.mark.parametrize("columns", [0, 2])
def test_a_volume_without_lungs_is_refused(columns: int) -> None:
    patient = chest()
    patient.lungs_kji[:] = False
    patient.lungs_kji[20:40, 20:30, 10 : 10 + columns] = True
    with pytest.raises(ValueError, match=f"there is lung in {columns} columns"):
        ChestView.of(patient)


def test_conspicuity_is_contrast_times_size_as_the_voxels_show_them() -> None:
    solid, faint, unseen = (
        ChestView.of(chest([((20.0, 30.0, 50.0), 27.0, value)], drawn=drawn)).lesions[0]
        for value, drawn in ((-50, True), (-610, True), (-50, False))
    )
    assert solid.conspicuity == pytest.approx(27 / 9)  # 800 HU above the lung: full contrast
    assert faint.conspicuity == pytest.approx(240 / 800 * 27 / 9)
    assert unseen.conspicuity == pytest.approx(0.02 * 27 / 9)  # in the truth, not in the picture
    assert (solid.slice_k, solid.reach_slices, solid.radius_mm) == (50, 4, 13.5)
    np.testing.assert_array_equal(solid.ij, (20.0, 30.0))
