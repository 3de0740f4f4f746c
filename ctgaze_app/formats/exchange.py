"""Import of a foreign file into a data set folder, export of sessions and data sets into a foreign format.

Nothing is ever overwritten: the result is written into a new folder beside its place and moved there in one step.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ctgaze_app.formats.column_mapping import mapping_without_paths
from ctgaze_app.formats.contract import FormatError, checked_options
from ctgaze_app.formats.ctgaze_dataset import DATASET_FILE, write_ctgaze
from ctgaze_app.formats.dataset import KEYS, DataSet
from ctgaze_app.formats.dataset_checks import check_dataset
from ctgaze_app.formats.from_prediction import checked_prediction, dataset_from_prediction
from ctgaze_app.formats.joined import join_datasets
from ctgaze_app.formats.registry import format_named
from ctgaze_app.formats.written_files import csv_bytes
from ctgaze_app.study.session import MANIFEST_NAME
from models.prediction_file import is_prediction

Progress = Callable[[int, int], None]
SESSION_TABLES = ("dwell_segments.csv", "saccades.csv", "blinks.csv", "columns.toml")

LONGEST_CODE = 100
"""Characters of a code in a file name, which holds up to three."""


@dataclass(frozen=True)
class ExchangeResult:
    """What came in or went out; `files` are names within `folder`."""

    format: str
    folder: Path = field(repr=False)
    files: tuple[str, ...]
    readers: int
    cases: int
    trials: int
    fixations: int
    samples: int
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "folder": str(self.folder), "files": list(self.files), "notes": list(self.notes)}


def import_file(
    path: Path, format_name: str, declared: Mapping[str, str], out: Path, progress: Progress = lambda done, total: None
) -> ExchangeResult:
    """Read a foreign file or folder and write it as a data set folder of ours.

    Raises
    ------
    FormatError
        When the format does not read, an option is missing, the file is not as declared, or `out` holds something.
    """
    found = format_named(format_name)
    if found.read is None:
        raise FormatError(f"format {format_name} is only written, not read", remedy="see: ctgaze import --list")
    options = checked_options(declared, found.read_options, format_name)
    if not path.exists():
        raise FormatError("there is no such file or folder", place=path.name, remedy="check its name")
    with new_folder(out) as staging:
        dataset = found.read(path, options)
        progress(1, 2)
        files = [each.name for each in write_ctgaze(dataset, staging, {})]
        if "mapping" in options:
            (staging / "mapping.toml").write_bytes(mapping_without_paths(Path(options["mapping"])))
            files.append("mapping.toml")
        progress(2, 2)
    return _result(format_name, out, files, dataset)


def export_sources(
    sources: Sequence[str],
    format_name: str,
    declared: Mapping[str, str],
    out: Path,
    progress: Progress = lambda done, total: None,
) -> ExchangeResult:
    """Write sessions (``folder`` or ``folder:trial``), data set folders or predictions, joined, in a foreign format.

    Raises
    ------
    FormatError, SessionError
        When the format does not write, an option is missing, a source cannot be read, sources contradict each other, or
        `out` holds something.
    """
    found = format_named(format_name)
    if found.write is None:
        raise FormatError(f"format {format_name} is only read, not written", remedy="see: ctgaze import --list")
    options = checked_options(declared, found.write_options, format_name)
    opened = [_split(source) for source in sources]
    total = len(sources) + 1
    parts = []
    with new_folder(out) as staging:
        for number, (path, trials) in enumerate(opened, start=1):
            parts.append(_open(path, trials))
            progress(number, total)
        dataset = join_datasets(parts)
        check_dataset(dataset, "the sources")
        _refuse_paths(dataset)
        try:
            written = [each.relative_to(staging).as_posix() for each in found.write(dataset, staging, options)]
        except OSError as error:
            raise _unwritable(out, error) from error
        if options.get("ct") == "nifti":
            written += _write_ct(opened, staging)
        if options.get("session_tables") == "yes":
            written += _copy_session_tables(opened, parts, staging)
        progress(total, total)
    return _result(format_name, out, written, dataset)


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside `out` to write into, moved to `out` when all went well and deleted when not.

    Raises
    ------
    FormatError
        When `out` is a file or holds anything, or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise FormatError("is there already and is not empty", place=out.name, remedy="name a new folder with --out")
    staging = out.absolute().with_name(f".{out.absolute().name}.{uuid.uuid4().hex[:8]}.part")
    try:
        staging.mkdir(parents=True)
    except OSError as error:
        raise _unwritable(out, error) from error
    try:
        yield staging
        try:
            if out.exists():
                out.rmdir()
            staging.rename(out)
        except OSError as error:
            raise _unwritable(out, error) from error
    finally:
        if staging.exists():
            shutil.rmtree(staging, ignore_errors=True)


def _unwritable(out: Path, error: OSError) -> FormatError:
    reason = error.strerror or type(error).__name__
    return FormatError(f"cannot be written: {reason}", place=out.name, remedy="choose a folder that you may write to")


def _split(source: str) -> tuple[Path, tuple[int, ...]]:
    """``folder:3`` into folder and trial; a folder whose own name ends so wins."""
    path = Path(source)
    head, _, tail = source.rpartition(":")
    if not path.exists() and head and tail.isdigit():
        return Path(head), (int(tail),)
    return path, ()


def _is_session(path: Path) -> bool:
    return (path / MANIFEST_NAME).is_file()


def _open(path: Path, trials: tuple[int, ...]) -> DataSet:
    if _is_session(path):
        from ctgaze_app.formats.from_session import dataset_from_session

        return dataset_from_session(path, trials=trials)
    if (path / DATASET_FILE).is_file() or path.name == DATASET_FILE:
        from ctgaze_app.formats.ctgaze_dataset import read_ctgaze

        if trials:
            raise FormatError("a trial can only be named of a session", place=path.name, remedy="leave it out")
        return read_ctgaze(path, {})
    if is_prediction(path):
        return dataset_from_prediction(checked_prediction(path))
    if not path.exists():
        raise FormatError("there is no such file or folder", place=path.name, remedy="check its name")
    raise FormatError(
        "is neither a session, a data set nor a prediction of CTGaze",
        place=path.name,
        remedy="name a folder with session.json or dataset.json; other files come in by: ctgaze import",
    )


def _refuse_paths(dataset: DataSet) -> None:
    """Codes become parts of file names in many formats; none may lead out of the folder."""
    codes = {record.case for record in dataset.cases}
    for table in (dataset.fixations, dataset.samples, dataset.events, dataset.words):
        if table is not None:
            codes |= {str(code) for name in KEYS if name != "trial" for code in table[name].unique()}
    for code in sorted(codes):
        if any(sign in code for sign in '/\\:\0*?"<>|') or code.startswith(".") or len(code) > LONGEST_CODE:
            raise FormatError(f"the code {code[:60]!r} cannot be part of a file name", remedy="rename it in the source")


def _write_ct(opened: Sequence[tuple[Path, tuple[int, ...]]], folder: Path) -> list[str]:
    """The CT of every exported case of the sessions, from where their private list says."""
    from ctgaze_app.formats.case_nifti import write_case_nifti
    from ctgaze_app.formats.from_session import shown_series
    from ctgaze_app.study.loading import load_volumes
    from ctgaze_app.study.session import read_manifest

    written: dict[str, str] = {}
    for path, trials in opened:
        if not _is_session(path):
            raise FormatError("holds no CT", place=path.name, remedy="export sessions, or declare ct=none")
        manifest = read_manifest(path)
        volumes = load_volumes(path, manifest, {})
        for case, index in shown_series(path, trials).items():
            digest = volumes[index].digest
            if case in written and written[case] != digest:
                raise FormatError(f"case {case} has another CT in another session", place=path.name)
            if case not in written:
                write_case_nifti(volumes[index], case, folder)
            written[case] = digest
    return [f"{case}.nii.gz" for case in written]


def _copy_session_tables(
    opened: Sequence[tuple[Path, tuple[int, ...]]], parts: Sequence[DataSet], folder: Path
) -> list[str]:
    """Further tables of each session, rows of the exported trials only."""
    import pandas as pd

    from ctgaze_app.study.session import read_manifest

    written = []
    for (path, _), part in zip(opened, parts, strict=True):
        if not _is_session(path):
            continue
        trials = {
            str(trial) for table in (part.fixations, part.samples) if table is not None for trial in table["trial"]
        }
        target = folder / "sessions" / read_manifest(path).session
        target.mkdir(parents=True, exist_ok=True)
        for name in SESSION_TABLES:
            source = path / "derived" / name
            if not source.is_file():
                continue
            if source.suffix == ".csv":
                rows = pd.read_csv(source, dtype=str, keep_default_na=False)
                (target / name).write_bytes(csv_bytes(rows[rows["trial"].isin(trials)]))
            else:
                shutil.copyfile(source, target / name)
            written.append((target / name).relative_to(folder).as_posix())
    return written


def _result(format_name: str, out: Path, files: Sequence[str], dataset: DataSet) -> ExchangeResult:
    table = dataset.fixations
    if table.empty and dataset.samples is not None:
        table = dataset.samples
    return ExchangeResult(
        format_name,
        out,
        tuple(files),
        readers=int(table["reader"].nunique()),
        cases=len(dataset.cases),
        trials=len(table[list(KEYS)].drop_duplicates()),
        fixations=len(dataset.fixations),
        samples=0 if dataset.samples is None else len(dataset.samples),
        notes=tuple(str(note) for note in dataset.provenance.get("notes", ())),
    )
