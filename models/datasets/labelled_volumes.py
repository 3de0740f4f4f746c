"""CT-RATE and Rad-ChestCT as they are published: a table of labels beside a folder of volumes.

Sources: CT-RATE's data card and CT-CLIP issues 28 and 50 (stored values in its first release, Hounsfield units in its
second); Rad-ChestCT's tables, whose lung extrema name its axes: superior first, anterior first, right first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from models.datasets.case import Part
from models.datasets.label_tables import read_labels, read_rows
from models.datasets.labelled_case import LabelledCase
from models.datasets.volume_arrays import read_npz_volume
from models.errors import ModelError
from models.nifti import read_nifti_volume
from models.volumes import CtVolume

CT_RATE_NAME = re.compile(r"(?P<part>train|valid)_(?P<patient>\d+)_(?P<scan>[a-z]+)_(?P<series>\d+)")
RAD_CHESTCT_NAME = re.compile(r"(?P<part>trn|val|tst)\d+")
RAD_CHESTCT_AXES = "IPL"
RAD_CHESTCT_SPACING_MM = 0.8
PARTS_OF: Mapping[str, Part] = {
    "train": "train", "valid": "test", "trn": "train", "val": "validation", "tst": "test",
}  # fmt: skip
"""CT-RATE's `valid` is what publications test on (reference: CT-Scroll, A5)."""

AIR_HU = (-1100.0, -500.0)
MOST_AIR = 0.05
"""Share of stored values, not yet rescaled, that may look like air."""


@dataclass(frozen=True)
class Rescale:
    """What the metadata of CT-RATE's first release say of a volume: its values, and its voxels' distance."""

    slope: float
    intercept: float
    spacing_ijk_mm: tuple[float, float, float]


def ct_rate_cases(labels: Path, volumes: Path, *, metadata: Path | None = None) -> list[LabelledCase]:
    """The volumes of CT-RATE that are in a folder, in the order of the table of labels.

    A volume ``train_1_a_2`` is patient ``train_1``; it lies in the folder itself or, as published, in
    ``train_1/train_1_a``, as ``.nii.gz``, ``.nii`` or ``.npz`` (S-L-P at 1.5 x 0.75 x 0.75 mm, as CT-Scroll's authors
    keep them). Rows without a file are left out.

    Parameters
    ----------
    labels
        CSV with ``VolumeName`` and a column of 1 and 0 for each label.
    metadata
        CSV with ``VolumeName``, ``RescaleSlope``, ``RescaleIntercept``, ``XYSpacing`` and ``ZSpacing``: only for the
        first release, whose files hold stored values. A file that holds Hounsfield units already is refused.

    Raises
    ------
    ModelError
        A table that is none, names of no CT-RATE volume, no file at all.
    """
    names, table = read_labels(labels, "VolumeName")
    rescale = {} if metadata is None else _rescales(metadata)
    cases = []
    for name, values in table.items():
        code = name.removesuffix(".gz").removesuffix(".nii").removesuffix(".npz")
        match = CT_RATE_NAME.fullmatch(code)
        if match is None:
            raise ModelError(f"{name[:60]!r} is no volume of CT-RATE", place=str(labels), remedy="such as train_1_a_1")
        patient = f"{match['part']}_{match['patient']}"
        scan = f"{patient}_{match['scan']}"
        path = _first(volumes, (f"{patient}/{scan}/{code}", code), (".nii.gz", ".nii", ".npz"))
        if path is None:
            continue
        if metadata is not None and code not in rescale:
            raise ModelError(f"holds no row of {code}", place=str(metadata), remedy="give the table of this release")
        cases.append(
            LabelledCase(
                case=code,
                patient=patient,
                origin="ct-rate",
                place=str(path),
                labels=dict(zip(names, values, strict=True)),
                load=partial(_load_ct_rate, path, code, patient, rescale.get(code)),
                declared_part=PARTS_OF[match["part"]],
            )
        )
    return _some(cases, labels, volumes)


