"""What every column of a `DataSet` means, with its unit, for the files that carry their own description."""

from __future__ import annotations

from collections.abc import Sequence

MEANINGS = {
    "session": "code of the session; empty when not known",
    "reader": "code of the reader, or name of the model",
    "trial": "number of the showing of a case within the session, from 1",
    "case": "code of the case",
    "fixation": "number of the fixation within its trial, from 1",
    "onset_s": "seconds from the trial's first visible view; empty when the source has none",
    "duration_s": "seconds",
    "x_voxel": "column i of the image, 0-based, voxel centres at integers; empty off the image",
    "y_voxel": "row j of the image, 0-based, voxel centres at integers; empty off the image",
    "z_voxel": "slice k of the volume, 0-based; 0 in a picture; empty off the image",
    "on_image": "whether the gaze met the case's image",
    "x_screen_norm": "0..1 of the screen's width from the left",
    "y_screen_norm": "0..1 of the screen's height from the top",
    "pupil": "pupil size in pupil_unit",
    "pupil_unit": "unit of pupil: mm, px or another text of the source",
    "uncertainty_mm": "radius of the disc that the gaze may have met, millimetres in the patient",
    "valid": "whether the tracker saw the eye",
    "event": "saccade, blink, message or another kind",
    "value": "free text of the event",
    "text": "the word or phrase as spoken",
    "start_s": "seconds on the clock of onset_s",
    "end_s": "seconds on the clock of onset_s",
    "source": "what made the words",
    "region": "name of the region",
    "group": "group of the region",
    "i_first": "first column inside, 0-based",
    "i_last": "last column inside, 0-based",
    "j_first": "first row inside, 0-based",
    "j_last": "last row inside, 0-based",
    "k_first": "first slice inside, 0-based",
    "k_last": "last slice inside, 0-based",
}
KIND = {
    "fixations": "fixation (view still), drill (slices moved), pursuit (eye followed) or calibration",
    "samples": "gaze or calibration",
}


def meanings(table: str, columns: Sequence[str]) -> dict[str, str]:
    """Column to meaning, in the order of `columns`."""
    return {name: _meaning(table, name) for name in columns}


def _meaning(table: str, name: str) -> str:
    if name == "kind":
        return KIND[table]
    if name.startswith("source_"):
        return f"as the source has it: {name.removeprefix('source_')}"
    return MEANINGS.get(name, "not part of the layout")
