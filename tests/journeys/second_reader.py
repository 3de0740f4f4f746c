"""The reading of a session once more beside it, by somebody else who looked a little further to the right."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

CODE = "second"
ASIDE_VOXEL = 12.0


def add_second_reader(session: Path) -> Path:
    """Copy a session under another reader's code, its fixations moved; gives the folder beside it."""
    second = session.with_name(f"{session.name} of {CODE}")
    shutil.copytree(session, second)
    place = second / "session.json"
    manifest = json.loads(place.read_text(encoding="utf-8"))
    manifest.update(reader=CODE, session=f"{CODE}_20260102T030405Z")
    place.write_text(json.dumps(manifest), encoding="utf-8")
    fixations = second / "derived" / "fixations.csv"
    table = pd.read_csv(fixations)
    table["x_voxel"] += ASIDE_VOXEL
    table.to_csv(fixations, index=False)
    return second
