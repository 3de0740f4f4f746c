"""Gaze data of any origin in our own frames and units: what every exchange format reads into and writes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from models.scanpath import Scanpath, Source

if TYPE_CHECKING:
    import pandas as pd

KEYS = ("session", "reader", "trial", "case")
"""Columns that begin every table below: codes as text, `trial` an integer from 1. Unknown session: empty text."""

FIXATION_COLUMNS = (
    *KEYS, "fixation", "kind", "onset_s", "duration_s", "x_voxel", "y_voxel", "z_voxel", "on_image", "x_screen_norm",
    "y_screen_norm", "pupil", "pupil_unit", "uncertainty_mm",
)  # fmt: skip
"""One row a fixation, ordered by session, trial and number. `fixation` counts from 1 in its trial; `kind` is
``fixation``, ``drill``, ``pursuit`` or ``calibration`` (a row on a calibration picture, never part of a scan path);
`onset_s` is NaN where the source has none; voxels are 0-based and NaN off the image (`on_image` False); `x_screen_norm`
and `y_screen_norm` are 0..1 from the top left; `pupil_unit` is ``mm``, ``px`` or another text of the source."""

SAMPLE_COLUMNS = (
    *KEYS, "onset_s", "valid", "x_screen_norm", "y_screen_norm", "x_voxel", "y_voxel", "z_voxel", "on_image", "pupil",
    "pupil_unit", "kind",
)  # fmt: skip
"""One row a gaze sample; `kind` is ``gaze`` or ``calibration``."""

EVENT_COLUMNS = (*KEYS, "event", "onset_s", "duration_s", "value")
"""Saccades, blinks, messages, button presses: `event` names the kind, `value` is free text."""

WORD_COLUMNS = (*KEYS, "text", "start_s", "end_s", "source")
"""Spoken words or phrases, seconds on the clock of `onset_s`."""

REGION_COLUMNS = ("case", "region", "group", "i_first", "i_last", "j_first", "j_last", "k_first", "k_last")
"""Boxes: first and last voxel, both inside, 0-based integers."""


@dataclass(frozen=True, eq=False)
class CaseRecord:
    """One volume or picture that was looked at; codes only.

    `shape_kji` (1, rows, columns) for a picture; `affine_lps` None without a known geometry; `report` the reading's
    text, by reader code (empty text: report of the case).
    """

    case: str
    shape_kji: tuple[int, int, int]
    patient: str = ""
    affine_lps: NDArray[np.float64] | None = field(default=None, repr=False)
    kind: Literal["volume", "image"] = "volume"
    report: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class DataSet:
    """Fixations, samples and all that belongs to them.

    A table may have further columns after its own: what only the source knows, named ``source_<column>``, so that a
    round trip loses nothing. A table that the source does not have is None.

    Attributes
    ----------
    provenance
        Plain JSON values: ``format``, ``options`` as declared by the user, ``files`` (name -> SHA-256), ``notes``
        (sentences on what was left out or assumed, with counts).
    """

    cases: tuple[CaseRecord, ...]
    fixations: pd.DataFrame = field(repr=False)
    samples: pd.DataFrame | None = field(default=None, repr=False)
    events: pd.DataFrame | None = field(default=None, repr=False)
    words: pd.DataFrame | None = field(default=None, repr=False)
    regions: pd.DataFrame | None = field(default=None, repr=False)
    screen: Mapping[str, float] = field(default_factory=dict)
    """``width_px``, ``height_px``, ``width_mm``, ``height_mm``, ``distance_mm``, ``rate_hz``; what is known of them."""
    source: Source = "reader"
    provenance: Mapping[str, Any] = field(default_factory=dict)

    def case(self, code: str) -> CaseRecord:
        """The case of that code; KeyError when there is none."""
        for record in self.cases:
            if record.case == code:
                return record
        raise KeyError(code)

    def scanpaths(self) -> list[Scanpath]:
        """One scan path a trial, in the order of the table; rows of calibration and off the image are left out."""
        paths = []
        records = {record.case: record for record in self.cases}
        for (session, reader, trial, case), rows in self.fixations.groupby(list(KEYS), sort=False):
            shown = rows[(rows["kind"] != "calibration") & rows["on_image"].astype(bool)]
            record = records[case]
            paths.append(
                Scanpath(
                    who=str(reader),
                    case=str(case),
                    shape_kji=record.shape_kji,
                    x_voxel=shown["x_voxel"].to_numpy(np.float64),
                    y_voxel=shown["y_voxel"].to_numpy(np.float64),
                    z_voxel=shown["z_voxel"].to_numpy(np.float64),
                    duration_s=shown["duration_s"].to_numpy(np.float64),
                    onset_s=shown["onset_s"].to_numpy(np.float64),
                    affine_lps=record.affine_lps,
                    source=self.source,
                    patient=record.patient,
                    trial=f"{session}:{trial}",
                )
            )
        return paths
