"""Good files of formats whose own test modules offer none to be damaged."""

from __future__ import annotations

from pathlib import Path

from ctgaze_app.formats.bids_export import write_bids
from ctgaze_app.formats.contract import checked_options
from ctgaze_app.formats.registry import format_named
from ctgaze_app.formats.xdf import write_xdf
from tests.formats.gaze_tables import make_dataset
from tests.formats.mutations import Subject


def _bids(folder: Path) -> Path:
    options = checked_options({}, format_named("bids").write_options, "bids")
    write_bids(make_dataset(n_fixations=4, n_samples=12), folder / "bids", options)
    return folder / "bids"


def _xdf(folder: Path) -> Path:
    return write_xdf(make_dataset(n_fixations=4, n_samples=40), folder / "xdf", {})[0]


_SESSION = "bids/sub-r01/ses-r0120260102T030405Z/beh/sub-r01_ses-r0120260102T030405Z_task-reading_run-1_recording-eye3"
SUBJECTS: dict[str, tuple[Subject, ...]] = {
    "xdf": (
        Subject(
            "xdf",
            _xdf,
            {"unit": "normalized", "screen": "1920x1080px,527x296mm,650mm", "reader": "r01", "case": "case-1"},
        ),
    ),
    "bids": (
        Subject(
            "bids",
            _bids,
            files=tuple(f"{_SESSION}_{kind}.tsv.gz" for kind in ("physio", "physioevents")),
            kinds={f"{Path(_SESSION).name}_{kind}.tsv.gz": "rows" for kind in ("physio", "physioevents")},
            separator="\t",
        ),
        Subject(
            "bids",
            _bids,
            files=tuple(f"{_SESSION}_{kind}.json" for kind in ("physio", "physioevents")),
            text_columns=frozenset({"Description", "Levels", "SoftwareName", "SoftwareVersion"}),
        ),
    ),
}
