"""A case's CT as NIfTI-1 on the grid of its scan paths: int16, affine in RAS millimetres, nothing about the patient."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ctgaze_app.ct.orientation import RAS_FROM_LPS
from ctgaze_app.ct.volume import Volume
from ctgaze_app.formats.contract import FormatError, at

SCANNER = 1
"""NIfTI's code for coordinates of the scanner."""


def write_case_nifti(volume: Volume, case: str, folder: Path) -> Path:
    """Write ``<case>.nii.gz``; array index (i, j, k) is column, row and slice of the scan paths.

    Units are unknown, not mm, where the size of a pixel is unknown; of a colour picture this is the luminance.

    Raises
    ------
    FormatError
        When slices are not evenly spaced (no affine can say where they lie), or the folder refuses.
    """
    import nibabel as nib

    path = folder / f"{case}.nii.gz"
    if not volume.regular:
        raise FormatError(
            "the slices of this CT are not evenly spaced, which NIfTI cannot hold", place=at(path), remedy="ct=none"
        )
    image = nib.Nifti1Image(np.ascontiguousarray(volume.voxels.transpose(2, 1, 0)), None, dtype=np.int16)
    affine = RAS_FROM_LPS @ volume.affine_lps
    image.set_sform(affine, SCANNER)
    # A sheared grid (gantry tilt) has no quaternion form; the affine above is the whole truth then.
    directions = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    if np.allclose(directions.T @ directions, np.eye(3), atol=1e-4):
        image.set_qform(affine, SCANNER)
    image.header.set_xyzt_units("mm" if volume.has_mm else "unknown")
    image.header["descrip"] = b""
    try:
        nib.save(image, path)
    except OSError as error:
        raise FormatError(
            f"cannot be written: {error.strerror or type(error).__name__}", place=at(path), remedy="check space"
        ) from error
    return path
