"""The pictures of a volume as a segmentation network is shown them, one after the other; no torch.

CT is looked at in axial slices whatever way it is stored: columns to the patient's left, rows to the back, slices from
the head to the feet. Grey volumes whose slices are axial are turned the same way; all others are taken as stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.errors import ModelError
from models.features.inputs import NO_HU
from models.gaze_segmentation.settings import SegmentationSettings
from models.volumes import CanonicalFrame, CtVolume, PictureVolume

WORDS = {"hu": "Hounsfield units", "grey": "grey values without a unit", "rgb": "red, green and blue"}


@dataclass(frozen=True, eq=False)
class SliceStack:
    """A volume's pictures.

    Attributes
    ----------
    planes
        (K, J, I) or (K, J, I, 3): a view of the volume, axes as the network sees them.
    spacing_ji_mm
        Distance of rows and of columns; None where nobody knows it.
    frame
        What turned the stored axes; None: they are as stored.
    place
        For messages.
    """

    planes: NDArray[Any] = field(repr=False)
    spacing_ji_mm: tuple[float, float] | None
    frame: CanonicalFrame | None
    place: str

    def turned(self, stored_kji: NDArray[Any]) -> NDArray[Any]:
        """A view of an array of the volume's stored shape with the axes of `planes`; what is written there stays."""
        return stored_kji if self.frame is None else self.frame.reorient(stored_kji)

    @property
    def stored_slices(self) -> bool:
        """Whether the pictures are the stored slices, in either order."""
        return self.frame is None or self.frame.axes[2] == 2

    def check_numbers(self, chosen: Iterable[int]) -> None:
        """Refuse pictures that hold values that are no numbers; raises `ModelError`."""
        if self.planes.dtype.kind == "f":
            for number in chosen:
                if not np.isfinite(self.planes[number]).all():
                    raise ModelError(
                        "holds values that are no numbers",
                        place=f"{self.place}, slice {number}",
                        remedy="give what was not measured a value outside the body",
                    )


def slices_of(volume: CtVolume | PictureVolume, settings: SegmentationSettings, *, hu_of_pictures: bool) -> SliceStack:
    """The pictures of a volume.

    Parameters
    ----------
    hu_of_pictures
        Whether grey values of a `PictureVolume` count as Hounsfield units where the network takes those: so in training
        sets, whose slices come one by one.

    Raises
    ------
    ModelError
        Another kind of values than the network takes, no pixels, or values that were rescaled.
    """
    place = volume.case or "volume"
    given = _values(volume, hu_of_pictures and settings.values == "hu")
    if given != settings.values:
        raise ModelError(
            f"holds {WORDS[given]}; this model takes {WORDS[settings.values]}",
            place=place,
            remedy="choose another model",
        )
    stored = volume.hu_kji if isinstance(volume, CtVolume) else volume.values
    if 0 in stored.shape:
        raise ModelError(f"holds no pixel: {volume.shape_kji}", place=place)
    if volume.affine_lps is None:
        return SliceStack(stored, None, None, place)
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    if isinstance(volume, CtVolume) or (given != "rgb" and frame.axes[2] == 2):
        across, down, _ = frame.spacing_ijk_mm
        stack = SliceStack(frame.reorient(stored), (down, across), frame, place)
    else:
        across, down, _ = (float(length) for length in np.linalg.norm(volume.affine_lps[:3, :3], axis=0))
        stack = SliceStack(stored, (down, across), None, place)
    if given == "hu":
        _check_hu(stack)
    return stack


def _values(volume: CtVolume | PictureVolume, hu: bool) -> str:
    if isinstance(volume, CtVolume):
        return "hu"
    if volume.is_colour:
        return "rgb"
    return "hu" if hu else "grey"


def _check_hu(stack: SliceStack) -> None:
    lowest = min(float(np.nanmin(plane)) if plane.size else 0.0 for plane in stack.planes)
    highest = max(float(np.nanmax(plane)) if plane.size else 0.0 for plane in stack.planes)
    if lowest >= -NO_HU and highest <= NO_HU:
        raise ModelError(
            f"its values run from {lowest:.3g} to {highest:.3g}: rescaled, not Hounsfield units",
            place=stack.place,
            remedy="give the CT before any normalisation",
        )
