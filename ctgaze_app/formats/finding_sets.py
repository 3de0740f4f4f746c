"""Writes made sets with findings in the field's layouts: CT-RATE's for volumes, GazeMedSeg's for slices, EGD's for
radiographs. Made, not recorded: `provenance.json` says so, with the command's numbers and the version.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.contract import FormatError
from ctgaze_app.formats.dataset import FIXATION_COLUMNS, CaseRecord, DataSet
from ctgaze_app.formats.egd_display import SCREEN_HEIGHT_PX, SCREEN_WIDTH_PX
from ctgaze_app.formats.egd_export import write_egd
from ctgaze_app.formats.gazemedseg import write_gazemedseg
from ctgaze_app.formats.written_files import json_bytes, write_files
from models.datasets.finding_cases import part_of_seed
from models.datasets.finding_files import finding_patient
from models.datasets.making import Progress, made_in_order
from models.simulation.findings import BASE, FINDINGS
from models.simulation.simulated_patients import PatientSettings

if TYPE_CHECKING:
    import pandas as pd

    from models.datasets.picture_case import PictureCase

PROVENANCE_FILE = "provenance.json"
LABELS_FILE = "labels.csv"
VOLUME_COLUMN = "VolumeName"
SCANNER = 1
"""NIfTI's code for coordinates of the scanner."""
WINDOWS: Mapping[str, tuple[float, float]] = {
    "nodule": (-600.0, 1500.0),
    "opacity": (-600.0, 1500.0),
    "emphysema": (-850.0, 500.0),
    "effusion": (40.0, 400.0),
    "cardiomegaly": (40.0, 400.0),
    "calcification": (300.0, 1200.0),
}
"""Centre and width in HU of the pictures' 8-bit values, as each finding is looked at."""
WITHIN = 1 - 1e-9
"""Share of a side that still lies on the last pixel."""
RADIOGRAPH_SCALE = 8
"""Pixels of the written picture to one of the projection: the table of fixations holds whole pixels only."""


def ct_rate_name(seed: int) -> str:
    """``train_<seed>_a_1`` for a patient of the train and validation bands, ``valid_...`` (CT-RATE's test) for test."""
    return f"{'valid' if part_of_seed(seed) == 'test' else 'train'}_{seed}_a_1"


def write_volumes(
    seeds: Sequence[int],
    folder: Path,
    *,
    patients: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
    settings: PatientSettings = BASE,
) -> dict[str, Any]:
    """``labels.csv``, ``volumes/<name>.nii.gz`` and ``masks/<name>/<finding>.nii.gz`` of what each patient has.

    Parameters
    ----------
    patients
        Keeps the made patients for the next time.
    workers
        Processes that make and write.

    Returns
    -------
    dict
        Counts, for the report.

    Raises
    ------
    FormatError
        When the folder refuses.
    """
    task = partial(_write_volume, folder=folder, patients=patients, settings=settings)
    rows = list(made_in_order(task, seeds, workers=workers, progress=progress))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([VOLUME_COLUMN, *FINDINGS])
    writer.writerows([f"{ct_rate_name(seed)}.nii.gz", *labels] for seed, labels in zip(seeds, rows, strict=True))
    write_files(folder, {LABELS_FILE: text.getvalue().encode()})
    positive = np.sum(rows, axis=0)
    return {"volumes": len(rows), "with": {name: int(n) for name, n in zip(FINDINGS, positive, strict=True)}}


def write_slices(cases: Sequence[PictureCase], finding: str, folder: Path) -> dict[str, Any]:
    """``images/``, ``masks/``, ``gaze/<reader>_fixation.csv``, ``train.txt`` and ``test.txt``; raises `FormatError`."""
    centre, width = WINDOWS[finding]
    lists: dict[str, list[str]] = {"train": [], "test": []}
    for case in cases:
        shares = (case.load().values[0].astype(np.float64) - centre) / width + 0.5
        _save_picture(folder / "images" / f"{case.case}.png", np.clip(np.rint(255 * shares), 0, 255).astype(np.uint8))
        assert case.load_mask is not None
        _save_picture(folder / "masks" / f"{case.case}.png", np.where(case.load_mask(), np.uint8(255), np.uint8(0)))
        lists["test" if case.declared_part == "test" else "train"].append(case.case)
    dataset = _dataset(cases, 1)
    write_gazemedseg(dataset, folder / "gaze", {"extension": ".png", "minimum_ms": "50"})
    texts = {f"{part}.txt": "".join(f"{name}\n" for name in names).encode() for part, names in lists.items() if names}
    write_files(folder, texts)
    return {"pictures": len(cases), "fixations": len(dataset.fixations), **{k: len(v) for k, v in lists.items()}}


