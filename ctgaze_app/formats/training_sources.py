"""Training cases out of recorded sessions, CT-ScanGaze files, and gaze on chest radiographs lifted into CT."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctgaze_app.errors import SessionError
from ctgaze_app.formats.case_grids import NIFTI_SUFFIXES
from ctgaze_app.formats.contract import FormatError, at, checked_options
from ctgaze_app.formats.from_session import shown_series
from ctgaze_app.formats.scangaze_records import GazeRecord, parse_records
from ctgaze_app.formats.scanpath_sources import read_scanpaths
from ctgaze_app.study.loading import load_volume
from ctgaze_app.study.model_volumes import read_nifti_volume, volume_for_models
from ctgaze_app.study.session import MANIFEST_NAME, read_manifest
from models.datasets.case import PARTS, Part, TrainingCase
from models.datasets.lifted import LungVolume, RadiographReading, lifted_cases
from models.errors import Cancelled
from models.simulation.lifting import WHOLE_PICTURE, BoxShare
from models.volumes import CtVolume

if TYPE_CHECKING:
    import pandas as pd

    from ctgaze_app.formats.dataset import CaseRecord, DataSet
    from ctgaze_app.study.session import SessionManifest

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]

MAIN = ("main",)
PATIENTS = "patients"
"""Option of `cases_from_ct_scangaze` beside those of the format."""
LUNG_BOXES = ("right lung", "left lung")


def cases_from_sessions(
    folders: Sequence[Path],
    *,
    kinds: Sequence[str] = MAIN,
    patients: Mapping[str, str] | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> list[TrainingCase]:
    """One case a volume, with the paths of all who read it to the end; fixations on slabs or no image are left out.

    Volumes are told apart by the digest of the CT that was shown: read in several sessions, or under several case
    codes, it is one case under the first code.

    Parameters
    ----------
    folders
        Sessions, or folders that hold sessions.
    kinds
        Of trials: ``main``, ``repeat``, ``practice``. Interrupted ones are left out, for they are no whole search.
    patients
        Patient code by case code; a session does not know it, so that each case is a patient of its own otherwise.

    Raises
    ------
    CTGazeError
        When a folder holds no session, a session cannot be read or has no such trial, or one case code stands for two
        volumes.
    Cancelled
        `cancelled` said so.
    """
    sessions = list(dict.fromkeys(session.resolve() for folder in folders for session in _sessions(Path(folder))))
    declared = patients or {}
    found: dict[str, TrainingCase] = {}
    digest_of: dict[str, str] = {}
    for number, folder in enumerate(sessions, start=1):
        for digest, case in _cases_of_session(folder, kinds, declared):
            first = digest_of.setdefault(case.case, digest)
            if first != digest:
                raise SessionError(
                    f"case {case.case} is another CT than in another session",
                    place=folder.name,
                    remedy="give different scans different case codes",
                )
            known = found.setdefault(digest, case)
            if declared.get(known.case, known.patient) != declared.get(case.case, known.patient):
                raise SessionError(
                    f"cases {known.case} and {case.case} are one CT, but belong to two patients",
                    place=folder.name,
                    remedy="correct the patients",
                )
            if known is not case:
                paths = [replace(path, case=known.case, patient=known.patient) for path in case.paths]
                found[digest] = replace(known, paths=(*known.paths, *paths))
        if progress is not None:
            progress(number, len(sessions))
        if cancelled is not None and cancelled():
            raise Cancelled
    return list(found.values())


def cases_from_ct_scangaze(file: Path, volumes: Path, options: Mapping[str, str]) -> list[TrainingCase]:
    """One case a volume, with every reader's path; its part is the file's own ``split``.

    Parameters
    ----------
    volumes
        Folder with ``<name>.nii.gz`` or ``<name>.nii``; opened when a case is loaded.
    options
        What the file does not say itself, as `formats.ct_scangaze` wants it (the grids come from `volumes`), and
        ``patients``: ``case`` (default: each volume is a patient), ``report`` (volumes that share a report are one
        patient: several of one session do), or a CSV with the columns case and patient.

    Raises
    ------
    CTGazeError
        With file and record: a damaged file, an empty path, coordinates outside, a volume that is missing.
    """
    from ctgaze_app.formats.ct_scangaze import FORMAT, read_ct_scangaze

    file, volumes = Path(file), Path(volumes)
    if "shape" in options:
        raise FormatError("the volumes' own files say their shape", place=at(file), remedy="leave out option shape")
    declared = {name: value for name, value in options.items() if name != PATIENTS}
    chosen = checked_options({**declared, "shape": str(volumes)}, FORMAT.read_options, FORMAT.name, configured=True)
    records = parse_records(file)
    first: dict[str, GazeRecord] = {}
    for record in records:
        place = f"{at(file)}, {record.place}"
        if not len(record.X):
            raise FormatError("is an empty scan path", place=place, remedy="delete this record")
        other = first.setdefault(record.name, record)
        if other.split != record.split:
            raise FormatError(
                f"case {record.name[:60]} is declared for {record.split!r} here and for {other.split!r} in "
                f"{other.place}",
                place=place,
                remedy="correct its split",
            )
    dataset = read_ct_scangaze(file, chosen)
    patient_of = _patients(options.get(PATIENTS, "case"), records)
    return [
        _ct_scangaze_case(record, first[record.case], patient_of[record.case], dataset, file, volumes)
        for record in dataset.cases
    ]


def lifted_cases_from_egd(
    folder: Path,
    volumes: Sequence[LungVolume],
    *,
    options: Mapping[str, str] | None = None,
    paths_per_case: int = 4,
    seed: int = 0,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
    workers: int = 1,
) -> list[TrainingCase]:
    """Gaze of the chest X-ray tables lifted into volumes (`models.datasets.lifted`): a prior, no true depth.

    Parameters
    ----------
    options
        Of `formats.egd`; positions are taken as stored unless declared otherwise.

    Raises
    ------
    CTGazeError, ModelError
        When the tables cannot be read, or hold gaze on too few patients.
    """
    return lifted_cases(
        radiograph_readings(folder, options or {}),
        volumes,
        paths_per_case=paths_per_case,
        seed=seed,
        progress=progress,
        cancelled=cancelled,
        workers=workers,
    )


def radiograph_readings(folder: Path, options: Mapping[str, str]) -> list[RadiographReading]:
    """One reading a showing of a radiograph, on whose pixels there is a fixation; calibration targets are left out.

    The lungs' place is the box around the regions ``right lung`` and ``left lung``; where a picture has not both, its
    lungs are taken to fill it.

    Raises
    ------
    FormatError
        As `formats.egd`.
    """
    from ctgaze_app.formats.egd import FORMAT, STORED, read_egd

    folder = Path(folder)
    chosen = checked_options({"display": STORED, **options}, FORMAT.read_options, FORMAT.name, configured=True)
    dataset = read_egd(folder, chosen)
    boxes = {} if dataset.regions is None else {str(case): rows for case, rows in dataset.regions.groupby("case")}
    readings = []
    for path in dataset.scanpaths():
        _, rows, columns = path.shape_kji
        points = (path.voxel_ijk[:, :2] + 0.5) / (columns, rows)
        inside = ((points >= 0) & (points <= 1)).all(axis=1)
        if inside.any():
            readings.append(
                RadiographReading(
                    points_xy_share=points[inside],
                    duration_s=path.duration_s[inside],
                    onset_s=path.onset_s[inside],
                    who=path.who,
                    picture=path.case,
                    patient=path.patient,
                    lungs_in_picture=_lungs_box(boxes.get(path.case), columns, rows),
                    place=f"{at(folder)}, session {path.trial}",
                )
            )
    return readings


def _sessions(folder: Path) -> list[Path]:
    """The folder itself, or those in it or in its ``sessions``, by name."""
    if (folder / MANIFEST_NAME).is_file():
        return [folder]
    inside = sorted(path.parent for where in (folder, folder / "sessions") for path in where.glob(f"*/{MANIFEST_NAME}"))
    if not inside:
        raise SessionError(
            "holds no session" if folder.is_dir() else "there is no such folder",
            place=folder.name,
            remedy="name a session, or a folder with sessions",
        )
    return inside


def _cases_of_session(
    folder: Path, kinds: Sequence[str], patients: Mapping[str, str]
) -> list[tuple[str, TrainingCase]]:
    """Cases with the digest of their CT, one for each of the session's case codes."""
    manifest = read_manifest(folder)
    chosen = tuple(trial.number for trial in manifest.trials if trial.kind in kinds and trial.state == "complete")
    if not chosen:
        raise SessionError(
            f"has no complete trial of kind {' or '.join(kinds)}", place=folder.name, remedy="leave it out"
        )
    series = shown_series(folder, chosen)
    found: dict[str, TrainingCase] = {}
    for number in chosen:
        for path in read_scanpaths(f"{folder}:{number}").paths:
            patient = patients.get(path.case, path.case)
            mine = replace(path, patient=patient)
            known = found.get(path.case)
            found[path.case] = replace(known, paths=(*known.paths, mine)) if known is not None else TrainingCase(
                case=path.case,
                patient=patient,
                origin="recorded",
                place=f"{folder.name}, case {path.case}",
                load=partial(_volume_of_session, folder, manifest, series[path.case], path.case, patient),
                paths=(mine,),
            )  # fmt: skip
    return [(manifest.series[series[code]].digest, case) for code, case in found.items()]


