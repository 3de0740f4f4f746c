"""One trial's views and derived rows together, on one clock: what measures and maps of a session are made from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ctgaze_app.errors import SessionError
from ctgaze_app.gaze.frames import SeriesGeometry, geometries
from ctgaze_app.gaze.view_track import ViewTrack
from ctgaze_app.study.loading import derived_is_current, read_table
from ctgaze_app.study.raw_session import RecordedPart, read_part, trial_spans
from ctgaze_app.study.session import SessionManifest, TrialRecord, read_manifest

if TYPE_CHECKING:
    import pandas as pd

TABLES = {
    "fixations": "fixations.csv", "segments": "dwell_segments.csv", "saccades": "saccades.csv", "gaze": "gaze.parquet",
}  # fmt: skip


class NotShownError(Exception):
    """A trial in which there is nothing to measure; the reason in plain words."""


@dataclass(frozen=True, eq=False)
class TrialTables:
    """One trial.

    Attributes
    ----------
    views
        Its painted views.
    rows
        Its rows of each of `TABLES`.
    series, geometry
        Index of the series that it is about (the first whose role is current), and its geometry.
    end_lsl
        When it ended.
    notes
        What is left out.
    """

    record: TrialRecord
    views: ViewTrack = field(repr=False)
    rows: Mapping[str, pd.DataFrame] = field(repr=False)
    series: int
    geometry: SeriesGeometry = field(repr=False)
    end_lsl: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class SessionTables:
    """A session's recording parts and derived tables, read once."""

    folder: Path
    manifest: SessionManifest
    parts: tuple[RecordedPart, ...] = field(repr=False)
    tables: Mapping[str, pd.DataFrame] = field(repr=False)

    @classmethod
    def open(cls, folder: Path) -> SessionTables:
        """Read a session; it is processed first when its tables are missing or out of date.

        Raises
        ------
        SessionError
            When it cannot be read or processed.
        """
        manifest = read_manifest(folder)
        if not derived_is_current(folder, manifest):
            from ctgaze_app.study.processing import process_session

            process_session(folder)
        tables = {name: read_table(folder / "derived" / file) for name, file in TABLES.items()}
        return cls(folder, manifest, tuple(read_part(folder, one, manifest) for one in manifest.parts), tables)

    def numbered(self, number: int) -> TrialRecord:
        """The trial of that number.

        Raises
        ------
        SessionError
            When there is none.
        """
        for record in self.manifest.trials:
            if record.number == number:
                return record
        numbers = ", ".join(str(record.number) for record in self.manifest.trials) or "none"
        raise SessionError(f"there is no trial {number}", place=self.folder.name, remedy=f"its trials: {numbers}")

    def trial(self, record: TrialRecord) -> TrialTables:
        """Everything of one trial.

        Of a trial that went on after the computer restarted only the part before is taken: clocks differ.

        Raises
        ------
        NotShownError
            When it was not recorded, or its series was never on the screen.
        """
        spans = trial_spans(record, list(self.parts))
        if not spans or not record.series:
            raise NotShownError("the recording has no marker of it")
        boots = {part.number: part.boot_id for part in self.manifest.parts}
        first = self.parts[spans[0].part_index]
        one_clock = [span for span in spans if boots[self.parts[span.part_index].number] == boots[first.number]]
        parts = [self.parts[span.part_index] for span in one_clock]
        views = ViewTrack.from_samples(
            np.concatenate([part.views.time_lsl for part in parts]),
            np.concatenate([part.views.values for part in parts]),
        )
        views = views.subset(views.integers("trial") == record.number)
        current = (index for index in record.series if self.manifest.series[index].role == "current")
        series = next(current, record.series[0])
        if not (views.visible & (views.integers("series") == series)).any():
            raise NotShownError("its series was never on the screen")
        numbers = [part.number for part in parts]
        rows = {
            name: table[(table["trial"] == record.number) & table["part"].isin(numbers)]
            for name, table in self.tables.items()
        }
        notes = () if len(one_clock) == len(spans) else ("only the part before the computer restarted is measured",)
        geometry = geometries(self.manifest.series)[series]
        return TrialTables(record, views, rows, series, geometry, one_clock[-1].end_lsl, notes)
