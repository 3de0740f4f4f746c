"""Processes every session of a folder: in parallel here or on a Dask cluster, again only where something changed.

What is kept between runs is each session's own `derived/`: it says what it was made from, so that a run that was
stopped goes on where it was and a changed recording is processed anew. One table of all sessions is written at the
end. A session that fails is named with its reason; the others go on.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ctgaze_app.errors import CTGazeError, SessionError
from ctgaze_app.study.session import MANIFEST_NAME, read_manifest
from models.worker_interrupts import end_on_interrupt, interrupts_wait

if TYPE_CHECKING:
    import pandas as pd

    from ctgaze_app.gaze.detectors import DetectorParameters
    from ctgaze_app.study.measuring import Organ

Progress = Callable[[int, int], None]
State = Literal["processed", "unchanged", "failed"]
Work = Callable[[Path], "SessionOutcome"]


@dataclass(frozen=True)
class SessionOutcome:
    """What became of one session; `problem` is the reason of a failure in one line, `notes` what its tables lack."""

    folder: Path = field(repr=False)
    session: str
    state: State
    fixations: int = 0
    problem: str = ""
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; the folder by its own name only."""
        return {**asdict(self), "folder": self.folder.name, "notes": list(self.notes)}


def find_sessions(folder: Path) -> list[Path]:
    """Session folders in `folder` or in its `sessions/`, by name.

    Raises
    ------
    SessionError
        When there is none, no such folder, or `folder` is itself one session.
    """
    folder = Path(folder)
    if not folder.exists():
        raise SessionError("there is no such folder", place=str(folder), remedy="check its name")
    if (folder / MANIFEST_NAME).is_file():
        raise SessionError("this is one session, not a study", place=str(folder), remedy="use ctgaze session process")
    found = sorted(path.parent for pattern in ("*", "sessions/*") for path in folder.glob(f"{pattern}/{MANIFEST_NAME}"))
    if not found:
        raise SessionError(
            "no session in this folder", place=str(folder), remedy="name a study, or a folder of session folders"
        )
    return found


def process_one(
    folder: Path,
    again: bool = False,
    measures: Organ | None = None,
    parameters: DetectorParameters | None = None,
) -> SessionOutcome:
    """Bring one session's tables, and its reading measures if wanted, up to date; never raises for a bad session."""
    from ctgaze_app.study.loading import derived_is_current
    from ctgaze_app.study.processing import process_session

    state: State = "unchanged"
    try:
        manifest = read_manifest(folder)
        if again or not derived_is_current(folder, manifest, parameters):
            process_session(folder, parameters=parameters)
            state = "processed"
        notes = _problems(folder)
        if measures is not None:
            from ctgaze_app.study.measuring import measure_session, measures_are_current, measures_notes

            if again or not measures_are_current(folder, measures):
                measure_session(folder, organ=measures)
                state = "processed"
            notes += measures_notes(folder)
        return SessionOutcome(
            folder, manifest.session, state, _count_fixations(folder), notes=tuple(dict.fromkeys(notes))
        )
    except CTGazeError as error:
        return SessionOutcome(folder, folder.name, "failed", problem=str(error))
    except Exception as error:  # noqa: BLE001 - one broken session must not cost the others their tables
        return SessionOutcome(folder, folder.name, "failed", problem=f"unexpected {type(error).__name__}: {error}")


def process_sessions(
    folders: Sequence[Path],
    *,
    again: bool = False,
    measures: Organ | None = None,
    parameters: DetectorParameters | None = None,
    processes: int | None = None,
    scheduler: str | None = None,
    progress: Progress | None = None,
) -> list[SessionOutcome]:
    """Bring the tables of many sessions up to date, in the order of `folders`.

    Parameters
    ----------
    again
        Process also what has not changed.
    measures
        Make reading measures too, with the coverage of this organ.
    parameters
        Of the detector; None keeps what a session was processed with, the default where it was not.
    processes
        How many at a time on this machine; by default one a core.
    scheduler
        Address of a Dask scheduler (``tcp://host:8786``) whose workers see the same folders; then `processes` is not
        used.

    Raises
    ------
    SessionError
        When the scheduler does not answer or Dask is not installed.
    """
    report = progress or (lambda done, total: None)
    report(0, len(folders))
    outcomes: dict[Path, SessionOutcome] = {}
    work = partial(process_one, again=again, measures=measures, parameters=parameters)
    run = _on_cluster(folders, work, scheduler) if scheduler else _here(folders, work, processes)
    for outcome in run:
        outcomes[outcome.folder] = outcome
        report(len(outcomes), len(folders))
    return [outcomes[folder] for folder in folders]


def _here(folders: Sequence[Path], work: Work, processes: int | None) -> Iterator[SessionOutcome]:
    count = min(processes or os.cpu_count() or 1, len(folders))
    if count <= 1:
        for folder in folders:
            yield work(folder)
        return
    left = list(folders)
    for outcome in _in_pool(folders, work, count):
        left.remove(outcome.folder)
        yield outcome
    # A worker that dies takes the whole pool with it: what it had not finished runs again, each alone.
    for folder in left:
        alone = next(_in_pool([folder], work, 1), None)
        yield alone or _lost(folder)


def _in_pool(folders: Sequence[Path], work: Work, count: int) -> Iterator[SessionOutcome]:
    """Outcomes as they come; ends early when a worker dies."""
    # Spawned, as on Windows: no thread or lock of this process lives on in the workers.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(count, mp_context=context, initializer=end_on_interrupt) as pool:
        with interrupts_wait():
            futures = [pool.submit(work, folder) for folder in folders]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            return
        finally:
            pool.shutdown(cancel_futures=True)