def write_radiographs(cases: Sequence[PictureCase], folder: Path) -> dict[str, Any]:
    """``fixations.csv``, ``master_sheet.csv`` and what belongs to them, and ``images/<dicom_id>.png``.

    Read the tables with the option ``display=stored``.

    Raises
    ------
    FormatError
        When the folder refuses.
    """
    dataset = _dataset(cases, RADIOGRAPH_SCALE)
    write_egd(dataset, folder, {"slices": "column", "audio": "leave", "session": "", "masks": ""})
    for case in cases:
        values = np.rint(255 * case.load().values[0]).astype(np.uint8)
        large = np.kron(values, np.ones((RADIOGRAPH_SCALE, RADIOGRAPH_SCALE), dtype=np.uint8))
        _save_picture(folder / "images" / f"{case.case}.png", large)
    classes = {name: sum(case.labels[name] for case in cases) for name in cases[0].labels}
    return {"pictures": len(cases), "fixations": len(dataset.fixations), "with": classes}


def write_provenance(folder: Path, content: Mapping[str, Any]) -> None:
    """What made the set, beside it; raises `FormatError`."""
    write_files(folder, {PROVENANCE_FILE: json_bytes(dict(content))})


def _write_volume(seed: int, *, folder: Path, patients: Path | None, settings: PatientSettings) -> list[int]:
    made = finding_patient(seed, folder=patients, wanted={}, settings=settings)
    name = ct_rate_name(seed)
    _save_nifti(folder / "volumes" / f"{name}.nii.gz", made.volume.hu_kji, made.volume.affine_lps)
    for finding, mask in made.masks_kji.items():
        _save_nifti(folder / "masks" / name / f"{finding}.nii.gz", mask.view(np.uint8), made.volume.affine_lps)
    return [made.labels[finding] for finding in FINDINGS]


def _save_nifti(path: Path, array_kji: NDArray[Any], affine_lps: NDArray[np.float64]) -> None:
    import nibabel as nib

    affine_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine_lps
    image = nib.Nifti1Image(np.ascontiguousarray(array_kji.transpose(2, 1, 0)), affine_ras, dtype=array_kji.dtype)
    image.set_sform(affine_ras, SCANNER)
    image.set_qform(affine_ras, SCANNER)
    image.header.set_xyzt_units("mm")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        nib.save(image, path)
    except OSError as error:
        raise _refused(path, error) from error


def _save_picture(path: Path, values: NDArray[np.uint8]) -> None:
    from PIL import Image

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values).save(path)
    except OSError as error:
        raise _refused(path, error) from error


def _refused(path: Path, error: OSError) -> FormatError:
    return FormatError(
        f"cannot be written: {error.strerror or type(error).__name__}", place=path.name, remedy="check rights and space"
    )


def _dataset(cases: Sequence[PictureCase], scale: int) -> DataSet:
    """The gaze of picture cases whose pixels are written `scale` times as large."""
    import pandas as pd

    records, tables = [], []
    for number, case in enumerate(cases, start=1):
        _, rows, columns = case.load().shape_kji
        shape = (1, rows * scale, columns * scale)
        # The master sheet of the radiographs spells one class in small letters.
        attributes = {"pneumonia" if name == "Pneumonia" else name: str(value) for name, value in case.labels.items()}
        records.append(
            CaseRecord(
                case.case, shape, case.patient, kind="image", attributes={**attributes, "image": f"{case.case}.png"}
            )
        )
        tables.append(_fixations(case, number, shape))
    return DataSet(
        cases=tuple(records),
        fixations=pd.concat(tables, ignore_index=True),
        screen={"width_px": float(SCREEN_WIDTH_PX), "height_px": float(SCREEN_HEIGHT_PX)},
        source="simulated",
        provenance={"format": "simulated", "notes": ["Simulated gaze on made pictures: nobody looked at them."]},
    )


def _fixations(case: PictureCase, trial: int, shape_kji: tuple[int, int, int]) -> pd.DataFrame:
    """As if the picture had filled the screen's height."""
    import pandas as pd

    gaze = case.gaze
    assert gaze is not None
    _, rows, columns = shape_kji
    share_x, share_y = gaze.points_xy_share.T
    width = columns * SCREEN_HEIGHT_PX / rows / SCREEN_WIDTH_PX
    unknown = np.full(len(share_x), np.nan)
    table = {
        "session": "", "reader": gaze.reader, "trial": trial, "case": case.case,
        "fixation": np.arange(1, len(share_x) + 1), "kind": "fixation",
        "onset_s": gaze.onset_s, "duration_s": gaze.duration_s,
        "x_voxel": np.minimum(share_x, WITHIN) * columns - 0.5,
        "y_voxel": np.minimum(share_y, WITHIN) * rows - 0.5, "z_voxel": 0.0, "on_image": True,
        "x_screen_norm": 0.5 + (share_x - 0.5) * width, "y_screen_norm": share_y,
        "pupil": unknown, "pupil_unit": "", "uncertainty_mm": unknown,
    }  # fmt: skip
    return pd.DataFrame(table)[list(FIXATION_COLUMNS)]
