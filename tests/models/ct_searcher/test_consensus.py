"""The path of agreement: the one nearest to all others, never an outlier, whichever way the volume is stored."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.ct_searcher.consensus import most_agreed
from models.ct_searcher.decoding import SampledPath
from models.ct_searcher.settings import SearcherSettings
from models.volumes import CanonicalFrame

SETTINGS = SearcherSettings(grid_kji=(4, 4, 4), width=12, heads=1, offsets=True)
HEAD_FIRST = np.diag([2.0, 2.0, -3.0, 1.0])
FEET_FIRST = np.diag([-2.0, 2.0, 3.0, 1.0])


def path(cells: list[int]) -> SampledPath:
    return SampledPath(torch.tensor(cells), torch.zeros(len(cells), 3), torch.full((len(cells),), 0.3))


@pytest.mark.parametrize("affine_lps", [HEAD_FIRST, FEET_FIRST])
def test_the_path_nearest_to_all_others_is_chosen(affine_lps: np.ndarray) -> None:
    frame = CanonicalFrame.of((60, 80, 80), affine_lps)
    middle = path([0, 21, 42, 63])
    near = path([0, 21, 42, 62])
    nearer_still = path([0, 21, 41, 63])
    outlier = path([3, 12, 51, 15])
    assert most_agreed([outlier, near, middle, nearer_still], frame, SETTINGS) is middle


def test_of_one_or_two_paths_the_first_is_taken() -> None:
    frame = CanonicalFrame.of((60, 80, 80), HEAD_FIRST)
    one, other = path([0, 1, 2]), path([63])
    assert most_agreed([one], frame, SETTINGS) is one
    assert most_agreed([one, other], frame, SETTINGS) is one