def _volume_of_session(folder: Path, manifest: SessionManifest, index: int, case: str, patient: str) -> CtVolume:
    return volume_for_models(load_volume(folder, manifest, index), case, patient)


def _ct_scangaze_case(
    record: CaseRecord, first: GazeRecord, patient: str, dataset: DataSet, file: Path, volumes: Path
) -> TrainingCase:
    rows = dataset.fixations[dataset.fixations["case"] == record.case]
    paths = replace(dataset, cases=(record,), fixations=rows).scanpaths()
    path = next(p for suffix in NIFTI_SUFFIXES if (p := volumes / (record.case + suffix)).is_file())
    parts: dict[str, Part] = {part: part for part in PARTS}
    return TrainingCase(
        case=record.case,
        patient=patient,
        origin="ct-scangaze",
        place=f"{at(file)}, {first.place}",
        load=partial(read_nifti_volume, path, record.case, patient),
        paths=tuple(replace(each, patient=patient) for each in paths),
        declared_part=parts.get(first.split),
    )


def _patients(declared: str, records: Sequence[GazeRecord]) -> Mapping[str, str]:
    names = list(dict.fromkeys(record.name for record in records))
    if declared == "case":
        return {name: name for name in names}
    if declared == "report":
        return _by_report(records)
    from ctgaze_app.formats.checked_csv import Column, read_csv_table

    path = Path(declared)
    if not path.is_file():
        raise FormatError(
            f"option {PATIENTS}={path.name} is neither case, report nor a file", remedy="name a CSV with case,patient"
        )
    table = read_csv_table(path, [Column("case", "text"), Column("patient", "text")])
    known = dict(zip(table["case"].astype(str), table["patient"].astype(str), strict=True))
    missing = next((name for name in names if name not in known), None)
    if missing is not None:
        raise FormatError(f"case {missing[:60]} is not in it", place=at(path), remedy="add a row for it")
    return known


def _by_report(records: Sequence[GazeRecord]) -> dict[str, str]:
    """Cases joined over the reports that they share, however many steps apart, under the first one's name."""
    patient_of = {record.name: record.name for record in records}
    owner: dict[str, str] = {}
    for record in records:
        if record.report.strip():
            one, other = patient_of[owner.setdefault(record.report, record.name)], patient_of[record.name]
            patient_of = {name: one if patient == other else patient for name, patient in patient_of.items()}
    return patient_of


def _lungs_box(boxes: pd.DataFrame | None, columns: int, rows: int) -> BoxShare:
    if boxes is None:
        return WHOLE_PICTURE
    names = boxes["region"].astype(str).str.strip().str.lower()
    lungs = boxes[names.isin(LUNG_BOXES)]
    if names[names.isin(LUNG_BOXES)].nunique() != len(LUNG_BOXES):
        return WHOLE_PICTURE
    edges = np.array(
        [lungs["i_first"].min(), lungs["j_first"].min(), lungs["i_last"].max() + 1, lungs["j_last"].max() + 1],
        dtype=np.float64,
    ) / (columns, rows, columns, rows)
    left, top, right, bottom = (float(edge) for edge in edges)
    return left, top, right, bottom
