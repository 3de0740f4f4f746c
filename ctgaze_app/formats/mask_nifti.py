"""A predicted mask as NIfTI-1 on the grid of the volume that it was made on: uint8, 1 where the structure is."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctgaze_app.ct.orientation import RAS_FROM_LPS
from ctgaze_app.formats.contract import FormatError, at
from models.predictions import SegmentationPrediction

SCANNER = 1
"""NIfTI's code for coordinates of the scanner."""
LONGEST_DESCRIPTION = 79


def write_mask_nifti(path: Path, prediction: SegmentationPrediction) -> Path:
    """Write ``.nii`` or ``.nii.gz``; array index (i, j, k) is column, row and slice as the volume is stored.

    Without a known affine voxels are 1 apart in unknown units.

    Raises
    ------
    FormatError
        When the name has another ending, or the folder refuses.
    """
    import nibabel as nib

    name = path.name.lower()
    if not name.endswith((".nii", ".nii.gz")):
        raise FormatError("a NIfTI file ends with .nii or .nii.gz", place=at(path), remedy="name it so")
    image = nib.Nifti1Image(prediction.mask_kji.transpose(2, 1, 0).astype(np.uint8), None)
    if prediction.affine_lps is not None:
        image.set_sform(RAS_FROM_LPS @ prediction.affine_lps, SCANNER)
        image.header.set_xyzt_units("mm")
    said = f"{prediction.structure}: {prediction.model} {prediction.version}, research only"
    image.header["descrip"] = said.encode("ascii", "replace")[:LONGEST_DESCRIPTION]
    ending = ".nii.gz" if name.endswith(".gz") else ".nii"
    unfinished = path.with_name(f".{path.name}.unfinished{ending}")
    try:
        nib.save(image, unfinished)
        unfinished.replace(path)
    except OSError as error:
        raise FormatError(
            f"cannot be written: {error.strerror or type(error).__name__}", place=at(path), remedy="check rights"
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return path
