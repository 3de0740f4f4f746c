"""The one door to lesion truth: recognises the format by its signature and reads it into regions of a volume."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.truth.contract import TruthError, TruthFormat, filled_options
from ctgaze_app.ct.volume import Volume

TRUTH_FORMATS = ("dicom_sr", "lidc_xml", "boxes_csv", "dicom_seg", "nifti_mask")


def truth_format(name: str) -> TruthFormat:
    """The format of that name.

    Raises
    ------
    TruthError
        When there is none.
    """
    if name not in TRUTH_FORMATS:
        raise TruthError(f"there is no truth format {name}", remedy=f"choose one of {', '.join(TRUTH_FORMATS)}")
    found: TruthFormat = importlib.import_module(f"ctgaze_app.ct.truth.{name}").FORMAT
    return found


def recognised_format(path: Path) -> str:
    """The format that the file's own signature names.

    Raises
    ------
    TruthError
        When it is none of ours or cannot be read.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise TruthError("cannot be read", place=path.name, remedy="choose a truth file that is there") from error
    lower = path.name.lower()
    if head[128:132] == b"DICM":
        from ctgaze_app.ct.truth.dicom_sr import read_dicom

        kind = str(read_dicom(path).get("Modality", ""))
        if kind in ("SR", "SEG"):
            return f"dicom_{kind.lower()}"
        raise TruthError(
            f"is DICOM of the kind {kind or 'unknown'}", place=path.name, remedy="choose an SR or SEG file"
        )
    if lower.endswith((".nii", ".nii.gz", ".hdr", ".img")):
        return "nifti_mask"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        return "lidc_xml"
    if lower.endswith((".csv", ".tsv", ".txt")):
        return "boxes_csv"
    raise TruthError(
        "is no truth file that is known here", place=path.name, remedy=f"name its format: {', '.join(TRUTH_FORMATS)}"
    )


def read_truth(
    path: Path, volume: Volume, *, format: str | None = None, options: Mapping[str, str] | None = None
) -> tuple[LabelledRegion, ...]:
    """Lesions, organs or other regions of a truth file as voxels of this volume.

    Parameters
    ----------
    format
        One of `TRUTH_FORMATS`; None takes what the file's own signature says.
    options
        What the file does not say itself, by name; `truth_format(name).options` lists them.

    Returns
    -------
    Regions with unique names; at least one.

    Raises
    ------
    TruthError
        One line with the file's name, the place in it and a remedy: not that format, broken, an option that must be
        declared, or the truth of another scan.
    """
    path = Path(path)
    chosen = truth_format(format if format is not None else recognised_format(path))
    if not path.is_file():
        raise TruthError("this file is missing", place=path.name, remedy="restore it from a copy")
    return chosen.read(path, volume, filled_options(options or {}, chosen, path))
