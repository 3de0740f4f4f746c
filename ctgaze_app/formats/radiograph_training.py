"""Training cases out of the chest X-ray eye-gaze tables: radiographs by path, the sheet's labels, recorded gaze."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ctgaze_app.formats.contract import FormatError, at, checked_options
from ctgaze_app.formats.egd import FORMAT, STORED, read_egd
from ctgaze_app.formats.egd_tables import SHEET_FILE
from models.datasets.picture_case import PictureCase, PictureGaze
from models.datasets.picture_files import DICOM_SUFFIXES, PICTURE_SUFFIXES, read_picture
from models.errors import ModelError
from models.volumes import PictureVolume

if TYPE_CHECKING:
    from ctgaze_app.formats.dataset import CaseRecord
    from models.gaze_classifier.config import EgdSource
    from models.scanpath import Scanpath

LABELS = ("Normal", "CHF", "pneumonia")
"""As the sheet's columns are called; the last in lower case."""
ORIGIN = "egd"
ASPECT_TOLERANCE = 0.02
_SAYS: Mapping[str, int] = {"1": 1, "1.0": 1, "0": 0, "0.0": 0, "": 0}


def cases_of_source(source: EgdSource) -> list[PictureCase]:
    """The cases of a configuration's source."""
    return radiograph_cases_from_egd(source.folder, source.pictures, source.options)


def radiograph_cases_from_egd(folder: Path, pictures: Path, options: Mapping[str, str]) -> list[PictureCase]:
    """One case a radiograph that was looked at, with the labels of `LABELS`; calibration targets are left out.

    Of a picture that was shown twice the first showing counts. Pictures are opened when a case is loaded; only the
    names of their files are looked up here.

    Parameters
    ----------
    folder
        With the tables.
    pictures
        Folder of the radiographs: below it the sheet's path, or ``<dicom_id>`` as DICOM or as a picture.
    options
        Of `formats.egd`; positions are taken as stored unless declared otherwise.

    Raises
    ------
    FormatError
        As `formats.egd`; a label that is neither 1, 0 nor blank, a radiograph that is not there, or none at all.
    """
    folder, pictures = Path(folder), Path(pictures)
    if not pictures.is_dir():
        raise FormatError(
            "there is no such folder of radiographs", place=at(pictures), remedy="name it in the source as pictures"
        )
    chosen = checked_options({"display": STORED, **options}, FORMAT.read_options, FORMAT.name, configured=True)
    dataset = read_egd(folder, chosen)
    gaze: dict[str, Scanpath] = {}
    for path in dataset.scanpaths():
        gaze.setdefault(path.case, path)
    found = [
        _case(record, _file_of(record, pictures), gaze.get(record.case), folder)
        for record in dataset.cases
        if record.attributes.get("picture") != "calibration"
    ]
    if not found:
        raise FormatError("no radiograph was looked at", place=at(folder), remedy="name the folder of the whole set")
    return found


def _case(record: CaseRecord, file: Path, path: Scanpath | None, folder: Path) -> PictureCase:
    _, rows, columns = record.shape_kji
    seen = None
    if path is not None and len(path):
        shares = (path.voxel_ijk[:, :2] + 0.5) / (columns, rows)
        seen = PictureGaze(shares, path.duration_s, path.onset_s, path.who)
    return PictureCase(
        case=record.case,
        patient=record.patient or record.case,
        origin=ORIGIN,
        place=f"{at(folder)}, {record.case}",
        load=partial(_load, file, record.case, record.patient or record.case, columns / rows),
        gaze=seen,
        labels={name: _label(record, name, folder) for name in LABELS},
    )


def _label(record: CaseRecord, name: str, folder: Path) -> int:
    said = record.attributes.get(name, "").strip()
    if said not in _SAYS:
        raise FormatError(
            f"{said[:40]!r} is neither 1, 0 nor blank",
            place=f"{at(folder / SHEET_FILE)}, {record.case}, column {name}",
            remedy="correct it",
        )
    return _SAYS[said]


def _file_of(record: CaseRecord, pictures: Path) -> Path:
    named = record.attributes.get("path", "").strip()
    places = [Path(named)] if named else []
    places += [Path(f"{record.case}{suffix}") for suffix in (*DICOM_SUFFIXES, *PICTURE_SUFFIXES)]
    for place in places:
        # A sheet must not lead out of the folder that the user named.
        if not place.is_absolute() and ".." not in place.parts and (pictures / place).is_file():
            return pictures / place
    raise FormatError(
        f"no radiograph of picture {record.case}",
        place=at(pictures),
        remedy=f"it may lie there as {record.case}.dcm or .png",
    )


def _load(file: Path, case: str, patient: str, aspect: float) -> PictureVolume:
    """The picture, when its sides have the proportion of the one that was looked at."""
    picture = read_picture(file, case=case, patient=patient, colour=False)
    _, rows, columns = picture.shape_kji
    if abs(columns / rows / aspect - 1) > ASPECT_TOLERANCE:
        raise ModelError(
            f"{columns} x {rows} pixels are another picture than the one that was looked at",
            place=file.name,
            remedy="take the radiograph as the data set has it, neither cropped nor turned",
        )
    return picture
