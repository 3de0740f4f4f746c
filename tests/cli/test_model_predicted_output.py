"""What the terminal tells of a prediction."""

from __future__ import annotations

import numpy as np
import pytest

from ctgaze_app.cli.model.predicted_output import print_prediction
from tests.models.made_predictions import SHAPE, segmentation


def test_each_level_of_a_mask_and_what_it_warns_of_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    levels = {"level 1": np.full(SHAPE, 128, np.uint8), "level 2": np.zeros(SHAPE, np.uint8)}
    found = segmentation(levels_kji=levels, parameters={"warnings": ["level 2 found nothing"]})
    print_prediction(found, "CPU", None)
    assert capsys.readouterr().out.splitlines()[1:5] == [
        "  lesion: 18 voxels, 0.0 ml, slices 1 to 2, from 0; 3 of 4 slices looked at", "  level 1 alone: 120 voxels",
        "  level 2 alone: 0 voxels", "  level 2 found nothing",
    ]  # fmt: skip
