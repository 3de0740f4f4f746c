"""A reference mask of a case: a file that the user names, or one that lies with the session."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.ct.truth import TruthError, read_truth
from ctgaze_app.ct.volume import Volume

FOLDER = Path("private") / "truth"
"""Of a session: `<case>.<ending>` in any format of `ctgaze_app.ct.truth`. Private, since such files name the scan."""


@dataclass(frozen=True, eq=False)
class ReferenceMask:
    """Where the structure truly is: all regions of a file together."""

    name: str
    regions: int
    mask_kji: NDArray[np.bool_] = field(repr=False)


def stored_reference(session: Path, case: str) -> Path | None:
    """The file that lies with the session for a case, if any."""
    found = sorted((session / FOLDER).glob(f"{case}.*"))
    return next((path for path in found if path.is_file()), None)


def read_reference(path: Path, volume: Volume) -> ReferenceMask:
    """Every region of a truth file as one mask of the volume.

    Raises
    ------
    TruthError
        When the file is no truth file, is broken, or belongs to another scan; one line.
    """
    regions = read_truth(path, volume)
    mask = np.zeros(volume.shape_kji, dtype=bool)
    try:
        for region in regions:
            mask |= region.full_mask(volume.shape_kji)
    except ValueError as error:
        raise TruthError(str(error), place=path.name, remedy="choose the file of this scan") from error
    return ReferenceMask(path.name, len(regions), mask)
