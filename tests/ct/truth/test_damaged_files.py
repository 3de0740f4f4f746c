"""Truth files damaged at random: a cut one is refused or reads as the whole one, nothing else than a line comes out."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from ctgaze_app.ct import Volume
from ctgaze_app.ct.truth import TruthError, read_truth
from tests.ct.truth.test_dicom_sr import group_item, mark_item, write_report
from tests.ct.truth.test_lidc_xml import message, nodule, ring, roi, write
from tests.ct.truth.test_masks import labels_kji, write_nifti

Signature = list[tuple[str, tuple[int, ...], tuple[int, ...], int]]


def signature(path: Path, scan: Volume, name: str) -> Signature:
    regions = read_truth(path, scan, format=name)
    return [(region.name, region.first_kji, region.last_kji, region.n_voxels) for region in regions]


def whole_file(name: str, suffix: str, scan: Volume, folder: Path) -> Path:
    uids = scan.source.sop_instance_uids
    if name == "dicom_sr":
        inside = scan.voxel_to_patient([[5, 5, 2], [9, 5, 2], [9, 9, 2]]).ravel().tolist()
        items = [
            group_item([mark_item("POLYLINE", [1, 2, 10, 2, 10, 9, 1, 9], uids[3])]),
            group_item([mark_item("POLYGON", inside, three=True)]),
        ]
        return write_report(folder / "whole.dcm", items, {"1.2": list(uids)})
    if name == "lidc_xml":
        return write(folder, message(nodule(roi(scan, 3, ring(10, 12, 5)), malignancy=3)))
    return write_nifti(folder / f"whole{suffix}", scan, labels_kji(scan))


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("dicom_sr", ".dcm"), ("lidc_xml", ".xml"), ("nifti_mask", ".nii"), ("nifti_mask", ".nii.gz")],
)
def test_damage_gives_one_line_and_a_cut_never_another_result(
    name: str, suffix: str, scan: Volume, tmp_path: Path
) -> None:
    path = whole_file(name, suffix, scan, tmp_path)
    content, expected = path.read_bytes(), signature(path, scan, name)
    damaged = tmp_path / f"damaged{suffix}"
    refused = 0
    for seed in range(120):
        random = np.random.default_rng(seed)
        data, place = bytearray(content), int(random.integers(len(content)))
        cut = seed % 4 == 3
        if cut:
            del data[place:]
        elif seed % 4 == 2:
            data[place:place] = random.bytes(int(random.integers(1, 20)))
        elif seed % 4 == 1:
            del data[place : place + int(random.integers(1, 40))]
        else:
            data[place] = int(random.integers(256))
        damaged.write_bytes(bytes(data))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                found = signature(damaged, scan, name)
        except TruthError as error:
            refused += 1
            assert "\n" not in str(error) and str(tmp_path) not in str(error) and error.remedy
        else:
            assert found == expected or not cut
    assert refused >= 40
