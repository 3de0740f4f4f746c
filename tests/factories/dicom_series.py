"""Synthetic DICOM series with one chosen fault each: shuffled, missing, duplicate, padded, tilted, compressed and more.

Slices are numbered as the application shows them: slice 0 is the most superior (axial), anterior (coronal) or right
(sagittal) one, so that expected geometry can be written down without looking at the code under test.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom import uid
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.valuerep import DSfloat

SYNTAXES = {
    "explicit": uid.ExplicitVRLittleEndian,
    "implicit": uid.ImplicitVRLittleEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
    "big_endian": uid.ExplicitVRBigEndian,
    "rle": uid.RLELossless,
    "j2k": uid.JPEG2000Lossless,
    "jpeg_ls": uid.JPEGLSLossless,
}
ORIENTATIONS = {  # row direction, column direction, and the way from slice 0 to slice 1, all LPS
    "axial": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0)),
    "coronal": ((1.0, 0.0, 0.0), (0.0, 0.0, -1.0), (0.0, 1.0, 0.0)),
    "sagittal": ((0.0, 1.0, 0.0), (0.0, 0.0, -1.0), (1.0, 0.0, 0.0)),
}
NUMBER_BLOCKS = 12  # bright, dark, then ten bits of the slice number, least significant first


def slice_number_hu(slice_number: int, rows: int, columns: int) -> NDArray[np.int16]:
    """An image that says which slice it is: every pixel 10 x number HU, and a bar code along the top eighth.

    The bar code is `NUMBER_BLOCKS` blocks of 1000 HU (one) or -1000 HU (zero): one, zero, then ten bits. It survives
    any window and scaling that `read_slice_number` is likely to meet; the first block marks the top left corner.
    """
    image = np.full((rows, columns), 10 * slice_number, dtype=np.int16)
    bits = [1, 0] + [(slice_number >> bit) & 1 for bit in range(NUMBER_BLOCKS - 2)]
    edges = [round(columns * n / NUMBER_BLOCKS) for n in range(NUMBER_BLOCKS + 1)]
    for bit, left, right in zip(bits, edges, edges[1:], strict=False):
        image[: rows // 8, left:right] = 1000 if bit else -1000
    return image


def read_slice_number(image: NDArray[Any]) -> int:
    """Slice number of a shown `slice_number` image: the whole slice [row, column] at any scale, in HU or grey levels.

    Raises
    ------
    ValueError
        When the first two blocks are not told apart: this is no such image, or a window hides the code.
    """
    row = image.shape[0] // 16
    centres = [int(image.shape[1] * (n + 0.5) / NUMBER_BLOCKS) for n in range(NUMBER_BLOCKS)]
    values = [float(image[row, column]) for column in centres]
    if values[0] == values[1]:
        raise ValueError("no slice number in this image")
    middle = (values[0] + values[1]) / 2
    rising = values[0] > values[1]
    return sum(1 << n for n, value in enumerate(values[2:]) if (value > middle) == rising)


def noise_hu(slice_number: int, rows: int, columns: int) -> NDArray[np.int16]:
    """Seeded soft-tissue-like noise inside a body-like ellipse, air outside; different in every slice."""
    rng = np.random.default_rng(1000 + slice_number)
    y, x = np.mgrid[0:rows, 0:columns]
    body = ((x - columns * 0.5) / (columns * 0.42)) ** 2 + ((y - rows * 0.55) / (rows * 0.35)) ** 2 < 1
    image = np.where(body, 40 + rng.normal(0, 20, (rows, columns)), -1000 + rng.normal(0, 8, (rows, columns)))
    return np.clip(np.rint(image), -1024, 3000).astype(np.int16)


def field_of_view(rows: int, columns: int) -> NDArray[np.bool_]:
    """True inside the circular field of view that `padding` leaves."""
    y, x = np.mgrid[0:rows, 0:columns]
    return ((x - (columns - 1) / 2) / (columns / 2)) ** 2 + ((y - (rows - 1) / 2) / (rows / 2)) ** 2 <= 1


def slice_positions(
    slices: int,
    *,
    orientation: str = "axial",
    distance: float = 2.0,
    first_position: Sequence[float] = (-20.0, -30.0, 100.0),
    tilt_deg: float = 0.0,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Positions (K, 3) in shown order, row direction and column direction (LPS) of such a series.

    With a tilt the gantry leans about the patient's x axis while the table moves along z: `distance` is the table step.
    """
    row, column, step = (np.array(v, dtype=float) for v in ORIENTATIONS[orientation])
    if tilt_deg:
        angle = np.deg2rad(tilt_deg)
        column = np.array([0.0, np.cos(angle), -np.sin(angle)])
    return np.array(first_position) + np.arange(slices)[:, None] * distance * step, row, column


