"""Training cases as the network is shown them: picture, what it learns from, and a mask where one may be opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from models.datasets.picture_case import PictureCase
from models.errors import ModelError
from models.gaze_segmentation.input_pictures import Layout, network_map, network_picture
from models.gaze_segmentation.kept_maps import kept_map
from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings
from models.gaze_segmentation.settings import SegmentationSettings
from models.gaze_segmentation.slices import slices_of

KEPT_BYTES = 2 << 30
"""Of prepared pictures that stay in memory; the others are loaded again in each epoch."""

Item = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Learnt:
    """What pictures are learnt from.

    Attributes
    ----------
    pseudo_masks
        None: from true masks.
    maps
        Folder that keeps the pseudo-mask maps.
    """

    pseudo_masks: PseudoMaskSettings | None
    maps: Path | None = None


class SegmentationPictures(Dataset[Item]):
    """Items of picture (channels, H, W), map or mask to learn from (H, W) in 0..1, and true mask (H, W) or (0,).

    With gaze to learn from, masks are opened only where `with_masks` says so.

    Parameters
    ----------
    cases
        One picture each.
    with_masks
        Whether items have the true mask.
    part_of
        Gives the number of the epoch, when items are one part of the network's size, another in each epoch; None:
        items are whole pictures.
    seed
        Of the parts.
    """

    def __init__(
        self,
        cases: Sequence[PictureCase],
        settings: SegmentationSettings,
        learnt: Learnt,
        *,
        with_masks: bool,
        part_of: Callable[[], int] | None = None,
        seed: int = 0,
    ) -> None:
        self.cases, self.settings, self.learnt = tuple(cases), settings, learnt
        self.with_masks, self.part_of, self.seed = with_masks, part_of, seed
        self._kept: dict[int, Item] = {}
        self._kept_bytes = 0

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.cases)

    def __getitem__(self, number: int) -> Item:
        """One item; raises `ModelError` where picture, gaze or mask do not fit together."""
        item = self._kept.get(number)
        if item is None:
            item = self._prepared(self.cases[number])
            size = sum(tensor.numel() * tensor.element_size() for tensor in item)
            if self._kept_bytes + size <= KEPT_BYTES:
                self._kept[number] = item
                self._kept_bytes += size
        return item if self.part_of is None else self._part(item, number, self.part_of())

    def _prepared(self, case: PictureCase) -> Item:
        picture = case.load()
        stack = slices_of(picture, self.settings, hu_of_pictures=True)
        if len(stack.planes) != 1:
            raise ModelError(f"{len(stack.planes)} slices where one picture is needed", place=case.place or case.case)
        stack.check_numbers([0])
        rows, columns = stack.planes.shape[1:3]
        layout = Layout.of((rows, columns), stack.spacing_ji_mm, self.settings, stack.place)

        def shown(share: NDArray[np.float32] | NDArray[np.bool_]) -> Tensor:
            return network_map(stack.turned(share[None])[0], layout, self.settings)

        full = self.learnt.pseudo_masks is None
        mask = true_mask(case, picture.shape_kji[1:]) if full or self.with_masks else None
        if self.learnt.pseudo_masks is not None:
            target = shown(kept_map(case, picture, self.learnt.pseudo_masks, self.learnt.maps))
        else:
            assert mask is not None
            target = shown(mask)
        truth = torch.zeros(0) if mask is None or not self.with_masks else shown(mask)
        return network_picture(stack.planes[0], layout, self.settings), target, truth

    def _part(self, item: Item, number: int, epoch: int) -> Item:
        rows, columns = self.settings.input_rows_columns_px
        height, width = item[1].shape
        if (height, width) == (rows, columns):
            return item
        rng = np.random.default_rng(np.random.SeedSequence((self.seed, epoch, number)))
        top, left = (int(rng.integers(0, more + 1)) for more in (height - rows, width - columns))
        picture, target, truth = (
            tensor[..., top : top + rows, left : left + columns] if tensor.ndim > 1 else tensor for tensor in item
        )
        return picture, target, truth


def true_mask(case: PictureCase, shape_ji: tuple[int, ...]) -> NDArray[np.bool_]:
    """The mask of a case.

    Raises
    ------
    ModelError
        When nobody drew one, or it is no mask of this picture.
    """
    place = case.place or case.case
    if case.load_mask is None:
        raise ModelError("has no mask", place=place, remedy="add its mask, or leave the picture out")
    mask = case.load_mask()
    if mask.dtype != np.bool_:
        raise ModelError(f"its mask holds {mask.dtype} values", place=place, remedy="give true and false")
    if mask.shape != shape_ji:
        raise ModelError(
            f"its mask has {' x '.join(map(str, mask.shape))} rows and columns, the picture "
            f"{' x '.join(map(str, shape_ji))}",
            place=place,
            remedy="use the mask of this picture",
        )
    return mask


def looked_at(case: PictureCase) -> bool:
    """Whether there is a fixation to make a pseudo-mask of."""
    return case.gaze is not None and len(case.gaze.points_xy_share) > 0
