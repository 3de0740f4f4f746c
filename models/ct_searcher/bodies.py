"""The patient's body in a volume, so that paths move from body to body, and masks that fit into memory."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.datasets.case import TrainingCase
from models.scanpath import Scanpath
from models.simulation.markov_reader import Box
from models.volumes import CanonicalFrame, CtVolume

Floats = NDArray[np.float64]

BODY_ABOVE_HU = -300
"""Between lung and air (below -600) and soft tissue (0 to 60)."""
UNMEASURED_HU = -1024
"""What a CT stores outside of its field of view (`models.volumes.CtVolume`)."""


def body_mask(volume: CtVolume) -> NDArray[np.bool_] | None:
    """(K, J, I) the largest dense piece of the volume with its holes filled axial slice by slice, as it is stored.

    What the scanner did not measure, and the left and right edge of the image, count as walls along the body's rows, so
    that lungs which the field of view cuts are inside; air in front of and behind the patient still finds its way out.
    None where nothing is dense.
    """
    from scipy import ndimage

    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    dense = frame.reorient(volume.hu_kji > BODY_ABOVE_HU)
    cross = ndimage.generate_binary_structure(2, 1)[None]
    labels, count = ndimage.label(ndimage.binary_opening(dense, cross))
    if not count:
        return None
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    # Back to the outline that the opening has rounded, and to chest walls that it has opened.
    body = ndimage.binary_dilation(labels == sizes.argmax(), cross, iterations=2, mask=dense)
    # Air of -1024 HU is noise here and there; what the scanner did not measure is so throughout.
    around = np.pad(frame.reorient(volume.hu_kji <= UNMEASURED_HU), ((0, 0), (2, 2), (2, 2)), constant_values=True)
    unmeasured = ndimage.binary_opening(around, cross, iterations=2)[:, 2:-2, 2:-2]
    for plane, outside in zip(body, unmeasured, strict=True):
        rows = np.flatnonzero(plane.any(axis=1))
        if len(rows):
            beside = slice(rows[0], rows[-1] + 1)
            walled = np.pad(plane, ((0, 0), (1, 1)))
            walled[beside, 1:-1] |= outside[beside]
            walled[beside, [0, -1]] = True
            plane[:] = ndimage.binary_fill_holes(walled)[:, 1:-1] & ~outside
    stored = np.empty(volume.shape_kji, dtype=np.bool_)
    frame.reorient(stored)[...] = body
    return stored


@dataclass(frozen=True)
class BodyFrame:
    """Places as shares of a body's box along the canonical axes (`models.volumes`): the same in every patient.

    Attributes
    ----------
    frame
        Of the volume.
    low, high
        The box's edges as shares of the volume along canonical i, j, k.
    """

    frame: CanonicalFrame
    low: tuple[float, float, float]
    high: tuple[float, float, float]

    @classmethod
    def of(cls, path: Scanpath, body: Box | None) -> BodyFrame:
        """In the volume of a path; None: the whole volume stands for the body."""
        frame = CanonicalFrame.of(path.shape_kji, path.affine_lps)
        box = Box.of_volume(path.shape_kji) if body is None else body
        edges = frame.to_shares([box.low_ijk, box.high_ijk])
        low, high = edges.min(axis=0).tolist(), edges.max(axis=0).tolist()
        return cls(frame, (low[0], low[1], low[2]), (high[0], high[1], high[2]))

    def to_shares(self, voxel_ijk: ArrayLike) -> Floats:
        """(N, 3) shares of the box along canonical i, j, k; beyond it below 0 or above 1."""
        return (self.frame.to_shares(voxel_ijk) - self.low) / np.subtract(self.high, self.low)

    def to_voxels(self, shares: ArrayLike) -> Floats:
        """(N, 3) voxels i, j, k as stored, moved to the volume's border voxels where they lie beyond."""
        placed = np.asarray(self.low) + np.asarray(shares, dtype=np.float64) * np.subtract(self.high, self.low)
        return np.clip(self.frame.to_voxels(placed), 0, np.array(self.frame.shape_kji[::-1]) - 1)


@dataclass(frozen=True)
class PackedMasks(Mapping[str, NDArray[np.bool_]]):
    """Masks by case, compressed: some kilobytes each instead of a byte a voxel."""

    _packed: dict[str, tuple[tuple[int, ...], bytes]] = field(default_factory=dict, repr=False)

    def add(self, case: str, mask_kji: NDArray[np.bool_]) -> None:
        """Keep one mask."""
        self._packed[case] = (mask_kji.shape, zlib.compress(np.packbits(mask_kji).tobytes(), 1))

    def __getitem__(self, case: str) -> NDArray[np.bool_]:
        """The mask of a case, unpacked anew; KeyError when there is none."""
        shape, packed = self._packed[case]
        bits = np.frombuffer(zlib.decompress(packed), dtype=np.uint8)
        return np.unpackbits(bits, count=prod(shape)).reshape(shape).astype(bool)

    def __iter__(self) -> Iterator[str]:
        """Codes of the cases."""
        return iter(self._packed)

    def __len__(self) -> int:
        """Number of cases."""
        return len(self._packed)


class FoundBodies:
    """Boxes of all bodies, masks of those under test; all or none of the cases have them."""

    def __init__(self, body_of: Callable[[CtVolume], NDArray[np.bool_] | None]) -> None:
        self.body_of = body_of
        self.boxes: dict[str, Box] = {}
        self.masks, self.lungs = PackedMasks(), PackedMasks()

    def add(self, case: TrainingCase, volume: CtVolume, *, keep_mask: bool) -> None:
        """Find the body of one case; the lungs of those whose mask is kept are asked for too."""
        mask = self.body_of(volume)
        if mask is not None and mask.any():
            self.boxes[case.case] = Box.of_mask(mask)
            if keep_mask:
                self.masks.add(case.case, mask)
        if keep_mask and case.load_lungs is not None:
            self.lungs.add(case.case, case.load_lungs())

    def settle(self, cases: Sequence[TrainingCase]) -> list[str]:
        """Notes; one case without a body leaves all without: maps and paths of both kinds could not be averaged."""
        missing = [case.case for case in cases if case.case not in self.boxes]
        if not missing:
            return []
        self.boxes, self.masks = {}, PackedMasks()
        return [f"whole volumes stand for the bodies: none was found in case {missing[0]}"]