def write_series(
    folder: Path,
    *,
    slices: int = 20,
    rows: int = 64,
    columns: int = 64,
    spacing: tuple[float, float] = (0.7, 0.7),
    thickness: float = 2.0,
    distance: float | None = None,
    orientation: Literal["axial", "coronal", "sagittal"] = "axial",
    first_position: Sequence[float] = (-20.0, -30.0, 100.0),
    positions: NDArray[np.float64] | None = None,
    tilt_deg: float = 0.0,
    jitter_mm: float = 0.0,
    pixels: Literal["noise", "slice_number"] | Callable[[int, int, int], NDArray[Any]] | NDArray[Any] = "noise",
    slope: float = 1.0,
    intercept: float = -1024.0,
    signed: bool = False,
    syntax: str = "explicit",
    photometric: Literal["MONOCHROME1", "MONOCHROME2"] = "MONOCHROME2",
    padding_stored: int | None = None,
    padding_range_stored: int | None = None,
    padding_declared: bool = True,
    windows: Sequence[tuple[float, float]] = ((40.0, 400.0),),
    missing: Sequence[int] = (),
    duplicated: Sequence[int] = (),
    duplicates_differ: bool = False,
    shuffled: bool = False,
    instance_numbers: Literal["increasing", "decreasing", "equal"] = "increasing",
    prefix: str = "IM",
    seed: int = 0,
    series: int = 1,
    series_uid: str | None = None,
    modality: str = "CT",
    tags: Mapping[str, Any] | None = None,
    without: Sequence[str] = (),
) -> list[Path]:
    """Write one synthetic series and return its files in shown order (extra copies last).

    Parameters
    ----------
    spacing
        DICOM PixelSpacing: (mm between rows, mm between columns).
    distance
        Millimetres from slice to slice (default `thickness`); with `tilt_deg` the table step.
    positions
        (K, 3) LPS mm in shown order, instead of the regular ones.
    jitter_mm
        Half width of a seeded uniform error on each slice position, along the stack.
    pixels
        ``"noise"``, ``"slice_number"`` (`slice_number_hu`), a function (slice, rows, columns) -> HU, or HU [k, j, i].
    padding_stored, padding_range_stored
        Stored value written outside the circular field of view, and the declared end of its range; `padding_declared`
        False leaves PixelPaddingValue out.
    missing, duplicated
        Slices left out; slices written twice (`duplicates_differ` changes the copy's pixels).
    shuffled
        File names in seeded random order.
    series
        Number that makes the series UID, unless `series_uid` gives it ("" writes an empty one).
    tags, without
        DICOM keywords to set last (a value, or a function of the slice number), and to leave out.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    step = thickness if distance is None else distance
    regular, row_direction, column_direction = slice_positions(
        slices, orientation=orientation, distance=step, first_position=first_position, tilt_deg=tilt_deg
    )
    places = regular if positions is None else np.asarray(positions, dtype=float)
    if jitter_mm:
        along = (regular[-1] - regular[0]) / np.linalg.norm(regular[-1] - regular[0])
        places = places + rng.uniform(-jitter_mm, jitter_mm, (slices, 1)) * along
    wanted = [k for k in range(slices) if k not in set(missing)]
    written = [(k, 0) for k in wanted] + [(k, 1) for k in duplicated]
    names = rng.permutation(len(written)) if shuffled else np.arange(len(written))
    files = []
    for (k, copy), name in zip(written, names, strict=True):
        hu = _slice_hu(pixels, k, rows, columns)
        stored = np.rint((hu.astype(float) - intercept) / slope)
        if copy and duplicates_differ:
            stored[rows // 2, columns // 2] += 50
        if padding_stored is not None:
            stored[~field_of_view(rows, columns)] = padding_stored
        number = {"increasing": k + 1, "decreasing": slices - k, "equal": 1}[instance_numbers]
        dataset = _dataset(f"{series}.{k}.{copy}.{seed}", SYNTAXES[syntax], stored, signed)
        dataset.Modality = modality
        dataset.StudyInstanceUID = uid.generate_uid(entropy_srcs=["study"])
        dataset.SeriesInstanceUID = uid.generate_uid(entropy_srcs=["series", str(series)])
        if series_uid is not None:
            dataset.SeriesInstanceUID = series_uid
        dataset.SeriesNumber = series
        dataset.FrameOfReferenceUID = uid.generate_uid(entropy_srcs=["frame"])
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
        dataset.PatientPosition = "HFS"
        dataset.AcquisitionNumber = 1
        dataset.InstanceNumber = number
        dataset.ImagePositionPatient = [_decimal(v) for v in places[k]]
        dataset.ImageOrientationPatient = [_decimal(v) for v in (*row_direction, *column_direction)]
        dataset.PixelSpacing = [_decimal(v) for v in spacing]
        dataset.SliceThickness = _decimal(thickness)
        dataset.RescaleIntercept = _decimal(intercept)
        dataset.RescaleSlope = _decimal(slope)
        dataset.RescaleType = "HU"
        dataset.PhotometricInterpretation = photometric
        if windows:
            dataset.WindowCenter = [_decimal(centre) for centre, _ in windows]
            dataset.WindowWidth = [_decimal(width) for _, width in windows]
        if padding_stored is not None and padding_declared:
            dataset.add_new("PixelPaddingValue", "SS" if signed else "US", padding_stored)
            if padding_range_stored is not None:
                dataset.add_new("PixelPaddingRangeLimit", "SS" if signed else "US", padding_range_stored)
        for keyword, value in (tags or {}).items():
            setattr(dataset, keyword, value(k) if callable(value) else value)
        for keyword in without:
            if keyword in dataset:
                delattr(dataset, keyword)
        files.append(_save(dataset, folder / f"{prefix}{int(name) + 1:04d}.dcm", SYNTAXES[syntax]))
    return files


def _slice_hu(pixels: Any, k: int, rows: int, columns: int) -> NDArray[Any]:
    if isinstance(pixels, np.ndarray):
        return pixels[k]
    maker = {"noise": noise_hu, "slice_number": slice_number_hu}.get(pixels, pixels)
    return maker(k, rows, columns)


def _decimal(value: float) -> DSfloat:
    return DSfloat(float(value), auto_format=True)


def _dataset(name: str, syntax: uid.UID, stored: NDArray[np.float64], signed: bool) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uid.CTImageStorage
    meta.MediaStorageSOPInstanceUID = uid.generate_uid(entropy_srcs=[name])
    meta.TransferSyntaxUID = uid.ExplicitVRLittleEndian if syntax.is_encapsulated else syntax
    dataset = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    dataset.SOPClassUID = meta.MediaStorageSOPClassUID
    dataset.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    dataset.PatientName = "Phantom^Synthetic"
    dataset.PatientID = "SYNTHETIC"
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit = 15
    dataset.PixelRepresentation = int(signed)
    kind = np.dtype(np.int16 if signed else np.uint16)
    limits = np.iinfo(kind)
    clipped = np.clip(stored, limits.min, limits.max).astype(kind)
    dataset.PixelData = clipped.astype(
        kind.newbyteorder("<" if meta.TransferSyntaxUID.is_little_endian else ">")
    ).tobytes()
    dataset["PixelData"].VR = "OW"
    return dataset


def _save(dataset: FileDataset, path: Path, syntax: uid.UID) -> Path:
    if syntax.is_encapsulated:
        dataset.compress(syntax, generate_instance_uid=False)
    pydicom.dcmwrite(path, dataset, enforce_file_format=True)
    return path
