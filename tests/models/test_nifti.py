"""NIfTI for models: a volume keeps axes and place, pictures are no Hounsfield units, faults are one line."""

from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from models.errors import ModelError
from models.nifti import read_nifti_pictures, read_nifti_volume


def test_a_volume_keeps_its_axes_and_its_place(tmp_path: Path):
    values = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    nib.save(nib.Nifti1Image(values, np.diag([1.0, 2.0, 3.0, 1.0])), tmp_path / "v.nii.gz")
    found = read_nifti_volume(tmp_path / "v.nii.gz", "c1", "p1")
    assert (found.hu_kji == values.transpose(2, 1, 0)).all()
    assert (found.affine_lps == np.diag([-1.0, -2.0, 3.0, 1.0])).all()
    assert (found.case, found.patient) == ("c1", "p1")


def test_slices_of_another_modality_are_pictures(tmp_path: Path):
    values = np.linspace(0, 1, 24).reshape(2, 3, 4)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "mr.nii")
    found = read_nifti_pictures(tmp_path / "mr.nii", "c1", "p1")
    assert found.shape_kji == (4, 3, 2)
    assert (found.values == values.transpose(2, 1, 0).astype(np.float32)).all()
    assert found.affine_lps is not None


def test_a_broken_file_is_one_line_that_names_it(tmp_path: Path):
    (tmp_path / "text.nii").write_bytes(b"no picture")
    with pytest.raises(ModelError, match=r"^text\.nii: cannot be read as NIfTI \(ImageFileError\)"):
        read_nifti_volume(tmp_path / "text.nii")
    with pytest.raises(ModelError, match=r"absent\.nii: this file is missing"):
        read_nifti_volume(tmp_path / "absent.nii")
