"""Picture sets as GazeMedSeg lays them out: Kvasir-SEG photographs and NCI-ISBI prostate slices, with their fixations.

``images/``, ``masks/`` (may be missing: masks serve evaluation only), ``train.txt`` and ``test.txt`` (one name without
extension a line), and the fixation CSV beside them or in ``gaze/``.
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np

from models.datasets.case import Part
from models.datasets.fixation_table import TableGaze, read_fixation_table
from models.datasets.picture_case import PictureCase
from models.datasets.picture_files import DICOM_SUFFIXES, PICTURE_SUFFIXES, read_mask, read_picture
from models.errors import ModelError
from models.volumes import PictureVolume

LISTS: tuple[tuple[Part, str], ...] = (("train", "train.txt"), ("test", "test.txt"))
NCI_PATIENT = re.compile(r"Prostate(?:Dx|3T)-\d{2}-\d{4}")
NUMBER_AT_END = re.compile(r"[-_. ]?\d+$")
PatientOf = Callable[[str], str]


def kvasir_cases(root: Path, fixations: Path | None = None) -> list[PictureCase]:
    """Photographs; each is a patient of its own, because the data set does not say whose it is.

    Parameters
    ----------
    fixations
        The CSV; None: the only one in ``gaze/`` or the folder itself.

    Raises
    ------
    ModelError
        When folder, lists, pictures or table do not fit together. A picture that cannot be read is told when loaded.
    """
    return _cases(Path(root), fixations, PICTURE_SUFFIXES, "kvasir-seg", colour=True, patient_of=lambda name: name)


def prostate_cases(root: Path, fixations: Path | None = None, patient_of: PatientOf | None = None) -> list[PictureCase]:
    """Slices (DICOM, or pictures), those of one patient together and in order of place along the patient.

    The table names them ``.jpg`` whatever they are.

    Parameters
    ----------
    fixations
        As `kvasir_cases`.
    patient_of
        Patient from a slice's name; None: the data set's own code in it, else the name without the number at its end.

    Raises
    ------
    ModelError
        As `kvasir_cases`.
    """
    cases = _cases(
        Path(root), fixations, (*DICOM_SUFFIXES, *PICTURE_SUFFIXES), "nci-isbi",
        colour=False, patient_of=patient_of or patient_in_name,
    )  # fmt: skip
    places = {case.case: _along_patient(Path(case.place)) for case in cases}
    order = {patient: number for number, patient in enumerate(dict.fromkeys(case.patient for case in cases))}
    return sorted(cases, key=lambda case: (order[case.patient], places[case.case], _natural(case.case)))


def patient_in_name(name: str) -> str:
    """``ProstateDx-01-0001`` of ``ProstateDx-01-0001_07``; of any other name all but the number at its end."""
    known = NCI_PATIENT.search(name)
    return known[0] if known else NUMBER_AT_END.sub("", name) or name


def pictures_in(folder: Path, suffixes: tuple[str, ...]) -> dict[str, Path]:
    """Pictures of a folder by name without extension, in natural order.

    Raises
    ------
    ModelError
        When it is no folder, or two pictures differ only in their extension.
    """
    if not folder.is_dir():
        raise ModelError("there is no such folder", place=str(folder), remedy="name the folder of the pictures")
    found: dict[str, Path] = {}
    for path in sorted((each for each in folder.iterdir() if each.is_file()), key=lambda each: _natural(each.name)):
        if path.suffix.lower() not in suffixes or path.name.startswith("."):
            continue
        if path.stem in found:
            raise ModelError(
                f"{path.name} and {found[path.stem].name} differ only in their extension",
                place=str(folder),
                remedy="rename one of them",
            )
        found[path.stem] = path
    return found


def picture_case(
    path: Path,
    table: TableGaze | None,
    mask: Path | None,
    *,
    patient: str,
    origin: str,
    colour: bool | None,
    part: Part | None = None,
) -> PictureCase:
    """A case of files; that picture, table and mask have one size is checked when they are loaded."""
    return PictureCase(
        case=path.stem,
        patient=patient,
        origin=origin,
        place=str(path),
        load=partial(_load, path, table, patient, colour),
        gaze=table.gaze if table is not None else None,
        load_mask=None if mask is None else partial(read_mask, mask),
        declared_part=part,
    )


def _load(path: Path, table: TableGaze | None, patient: str, colour: bool | None) -> PictureVolume:
    picture = read_picture(path, case=path.stem, patient=patient, colour=colour)
    _, rows, columns = picture.shape_kji
    if table is not None and (columns, rows) != (table.width_px, table.height_px):
        raise ModelError(
            f"has {columns} x {rows} pixels, its fixations were made on {table.width_px} x {table.height_px}",
            place=path.name,
            remedy="use the picture that was looked at",
        )
    return picture


def _cases(
    root: Path, fixations: Path | None, suffixes: tuple[str, ...], origin: str, *, colour: bool, patient_of: PatientOf
) -> list[PictureCase]:
    images = pictures_in(root / "images", suffixes)
    if not images:
        raise ModelError("holds no picture", place=str(root / "images"), remedy=f"expected: {', '.join(suffixes)}")
    masks = pictures_in(root / "masks", PICTURE_SUFFIXES) if (root / "masks").is_dir() else {}
    tables = read_fixation_table(fixations or _only_table(root))
    parts = _parts(root)
    for name in (*parts, *tables):
        if name not in images:
            raise ModelError(f"picture {name[:60]} is not there", place=str(root / "images"), remedy="add it")
    chosen = parts or dict.fromkeys(images)
    return [
        picture_case(
            images[name], tables.get(name), masks.get(name),
            patient=patient_of(name), origin=origin, colour=colour, part=part,
        )
        for name, part in chosen.items()
    ]  # fmt: skip


def _only_table(root: Path) -> Path:
    for folder in (root / "gaze", root):
        found = sorted(folder.glob("*.csv")) if folder.is_dir() else []
        if len(found) == 1:
            return found[0]
        if found:
            raise ModelError(
                f"holds {len(found)} CSV files", place=str(folder), remedy="name the one with the fixations"
            )
    raise ModelError("holds no CSV with fixations", place=str(root), remedy="put it in the folder gaze, or name it")


def _parts(root: Path) -> Mapping[str, Part]:
    """Part of each listed picture, in the order of the lists; empty without lists."""
    found: dict[str, Part] = {}
    for part, name in LISTS:
        path = root / name
        if not path.is_file():
            continue
        try:
            listed = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"cannot be read: {error}", place=str(path)) from error
        for each in listed:
            if each in found:
                raise ModelError(f"{each[:60]} is listed twice", place=str(path), remedy="list each picture once")
            found[each] = part
    return found


def _along_patient(path: Path) -> tuple[float, float]:
    """(millimetres along the slices' normal, instance number) of a DICOM slice; 0 where the header does not say."""
    if path.suffix.lower() not in DICOM_SUFFIXES:
        return 0.0, 0.0
    import pydicom
    from pydicom.errors import InvalidDicomError

    tags = ["ImageOrientationPatient", "ImagePositionPatient", "InstanceNumber"]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
            number = float(data.get("InstanceNumber", 0) or 0)
            turned = np.array(data.get("ImageOrientationPatient") or [], dtype=np.float64)
            origin = np.array(data.get("ImagePositionPatient") or [], dtype=np.float64)
    except (InvalidDicomError, OSError, ValueError, TypeError, KeyError) as error:
        raise ModelError("cannot be read as DICOM", place=str(path), remedy="restore it from a copy") from error
    if turned.size != 6 or origin.size != 3:
        return 0.0, number
    return float(np.cross(turned[:3], turned[3:]) @ origin), number


def _natural(name: str) -> tuple[tuple[int, str], ...]:
    """Sorts 2 before 10."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))
