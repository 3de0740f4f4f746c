"""Pictures of bright discs with fixations on them, and masks that say when they are opened."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.datasets.case import PARTS, Part
from models.datasets.picture_case import PictureCase, PictureGaze
from models.datasets.splits import Split
from models.volumes import PictureVolume

AFFINE = np.diag([2.0, 2.0, 3.0, 1.0])


class Opened:
    """Counts the masks that were opened."""

    def __init__(self) -> None:
        self.cases: list[str] = []

    def mask(self, code: str, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """A mask as `PictureCase.load_mask` gives it."""
        self.cases.append(code)
        return mask


def disc_case(
    number: int,
    *,
    part: Part = "train",
    side_px: int = 36,
    opened: Opened | None = None,
    colour: bool = False,
    with_mask: bool = True,
    with_gaze: bool = True,
) -> PictureCase:
    """A disc of 0 HU in a noisy lung of -800 HU; its middle is fixated three times."""
    rng = np.random.default_rng(number)
    radius = rng.uniform(0.18, 0.28) * side_px
    middle = rng.uniform(0.35, 0.65, 2) * side_px
    rows, columns = np.mgrid[0:side_px, 0:side_px] + 0.5
    mask = (rows - middle[1]) ** 2 + (columns - middle[0]) ** 2 < radius**2
    hu = np.where(mask, 0.0, -800.0) + rng.normal(0, 40, mask.shape)
    code = f"disc-{part}-{number}"
    values: NDArray[Any] = hu.astype(np.float32)[None]
    if colour:
        values = np.repeat(np.clip((hu + 1000) / 5, 0, 255).astype(np.uint8)[None, :, :, None], 3, axis=3)
    points = (middle + rng.normal(0, radius / 4, (3, 2))) / side_px
    gaze = PictureGaze(np.clip(points, 0.01, 0.99), np.full(3, 0.4), np.array([0.0, 0.5, 1.0]), "r1")
    load_mask: Callable[[], NDArray[np.bool_]] | None = None
    if with_mask:
        load_mask = partial((opened or Opened()).mask, code, mask)
    return PictureCase(
        case=code,
        patient=f"{part}-{number // 2}",
        origin="simulated",
        place=f"disc {number}",
        load=partial(_given, PictureVolume(values, None if colour else AFFINE, code, f"{part}-{number // 2}")),
        gaze=gaze if with_gaze else None,
        load_mask=load_mask,
        declared_part=part,
    )


def disc_split(counts: tuple[int, int, int] = (6, 4, 4), **options: Any) -> Split[PictureCase]:
    """Two pictures a patient."""
    parts = [
        tuple(disc_case(100 * place + number, part=part, **options) for number in range(count))
        for place, (part, count) in enumerate(zip(PARTS, counts, strict=True))
    ]
    return Split(parts[0], parts[1], parts[2], 1)


def _given(picture: PictureVolume) -> PictureVolume:
    return picture
