"""What one DICOM file says about itself, read without its pixels, and the search for such files in a folder."""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pydicom
from pydicom import config
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.uid import DeflatedExplicitVRLittleEndian

from ctgaze_app.ct.voi_tables import StoredTable, read_voi_table
from ctgaze_app.ct.volume import VoiWindow
from ctgaze_app.errors import SeriesError

# Scanners and anonymisers write values that break the standard's letter (empty UIDs, long decimals). They are judged
# here, field by field; pydicom's own warning about each one would reach nobody.
config.settings.reading_validation_mode = config.IGNORE

_TAGS: list[Any] = [
    "SOPClassUID", "SOPInstanceUID", "Modality", "ImageType", "StudyInstanceUID", "SeriesInstanceUID", "SeriesNumber",
    "AcquisitionNumber", "InstanceNumber", "AcquisitionTime", "ContentTime", "ConvolutionKernel", "PatientPosition",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing", "SliceThickness", "SpacingBetweenSlices",
    "Rows", "Columns", "NumberOfFrames", "SamplesPerPixel", "PhotometricInterpretation", "BitsAllocated", "BitsStored",
    "HighBit", "PixelRepresentation", "PixelPaddingValue", "PixelPaddingRangeLimit", "RescaleSlope", "RescaleIntercept",
    "RescaleType", "WindowCenter", "WindowWidth", "VOILUTFunction", "WindowCenterWidthExplanation",
    "LossyImageCompression", "BurnedInAnnotation", "ImagerPixelSpacing", "NominalScannedPixelSpacing",
    "PatientOrientation", "VOILUTSequence", "ModalityLUTSequence", "PresentationLUTShape",
]  # fmt: skip
_CT_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
_NOT_PICTURES = ("SR", "PR", "KO", "SEG", "REG", "RTSTRUCT", "RTDOSE", "RTPLAN", "DOC", "PLAN")
_UNREADABLE = (
    InvalidDicomError, BytesLengthException, EOFError, ValueError, TypeError, KeyError, IndexError, AttributeError,
    NotImplementedError, OverflowError, RecursionError, zlib.error, struct.error,
)  # fmt: skip


class NotAnImageError(Exception):
    """A file is no DICOM image: `dicom` tells whether it is DICOM at all."""

    def __init__(self, *, dicom: bool) -> None:
        self.dicom = dicom
        super().__init__("not a DICOM image")


@dataclass(frozen=True)
class SliceHeader:
    """One single-frame image as its file describes it. Positions in LPS mm, spacing as DICOM (rows, columns).

    `pixel_offset` is the byte at which the PixelData element starts (-1: the file ends before it). `imager_spacing` is
    that of the detector or film, where the one in the patient is not stated; `row_letters` and `column_letters` are
    PatientOrientation (PS3.3 C.7.6.1.1.1); `voi_table` is None where `voi_lut` says that there is one that cannot be
    read; `presentation` is PresentationLUTShape. Identifying fields are kept out of `repr`.
    """

    path: Path = field(repr=False)
    sop_instance_uid: str = field(repr=False)
    study_uid: str = field(repr=False)
    series_uid: str = field(repr=False)
    transfer_syntax: str
    pixel_offset: int
    modality: str
    localizer: bool
    series_number: int
    acquisition_number: int | None
    instance_number: int | None
    acquisition_time: str = field(repr=False)
    content_time: str = field(repr=False)
    kernel: str
    patient_position: str
    position_lps_mm: tuple[float, float, float] | None
    orientation: tuple[float, ...] | None
    pixel_spacing: tuple[float, float] | None
    slice_distance_mm: float | None
    rows: int
    columns: int
    frames: int
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    padding_stored: tuple[int, int] | None
    slope: float | None
    intercept: float | None
    rescale_type: str
    windows: tuple[VoiWindow, ...]
    lossy: bool
    burned_in: bool
    imager_spacing: tuple[float, float] | None = None
    row_letters: str = ""
    column_letters: str = ""
    voi_lut: bool = False
    voi_table: StoredTable | None = None
    presentation: str = ""

    def without_rescale(self) -> SliceHeader:
        """The same with values as stored, its windows moved along; unchanged where the slope is below 0."""
        slope, intercept = self.slope or 1.0, self.intercept or 0.0
        if slope < 0:
            return self
        windows = (
            replace(each, centre=(each.centre - intercept) / slope, width=max(each.width / slope, 1.0))
            for each in self.windows
        )
        return replace(self, slope=None, intercept=None, windows=tuple(windows))

    @property
    def inverted(self) -> bool:
        """Whether a picture's least value is white: PresentationLUTShape (PS3.3 C.11.6) goes before MONOCHROME1."""
        return self.presentation == "INVERSE" if self.presentation else self.photometric == "MONOCHROME1"

    @property
    def colour(self) -> bool:
        """Whether its pixels are colours."""
        return self.samples != 1 or not self.photometric.startswith("MONOCHROME")


