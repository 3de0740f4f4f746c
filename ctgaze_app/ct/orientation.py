"""Letters for the edges of a shown slice: where right, left, anterior, posterior, head and feet lie."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

RAS_FROM_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""NIfTI's world is right-anterior-superior, DICOM's left-posterior-superior; the same matrix leads both ways."""
_POSITIVE, _NEGATIVE = "LPH", "RAF"  # LPS axes: + is left, posterior, head
_LEAST_COSINE = 0.2  # a part under 12 degrees is not worth a letter


@dataclass(frozen=True)
class EdgeLetters:
    """What lies towards each edge of the picture, e.g. ``R``, or ``AL`` when oblique (larger part first)."""

    left: str
    right: str
    top: str
    bottom: str


def direction_letters(direction_lps: ArrayLike) -> str:
    """Letters of an LPS direction (3,), larger part first: ``L``/``R``, ``P``/``A``, ``H``/``F``; or nothing."""
    vector = np.asarray(direction_lps, dtype=np.float64)
    length = float(np.linalg.norm(vector))
    if not length:
        return ""
    cosines = vector / length
    order = sorted(range(3), key=lambda axis: -abs(cosines[axis]))
    return "".join(
        (_POSITIVE if cosines[axis] > 0 else _NEGATIVE)[axis] for axis in order if abs(cosines[axis]) >= _LEAST_COSINE
    )


def edge_letters(row_direction: ArrayLike, column_direction: ArrayLike) -> EdgeLetters:
    """Letters of the four edges of an unflipped slice: column index grows to the right, row index downwards.

    Parameters
    ----------
    row_direction, column_direction
        (3,) LPS directions along increasing column index i and increasing row index j, as in `Volume`.
    """
    row = np.asarray(row_direction, dtype=np.float64)
    column = np.asarray(column_direction, dtype=np.float64)
    return EdgeLetters(
        left=direction_letters(-row),
        right=direction_letters(row),
        top=direction_letters(-column),
        bottom=direction_letters(column),
    )
