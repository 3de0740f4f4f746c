"""Lesion and region truth from files, as voxels of one volume: DICOM SR and SEG, LIDC XML, boxes in CSV, NIfTI masks.

`read_truth` is the door; each format is one file with a `FORMAT` behind the contract in `contract.py`. A truth file is
placed by image UID or patient position and refused when it belongs to another scan.
"""

from __future__ import annotations

from ctgaze_app.ct.truth.contract import TruthError, TruthFormat, TruthOption
from ctgaze_app.ct.truth.reading import TRUTH_FORMATS, read_truth, recognised_format, truth_format

__all__ = [
    "TRUTH_FORMATS",
    "TruthError",
    "TruthFormat",
    "TruthOption",
    "read_truth",
    "recognised_format",
    "truth_format",
]
