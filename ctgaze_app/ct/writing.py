"""HU arrays to a DICOM CT series (PS3.3 A.3, CT Image)."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.errors import SeriesError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

PATIENT_NAME = "Phantom^Procedural"
PATIENT_ID = "DEMO"
RESCALE_INTERCEPT_HU = -1024


def write_ct_series(
    folder: Path,
    hu: NDArray[np.int16],
    *,
    spacing_kji_mm: tuple[float, float, float],
    origin_lps_mm: tuple[float, float, float] | None = None,
    description: str = "Procedural chest",
    seed: int = 0,
    windows: Sequence[tuple[float, float]] = ((40.0, 400.0),),
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Write an axial stack as one CT Image Storage series, one uncompressed file a slice.

    Parameters
    ----------
    folder
        Made when missing; files are slice_0001.dcm and so on.
    hu
        int16 [k, j, i], k = 0 the most superior slice, i to the patient's left, j to the back; -1024 to 64511 HU.
    spacing_kji_mm
        Distance of slices, rows and columns.
    origin_lps_mm
        Centre of voxel (0, 0, 0); by default the stack is centred on the patient origin.
    seed
        With the pixels, geometry and description the source of all UIDs: the same call gives the same bytes.
    windows
        (centre, width) in HU, the default one first.
    progress
        Called with slices written and slices in all.

    Returns
    -------
    The files from head to feet.

    Raises
    ------
    SeriesError
        When `hu` is no int16 stack or goes below -1024, or the folder cannot be written.
    """
    if hu.ndim != 3 or hu.dtype != np.int16 or hu.size == 0:
        raise SeriesError("only a stack of int16 slices can be written as a CT series")
    if int(hu.min()) < RESCALE_INTERCEPT_HU:
        raise SeriesError(f"HU under {RESCALE_INTERCEPT_HU} cannot be stored unsigned", remedy="clip the values first")
    slices, rows, columns = hu.shape
    step_z, step_y, step_x = spacing_kji_mm
    if origin_lps_mm is None:
        origin_lps_mm = (-(columns - 1) / 2 * step_x, -(rows - 1) / 2 * step_y, (slices - 1) / 2 * step_z)
    pixels = hashlib.sha256(np.ascontiguousarray(hu).view(np.uint8).data).hexdigest()
    root = json.dumps([seed, pixels, list(hu.shape), list(spacing_kji_mm), list(origin_lps_mm), description])
    bits_stored = 12 if int(hu.max()) - RESCALE_INTERCEPT_HU < 4096 else 16
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for k in range(slices):
            position = (origin_lps_mm[0], origin_lps_mm[1], origin_lps_mm[2] - k * step_z)
            dataset = _slice_dataset(root, k, position, spacing_kji_mm, bits_stored, windows)
            dataset.SeriesDescription = description
            dataset.Rows, dataset.Columns = rows, columns
            stored = (hu[k].astype(np.int32) - RESCALE_INTERCEPT_HU).astype("<u2")
            dataset.PixelData = stored.tobytes()
            path = folder / f"slice_{k + 1:04d}.dcm"
            dataset.save_as(path, enforce_file_format=True)
            paths.append(path)
            if progress is not None:
                progress(k + 1, slices)
    except OSError as error:
        raise SeriesError(
            f"the series cannot be written: {error.strerror or error}",
            place=str(folder),
            remedy="choose another folder",
        ) from error
    return paths


def _derived_uid(root: str, part: str) -> str:
    """A UID under 2.25 (PS3.5 B.2) that depends on nothing but its arguments."""
    digest = hashlib.sha256(f"{root}|{part}".encode()).digest()[:16]
    return f"2.25.{uuid.UUID(bytes=digest, version=4).int}"


def _slice_dataset(
    root: str,
    k: int,
    position_lps_mm: tuple[float, float, float],
    spacing_kji_mm: tuple[float, float, float],
    bits_stored: int,
    windows: Sequence[tuple[float, float]],
) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian
    from pydicom.valuerep import DSfloat

    def decimal(value: float) -> DSfloat:
        return DSfloat(float(value), auto_format=True)

    step_z, step_y, step_x = spacing_kji_mm
    dataset = Dataset()
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.MediaStorageSOPInstanceUID = UID(_derived_uid(root, f"instance {k}"))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = UID(_derived_uid("ctgaze", "implementation"))
    meta.ImplementationVersionName = "CTGAZE"
    dataset.file_meta = meta
    values: dict[str, Any] = {
        "SpecificCharacterSet": "ISO_IR 100",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "SOPClassUID": CTImageStorage,
        "SOPInstanceUID": meta.MediaStorageSOPInstanceUID,
        "StudyDate": "",
        "StudyTime": "",
        "AccessionNumber": "",
        "Modality": "CT",
        "Manufacturer": "CTGaze",
        "ManufacturerModelName": "procedural thorax",
        "ReferringPhysicianName": "",
        "StudyDescription": "CTGaze demo",
        "PatientName": PATIENT_NAME,
        "PatientID": PATIENT_ID,
        "PatientBirthDate": "",
        "PatientSex": "",
        "PatientIdentityRemoved": "YES",
        "DeidentificationMethod": "Made by a program, no person was scanned",
        "BodyPartExamined": "CHEST",
        "SliceThickness": decimal(step_z),
        "KVP": "120",
        "SpacingBetweenSlices": decimal(step_z),
        "ConvolutionKernel": "STANDARD",
        "PatientPosition": "HFS",
        "StudyInstanceUID": _derived_uid(root, "study"),
        "SeriesInstanceUID": _derived_uid(root, "series"),
        "StudyID": "1",
        "SeriesNumber": "1",
        "AcquisitionNumber": "1",
        "InstanceNumber": str(k + 1),
        "ImagePositionPatient": [decimal(value) for value in position_lps_mm],
        "ImageOrientationPatient": ["1", "0", "0", "0", "1", "0"],
        "FrameOfReferenceUID": _derived_uid(root, "frame of reference"),
        "PositionReferenceIndicator": "",
        "SliceLocation": decimal(position_lps_mm[2]),
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        "PixelSpacing": [decimal(step_y), decimal(step_x)],
        "BitsAllocated": 16,
        "BitsStored": bits_stored,
        "HighBit": bits_stored - 1,
        "PixelRepresentation": 0,
        "BurnedInAnnotation": "NO",
        "RescaleIntercept": str(RESCALE_INTERCEPT_HU),
        "RescaleSlope": "1",
        "RescaleType": "HU",
    }
    if windows:
        values["WindowCenter"] = [decimal(centre) for centre, _ in windows]
        values["WindowWidth"] = [decimal(width) for _, width in windows]
    for keyword, value in values.items():
        setattr(dataset, keyword, value)
    return dataset
