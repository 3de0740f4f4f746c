"""A file's own curve from values to display, VOI LUT Sequence (DICOM PS3.3 C.11.2.1.1), as grey levels of values."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence

from ctgaze_app.ct.volume import VoiTable, VoiWindow

MOST_ENTRIES = 65536
_HALF = 32768
_NAME = "Curve"
_LONGEST_NAME = 64


@dataclass(frozen=True)
class StoredTable:
    """The first table of a file.

    Attributes
    ----------
    first
        Value, after the rescale, of the first entry; lower values take it too, and greater ones the last.
    entries
        uint16 (N,).
    bits
        Of an entry: 2 ** bits - 1 is the brightest.
    """

    first: int
    entries: NDArray[np.uint16] = field(repr=False, compare=False)
    bits: int
    name: str = ""


def read_voi_table(dataset: Dataset, *, signed: bool) -> StoredTable | None:
    """The file's first table; None when it has none, a broken one, or one behind a Modality LUT, which is not read."""
    sequence = dataset.get("VOILUTSequence")
    if not isinstance(sequence, Sequence) or not sequence or dataset.get("ModalityLUTSequence"):
        return None
    item = sequence[0]
    descriptor = _numbers(item.get("LUTDescriptor"))
    if len(descriptor) != 3:
        return None
    count, first, bits = descriptor
    count = count % MOST_ENTRIES or MOST_ENTRIES
    if signed and first >= _HALF:
        first -= MOST_ENTRIES
    entries = _entries(item.get("LUTData"), count, bits, "<u2" if item.original_encoding[1] is not False else ">u2")
    if entries is None or not 1 <= bits <= 16:
        return None
    return StoredTable(first, entries, bits, str(item.get("LUTExplanation") or "")[:_LONGEST_NAME])


def display_table(
    table: StoredTable, *, slope: float, intercept: float, added: int
) -> tuple[VoiWindow, VoiTable] | None:
    """The window that shows a picture by its file's curve, and the curve; None where the slope is 0.

    Parameters
    ----------
    slope, intercept
        Of the file: its table is of rescaled values.
    added
        What shown values have more than stored ones.
    """
    if not slope:
        return None
    shown = np.arange(-_HALF, _HALF, dtype=np.float64)
    number = np.rint(slope * (shown - added) + intercept) - table.first
    entries = table.entries[np.clip(number, 0, len(table.entries) - 1).astype(np.intp)]
    grey = np.floor(np.minimum(entries / (2.0**table.bits - 1), 1.0) * 255 + 0.5).astype(np.uint8)
    grey.flags.writeable = False
    centre = (table.first + (len(table.entries) - 1) / 2 - intercept) / slope + added
    width = max(len(table.entries) / abs(slope), 1.0)
    return VoiWindow(centre, width, table.name or _NAME, "TABLE"), VoiTable(centre, width, grey)


def _entries(data: Any, count: int, bits: int, word: str) -> NDArray[np.uint16] | None:
    """16-bit words; of up to 8 bits also bytes, where there are no more; None when there are too few."""
    if isinstance(data, bytes):
        if len(data) >= 2 * count:
            return np.frombuffer(data, dtype=word, count=count).astype(np.uint16)
        if bits > 8 or len(data) < count:
            return None
        return np.frombuffer(data, dtype=np.uint8, count=count).astype(np.uint16)
    values = _numbers(data)[:count]
    return None if len(values) < count else (np.array(values) % MOST_ENTRIES).astype(np.uint16)


def _numbers(value: Any) -> list[int]:
    """Whole numbers of an element; none of one that holds anything else."""
    found = list(value) if isinstance(value, (MultiValue, list)) else [value]
    return found if all(isinstance(each, int) for each in found) else []