def _on_cluster(folders: Sequence[Path], work: Work, scheduler: str) -> Iterator[SessionOutcome]:
    try:
        from distributed import Client
        from distributed import as_completed as as_they_end
    except ImportError as error:
        raise SessionError("Dask is not installed", remedy="pip install 'ctgaze[cluster]'") from error
    try:
        client = Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise SessionError(
            "the Dask scheduler does not answer", place=str(scheduler), remedy="start dask scheduler, check the address"
        ) from error
    with client:
        absolute = [folder.resolve() for folder in folders]
        futures = client.map(work, absolute, pure=False, retries=1)
        own = dict(zip(futures, folders, strict=True))
        for future in as_they_end(futures):
            if future.status != "finished":
                yield _lost(own[future])
                continue
            outcome: SessionOutcome = future.result()
            yield SessionOutcome(own[future], *(getattr(outcome, name) for name in _REST))


_REST = ("session", "state", "fixations", "problem", "notes")


def _lost(folder: Path) -> SessionOutcome:
    """A worker that died (out of memory, killed, a node gone) costs its own session only."""
    return SessionOutcome(folder, folder.name, "failed", problem="its worker died; is there enough memory?")


def _problems(folder: Path) -> tuple[str, ...]:
    """What a session's tables lack, also when they were made by an earlier run."""
    import json

    from ctgaze_app.study.derived import QUALITY_FILE

    record = json.loads((folder / "derived" / QUALITY_FILE).read_text(encoding="utf-8"))
    return tuple(str(problem) for problem in record["problems"])


def _count_fixations(folder: Path) -> int:
    from ctgaze_app.study.derived import FIXATION_FILE

    with (folder / "derived" / FIXATION_FILE).open("rb") as file:
        return max(sum(1 for _ in file) - 1, 0)


def one_table(outcomes: Sequence[SessionOutcome], name: str = "fixations") -> pd.DataFrame:
    """A table of all sessions that have it (``fixations`` or ``measures``), in the order given.

    Raises
    ------
    SessionError
        When two folders hold the same session, or no session has the table.
    """
    import pandas as pd

    good = [outcome for outcome in outcomes if outcome.state != "failed"]
    seen: dict[str, str] = {}
    for outcome in good:
        if outcome.session in seen:
            raise SessionError(
                f"{seen[outcome.session]} and {outcome.folder.name} hold the same session {outcome.session}",
                remedy="keep one of them, so that no reading counts twice",
            )
        seen[outcome.session] = outcome.folder.name
    if not good:
        raise SessionError("no session could be processed", remedy="see the reasons above")
    codes = {"session": str, "reader": str, "case": str, "words": str}
    tables = []
    for outcome in good:
        path = outcome.folder / "derived" / f"{name}.csv"
        try:
            tables.append(pd.read_csv(path, dtype=codes, keep_default_na=False, na_values=[""]))
        except pd.errors.EmptyDataError:
            continue  # a session in which no trial could be measured
        except (OSError, ValueError) as error:
            raise SessionError(f"cannot be read: {error}", place=str(path), remedy="run it with --again") from error
    filled = [table for table in tables if len(table)]
    joined = pd.concat(filled, ignore_index=True) if filled else (tables or [pd.DataFrame()])[0]
    return joined.fillna({"words": ""}) if "words" in joined else joined


def write_table(table: pd.DataFrame, folder: Path, name: str = "fixations") -> tuple[Path, ...]:
    """Write one table as CSV and as Parquet into `folder`, each in one step.

    Raises
    ------
    SessionError
        When the folder refuses.
    """
    csv_path, parquet_path = folder / f"{name}.csv", folder / f"{name}.parquet"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path in (csv_path, parquet_path):
            staging = path.with_name(path.name + ".new")
            if path is csv_path:
                table.to_csv(staging, index=False, lineterminator="\n")
            else:
                table.to_parquet(staging, index=False)
            staging.replace(path)
    except OSError as error:
        raise SessionError(
            f"the table cannot be written: {error.strerror or type(error).__name__}",
            place=str(folder),
            remedy="check rights and space",
        ) from error
    return csv_path, parquet_path


def write_meanings(outcomes: Sequence[SessionOutcome], folder: Path) -> None:
    """Put what the columns of the tables mean beside them, as a session has it."""
    for name in ("columns.toml", "measure_columns.toml"):
        for outcome in outcomes:
            source = outcome.folder / "derived" / name
            if outcome.state != "failed" and source.is_file():
                try:
                    (folder / name).write_bytes(source.read_bytes())
                except OSError as error:
                    raise SessionError(
                        f"cannot be written: {error.strerror or type(error).__name__}",
                        place=str(folder / name),
                        remedy="check rights and space",
                    ) from error
                break


def study_detectors(outcomes: Sequence[SessionOutcome]) -> tuple[DetectorParameters, ...]:
    """The different detectors that the tables were made with, parameters and all, in the order of the sessions."""
    from ctgaze_app.study.sensitivity import parameters_in_force

    good = [outcome.folder for outcome in outcomes if outcome.state != "failed"]
    return tuple(dict.fromkeys(parameters_in_force(folder) for folder in good))


def study_notes(outcomes: Sequence[SessionOutcome], *, measured: bool) -> tuple[str, ...]:
    """What must be known of the tables as a whole: several detectors, measures of earlier tables."""
    from ctgaze_app.study.measuring import measures_are_stale

    notes = []
    if len(study_detectors(outcomes)) > 1:
        notes.append(
            "the sessions were processed with different detectors and cannot be compared: name one with --detector"
        )
    stale = sum(measures_are_stale(outcome.folder) for outcome in outcomes if outcome.state != "failed")
    if stale and not measured:
        notes.append(f"the measures of {stale} sessions are of earlier tables: make them anew with --measures")
    return tuple(notes)