def find_files(path: Path | Sequence[Path]) -> list[Path]:
    """Files to look at: a file itself, everything below a folder, or the list as given; sorted, DICOMDIR left out.

    Raises
    ------
    SeriesError
        When a path does not exist or cannot be opened.
    """
    roots = [Path(path)] if isinstance(path, (str, Path)) else [Path(p) for p in path]
    found: set[Path] = set()
    for root in roots:
        try:
            if root.is_dir():
                found.update(p for p in root.rglob("*") if p.is_file() and not p.name.startswith("."))
            elif root.is_file():
                found.add(root)
            else:
                raise SeriesError(
                    "there is no such file or folder", place=str(root), remedy="choose a folder with a CT series"
                )
        except OSError as error:
            raise SeriesError(
                f"cannot be opened: {error.strerror}", place=str(root), remedy="check that you may read it"
            ) from error
    return sorted(p for p in found if p.name.upper() != "DICOMDIR")


def read_header(path: Path) -> SliceHeader:
    """Read one file up to its pixels.

    Raises
    ------
    NotAnImageError
        When the file is not DICOM, or DICOM without pictures (report, segmentation, ...).
    SeriesError
        When it is a CT image that is cut short before its size is known, or cannot be opened.
    """
    try:
        with path.open("rb") as file:
            if file.read(132)[128:] != b"DICM":
                raise NotAnImageError(dicom=False)
            file.seek(0)
            dataset = pydicom.dcmread(file, stop_before_pixels=True, specific_tags=_TAGS)
            offset = file.tell()
            if len(file.read(8)) < 8:
                offset = -1
    except OSError as error:
        raise SeriesError(
            f"cannot be read: {error.strerror or 'input error'}", place=str(path), remedy="check that you may read it"
        ) from error
    except _UNREADABLE as error:
        raise _broken(path) from error
    if dataset.file_meta.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian:
        offset = 0  # the file was inflated as a whole: its end says nothing about the pixels
    if dataset.get("Modality") in _NOT_PICTURES:
        raise NotAnImageError(dicom=True)
    try:
        return _header(path, dataset, offset)
    except _UNREADABLE as error:
        kind = dataset.file_meta.get("MediaStorageSOPClassUID")
        if dataset.get("Modality") == "CT" or kind is None or kind in _CT_CLASSES:
            raise _broken(path) from error
        raise NotAnImageError(dicom=True) from error


def _broken(path: Path) -> SeriesError:
    return SeriesError(
        "this DICOM file is cut short or broken in its header", place=str(path), remedy="copy it again from its source"
    )


