from __future__ import annotations

import numpy as np
import pytest

from models.metrics.gaussian_stamps import Edge, Kernel, add_gaussians


@pytest.mark.parametrize("ij", [(70.0, 5.0), (-40.0, 5.0), (5.0, 90.0), (5.0, -60.0), (500.0, 500.0)])
@pytest.mark.parametrize("edge", ["keep", "cut"])
@pytest.mark.parametrize("kernel", ["integrated", "sampled"])
@pytest.mark.parametrize("tilt", [0.0, 0.8])
def test_a_gaussian_wholly_beyond_the_image_touches_no_memory(
    ij: tuple[float, float], edge: Edge, kernel: Kernel, tilt: float
) -> None:
    # The slice lies in the middle of a larger block: what is written beside it would be seen.
    block = np.zeros((3, 64, 64), dtype=np.float32)
    covariance = np.array([[[1.0, tilt], [tilt, 1.0]]])
    add_gaussians(block[1:2], np.array([0]), np.array([ij]), covariance, np.ones(1), edge=edge, kernel=kernel)
    assert not block.any()
