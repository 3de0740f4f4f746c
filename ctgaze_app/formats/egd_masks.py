"""The organ masks of the chest X-ray data set: PNG of 0 and 255, one a structure, beside each picture's transcript."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.formats.case_grids import nifti_faults
from ctgaze_app.formats.contract import FormatError, at
from ctgaze_app.formats.dataset import DataSet
from ctgaze_app.formats.egd_tables import CASE_FOLDER

if TYPE_CHECKING:
    from ctgaze_app.formats.egd_our_tables import Picture

NAMES = {
    "left_lung": "left lung",
    "right_lung": "right lung",
    "mediastinum": "mediastinum",
    "mediastanum": "mediastinum",
    "aortic_knob": "aortic knob",
}
"""File name to structure; some releases misspell one."""


def read_masks(folder: Path, case: str, size: tuple[int, int] | None = None) -> tuple[LabelledRegion, ...]:
    """The masks of one picture of the data set in `folder`, in the order of their names; empty when it has none.

    Any further PNG is taken under its own name. A mask without a white pixel is left out. `size` are the picture's rows
    and columns, when they are known.

    Raises
    ------
    FormatError
        When a file is no picture of one channel of 0 and 255, two spellings of one structure are both there, or the
        masks of one picture differ in size, or from the picture.
    """
    found: dict[str, LabelledRegion] = {}
    shape: tuple[int, ...] | None = None
    for path in sorted((folder / CASE_FOLDER / case).glob("*.png")):
        name = NAMES.get(path.stem, path.stem.replace("_", " "))
        mask = read_mask(path)
        if shape is not None and mask.shape != shape:
            raise FormatError(
                f"has {mask.shape[1]} x {mask.shape[0]} pixels, the masks beside it {shape[1]} x {shape[0]}",
                place=f"{at(path)} of {case}",
            )
        if size is not None and mask.shape != size:
            raise FormatError(
                f"has {mask.shape[1]} x {mask.shape[0]} pixels, the picture {size[1]} x {size[0]}",
                place=f"{at(path)} of {case}",
                remedy="draw masks on the picture's own pixels",
            )
        shape = mask.shape
        if name in found:
            raise FormatError(f"{name} is there twice", place=f"{at(path)} of {case}", remedy="delete one")
        if mask.any():
            found[name] = LabelledRegion.from_mask(name, mask[None], group="anatomy")
    return tuple(found.values())


def read_mask(path: Path) -> NDArray[np.bool_]:
    """(rows, columns) from a PNG of 0 and 255 (or 0 and 1).

    Raises
    ------
    FormatError
        When it is no such picture.
    """
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as picture:
            pixels = np.asarray(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError) as error:
        raise FormatError("is not a picture", place=at(path), remedy="restore it from a copy") from error
    if pixels.ndim == 3 and pixels.shape[2] >= 3 and (pixels[..., :1] == pixels[..., :3]).all():
        pixels = pixels[..., 0]
    levels = set(np.unique(pixels).tolist())
    if pixels.ndim != 2 or not (levels <= {0, 255} or levels <= {0, 1}):
        raise FormatError("is not a mask of 0 and 255", place=at(path), remedy="write it without grey and colour")
    return np.asarray(pixels > 0)


def write_mask(path: Path, mask: NDArray[np.bool_]) -> None:
    """(rows, columns) as a PNG of 0 and 255."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.where(mask, 255, 0).astype(np.uint8)).save(path, format="PNG")


def copy_masks(source: Path, target: Path, dataset: DataSet, pictures: Sequence[Picture]) -> int:
    """Write the masks given for the cases beside their transcripts; returns how many PNG were written.

    Parameters
    ----------
    source
        Holds ``<case>/<name>.png`` for pictures, ``<case>/<name>.nii`` or ``.nii.gz`` for volumes. A volume's mask
        leaves as one PNG for each picture (slice) that it touches, or, when the stack stays together, for each slice
        that it touches with ``_s`` and the slice in the name.

    Raises
    ------
    FormatError
        When there is no such folder or a mask does not fit its case.
    """
    if not source.is_dir():
        raise FormatError("there is no such folder of masks", place=source.name, remedy="check option masks")
    written = 0
    for picture in pictures:
        record = picture.case
        for path in sorted((source / record.case).glob("*")):
            name = path.name.removesuffix(".gz").removesuffix(".nii").removesuffix(".png")
            if path.suffix == ".png":
                mask = read_mask(path)[None]
            elif path.name.endswith((".nii", ".nii.gz")):
                mask = _nifti(path)
            else:
                continue
            if mask.shape != tuple(record.shape_kji):
                raise FormatError(
                    f"is {mask.shape}, the case {record.shape_kji} (slices, rows, columns)", place=at(path)
                )
            depth = record.shape_kji[0]
            slices = [picture.k] if picture.k is not None else np.flatnonzero(mask.any(axis=(1, 2))).tolist()
            for k in slices if depth > 1 else [0]:
                ending = f"_s{k:04d}" if depth > 1 and picture.k is None else ""
                if depth == 1 or mask[k].any():
                    write_mask(target / picture.code / f"{name}{ending}.png", mask[k])
                    written += 1
    return written


def _nifti(path: Path) -> NDArray[np.bool_]:
    """[k, j, i]; the file's grid is the volume's own, in the order of its slices."""
    import nibabel

    try:
        image: Any = nibabel.load(path)
        voxels = np.asanyarray(image.dataobj)
    except nifti_faults() as error:
        raise FormatError("is not a NIfTI file", place=at(path), remedy="restore it from a copy") from error
    if voxels.ndim != 3:
        raise FormatError(f"has {voxels.ndim} dimensions, not 3", place=at(path))
    return np.asarray(voxels.T > 0)