def rad_chestct_cases(
    labels: Path, volumes: Path, *, metadata: Path | None = None, names: Mapping[str, str] | None = None
) -> list[LabelledCase]:
    """The volumes of Rad-ChestCT that are in a folder, in the order of the table of labels.

    A volume is an array ``ct`` in ``trn00001.npz``: superior to inferior, anterior to posterior, right to left, 0.8 mm
    apart, Hounsfield units. Columns ``nodule*left_lung`` of one abnormality at several places become one label.

    Parameters
    ----------
    labels
        CSV with ``NoteAcc_DEID`` and a column of 1 and 0 for each label.
    metadata
        CSV with ``NoteAcc_DEID`` and ``MRN_DEID``: whose scan each is. Without it every scan is a patient of its own;
        the data set's parts share no patient, so that `split_as_declared` stays right.
    names
        Its labels that are wanted and what they are called here; all by default.

    Raises
    ------
    ModelError
        A table that is none, names of no Rad-ChestCT volume, no file at all.
    """
    columns, table = read_labels(labels, "NoteAcc_DEID")
    kept = {column: column for column in columns} if not names else dict(names)
    unknown = [column for column in kept if column not in columns]
    if unknown:
        raise ModelError(f"has no label {unknown[0][:60]!r}", place=str(labels), remedy="correct the names")
    whose = {} if metadata is None else {row["NoteAcc_DEID"]: row["MRN_DEID"] for row in _patients(metadata)}
    cases = []
    for code, values in table.items():
        match = RAD_CHESTCT_NAME.fullmatch(code)
        if match is None:
            raise ModelError(f"{code[:60]!r} is no volume of Rad-ChestCT", place=str(labels), remedy="such as trn00001")
        path = _first(volumes, (code,), (".npz",))
        if path is None:
            continue
        if metadata is not None and code not in whose:
            raise ModelError(f"holds no row of {code}", place=str(metadata), remedy="give the data set's own table")
        patient = whose.get(code, code)
        found = dict(zip(columns, values, strict=True))
        cases.append(
            LabelledCase(
                case=code,
                patient=patient,
                origin="rad-chestct",
                place=str(path),
                labels={name: found[column] for column, name in kept.items()},
                load=partial(
                    read_npz_volume, path, axes=RAD_CHESTCT_AXES, spacing_mm=(RAD_CHESTCT_SPACING_MM,) * 3,
                    case=code, patient=patient,
                ),
                declared_part=PARTS_OF[match["part"]],
            )
        )  # fmt: skip
    return _some(cases, labels, volumes)


def _first(folder: Path, stems: tuple[str, ...], suffixes: tuple[str, ...]) -> Path | None:
    paths = (Path(folder) / f"{stem}{suffix}" for stem in stems for suffix in suffixes)
    return next((path for path in paths if path.is_file()), None)


def _some(cases: list[LabelledCase], labels: Path, volumes: Path) -> list[LabelledCase]:
    if not cases:
        raise ModelError(
            f"holds no volume that {Path(labels).name} names", place=str(volumes), remedy="name the volumes' folder"
        )
    return cases


def _load_ct_rate(path: Path, case: str, patient: str, rescale: Rescale | None) -> CtVolume:
    if path.suffix == ".npz":
        return read_npz_volume(path, axes="SLP", spacing_mm=(1.5, 0.75, 0.75), case=case, patient=patient)
    volume = read_nifti_volume(path, case, patient)
    return volume if rescale is None else rescaled(volume, rescale, place=str(path))


def rescaled(volume: CtVolume, rescale: Rescale, *, place: str) -> CtVolume:
    """Stored values as Hounsfield units, at the metadata's spacing.

    Raises
    ------
    ModelError
        When the values look like Hounsfield units already: rescaled twice they would mean nothing.
    """
    values = volume.hu_kji
    seen = values[::4, ::4, ::4]
    air = float(((seen >= AIR_HU[0]) & (seen <= AIR_HU[1])).mean())
    if air > MOST_AIR and rescale.intercept <= AIR_HU[1]:
        raise ModelError(
            f"{100 * air:.0f} % of its values look like air in Hounsfield units; an intercept of {rescale.intercept:g} "
            "would rescale it twice",
            place=place,
            remedy="give no metadata for the release that is rescaled already",
        )
    affine = volume.affine_lps.copy()
    affine[:3, :3] *= np.array(rescale.spacing_ijk_mm) / np.linalg.norm(affine[:3, :3], axis=0)
    hu = values.astype(np.float32) * np.float32(rescale.slope) + np.float32(rescale.intercept)
    return CtVolume(hu, affine, volume.case, volume.patient)


def _rescales(path: Path) -> dict[str, Rescale]:
    found = {}
    for number, row in enumerate(
        read_rows(path, ("VolumeName", "RescaleSlope", "RescaleIntercept", "XYSpacing", "ZSpacing")), start=2
    ):
        try:
            in_plane = [float(text) for text in row["XYSpacing"].strip("[]() ").split(",")]
            slope, intercept, along = (float(row[name]) for name in ("RescaleSlope", "RescaleIntercept", "ZSpacing"))
        except ValueError as error:
            raise ModelError(
                "holds a slope, intercept or spacing that is no number", place=f"{path}, row {number}",
                remedy="restore it from a copy",
            ) from error  # fmt: skip
        spacing = (in_plane[0], in_plane[-1], along)
        if not np.isfinite([slope, intercept, *spacing]).all() or min(slope, *spacing) <= 0:
            raise ModelError(
                "holds a slope or spacing that cannot be", place=f"{path}, row {number}",
                remedy="restore it from a copy",
            )  # fmt: skip
        code = row["VolumeName"].removesuffix(".gz").removesuffix(".nii")
        found[code] = Rescale(slope, intercept, spacing)
    return found


def _patients(path: Path) -> list[dict[str, str]]:
    return read_rows(path, ("NoteAcc_DEID", "MRN_DEID"))