def _header(path: Path, dataset: Dataset, offset: int) -> SliceHeader:
    position = _numbers(dataset.get("ImagePositionPatient"), 3)
    imager = dataset.get("ImagerPixelSpacing") or dataset.get("NominalScannedPixelSpacing")
    letters = [_text(part).upper() for part in _list(dataset.get("PatientOrientation"))]
    signed = int(dataset.get("PixelRepresentation") or 0) == 1
    bits_allocated = int(dataset.get("BitsAllocated") or 16)
    bits_stored = int(dataset.get("BitsStored") or bits_allocated)
    distance = _number(dataset.get("SpacingBetweenSlices")) or _number(dataset.get("SliceThickness"))
    return SliceHeader(
        path=path,
        sop_instance_uid=_text(dataset.get("SOPInstanceUID")),
        study_uid=_text(dataset.get("StudyInstanceUID")),
        series_uid=_text(dataset.get("SeriesInstanceUID")),
        transfer_syntax=_text(dataset.file_meta.get("TransferSyntaxUID")) or "1.2.840.10008.1.2",
        pixel_offset=offset,
        modality=_text(dataset.get("Modality")),
        localizer="LOCALIZER" in [str(part).upper() for part in _list(dataset.get("ImageType"))],
        series_number=_whole(dataset.get("SeriesNumber")) or 0,
        acquisition_number=_whole(dataset.get("AcquisitionNumber")),
        instance_number=_whole(dataset.get("InstanceNumber")),
        acquisition_time=_text(dataset.get("AcquisitionTime")),
        content_time=_text(dataset.get("ContentTime")),
        kernel="/".join(str(part) for part in _list(dataset.get("ConvolutionKernel"))),
        patient_position=_text(dataset.get("PatientPosition")),
        position_lps_mm=None if position is None else (position[0], position[1], position[2]),
        orientation=_numbers(dataset.get("ImageOrientationPatient"), 6),
        pixel_spacing=_spacing(dataset.get("PixelSpacing")),
        slice_distance_mm=abs(distance) if distance else None,
        rows=_size(dataset.get("Rows")),
        columns=_size(dataset.get("Columns")),
        frames=_whole(dataset.get("NumberOfFrames")) or 1,
        samples=int(dataset.get("SamplesPerPixel") or 1),
        photometric=_text(dataset.get("PhotometricInterpretation")) or "MONOCHROME2",
        bits_allocated=bits_allocated,
        bits_stored=bits_stored,
        high_bit=bits_stored - 1 if dataset.get("HighBit") is None else int(dataset["HighBit"].value),
        signed=signed,
        padding_stored=_padding(dataset, signed, bits_allocated),
        slope=_number(dataset.get("RescaleSlope")),
        intercept=_number(dataset.get("RescaleIntercept")),
        rescale_type=_text(dataset.get("RescaleType")),
        windows=_windows(dataset),
        lossy=_text(dataset.get("LossyImageCompression")) == "01",
        burned_in=_text(dataset.get("BurnedInAnnotation")).upper() == "YES",
        imager_spacing=_spacing(imager),
        row_letters=letters[0] if len(letters) == 2 else "",
        column_letters=letters[1] if len(letters) == 2 else "",
        voi_lut=bool(dataset.get("VOILUTSequence")),
        voi_table=read_voi_table(dataset, signed=signed),
        presentation=_text(dataset.get("PresentationLUTShape")).upper(),
    )


def _spacing(value: Any) -> tuple[float, float] | None:
    """Millimetres between rows and between columns; None when absent or not above zero."""
    numbers = _numbers(value, 2)
    return None if numbers is None or min(numbers) <= 0 else (numbers[0], numbers[1])


def _padding(dataset: Dataset, signed: bool, bits: int) -> tuple[int, int] | None:
    """First and last stored value that mean padding (PS3.3 C.7.5.1.1.2); a sign written with the wrong VR is undone."""
    value = _whole(dataset.get("PixelPaddingValue"))
    if value is None:
        return None
    limit = _whole(dataset.get("PixelPaddingRangeLimit"))
    ends = [value, value if limit is None else limit]
    span = 1 << bits
    ends = [(end + span // 2) % span - span // 2 if signed else end % span for end in ends]
    return min(ends), max(ends)


def _windows(dataset: Dataset) -> tuple[VoiWindow, ...]:
    centres = [_number(value) for value in _list(dataset.get("WindowCenter"))]
    widths = [_number(value) for value in _list(dataset.get("WindowWidth"))]
    names = [str(value) for value in _list(dataset.get("WindowCenterWidthExplanation"))]
    function = _text(dataset.get("VOILUTFunction")).upper()
    windows = []
    for n, (centre, width) in enumerate(zip(centres, widths, strict=False)):
        if centre is None or width is None or width <= 0:
            continue
        name = names[n] if n < len(names) else ""
        if function == "SIGMOID":
            windows.append(VoiWindow(centre, width, name, "SIGMOID"))
        elif function == "LINEAR_EXACT":
            windows.append(VoiWindow(centre, width, name, "LINEAR_EXACT"))
        else:
            windows.append(VoiWindow(centre, max(width, 1.0), name))
    return tuple(windows)


def _list(value: Any) -> list[Any]:
    if value is None or value == "":
        return []
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        return [value]
    return list(value)


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _number(value: Any) -> float | None:
    if value is None or value == "":
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def _numbers(value: Any, count: int) -> tuple[float, ...] | None:
    numbers = [_number(part) for part in _list(value)]
    finite = tuple(number for number in numbers if number is not None)
    return finite if len(finite) == count == len(numbers) else None


def _whole(value: Any) -> int | None:
    if value is None or value == "" or _list(value) == []:
        return None
    return int(_list(value)[0])


def _size(value: Any) -> int:
    size = int(value)
    if size < 1:
        raise ValueError("an image needs at least one pixel")
    return size
