"""What segmentation models stand beside: floors, and the pseudo-masks of the readers' own gaze."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from models.datasets.picture_case import PictureCase
from models.gaze_segmentation.config import SegmentationConfig
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings, pseudo_mask_map
from models.gaze_segmentation.training_pictures import looked_at
from models.model_folder import LoadedModel
from models.training.recipes import read_recipe_file
from models.training.run_folder import CONFIG

Mask = NDArray[np.bool_]
RESEARCH = "Pictures and gaze are simulated: this proves the code, not radiology."


def floors_of(truths: Sequence[Mask]) -> dict[str, list[Mask | None]]:
    """Masks that look at no picture: nothing, everything, and a disc in the middle of the true masks' mean area."""
    share = float(np.mean([truth.mean() for truth in truths]))
    return {
        "nothing": [np.zeros_like(truth) for truth in truths],
        "everything": [np.ones_like(truth) for truth in truths],
        "centre disc": [_disc(truth.shape, share) for truth in truths],
    }


def pseudo_mask_rows(cases: Sequence[PictureCase], settings: PseudoMaskSettings) -> dict[str, list[Mask | None]]:
    """Each threshold of the map of each case's gaze; None where nobody looked."""
    rows: dict[str, list[Mask | None]] = {f"gaze pseudo-mask from {share:g}": [] for share in settings.thresholds}
    for case in cases:
        found = pseudo_mask_map(case, settings) if looked_at(case) else None
        for row, share in zip(rows.values(), settings.thresholds, strict=True):
            row.append(None if found is None else found >= share)
    return rows


def written_pseudo_masks(model: LoadedModel[GazeSegmenter]) -> PseudoMaskSettings | None:
    """How the pseudo-masks of a model's training were made, from the configuration in its folder.

    None where it has none (an imported model). A model of true masks says what its configuration would have made.
    """
    path = model.folder / CONFIG
    if not path.is_file():
        return None
    config = read_recipe_file(path, SegmentationConfig)
    return config.data.pseudo_masks.settings(config.model.settings.thresholds)


def _disc(shape_ji: tuple[int, ...], share: float) -> Mask:
    rows, columns = np.ogrid[: shape_ji[0], : shape_ji[1]]
    from_middle = (rows - (shape_ji[0] - 1) / 2) ** 2 + (columns - (shape_ji[1] - 1) / 2) ** 2
    found: Mask = from_middle <= share * shape_ji[0] * shape_ji[1] / np.pi
    return found
