"""The tables of a BIDS recording: packed, tab-separated, without a header; the sidecar names the columns."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.contract import FormatError, at

if TYPE_CHECKING:
    import pandas as pd

TEXT_COLUMNS = ("trial_type", "message", "kind")


def read_headerless(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The columns of a packed table without a header: numbers with NaN for ``n/a``, text where the column is text.

    Raises
    ------
    FormatError
        When it cannot be unpacked, is empty or cut, or a row or cell is not as the columns say.
    """
    import pandas as pd

    try:
        with gzip.open(path, "rb") as file:
            text = file.read().decode("utf-8")
    except FileNotFoundError as error:
        raise FormatError("the table of this sidecar is missing", place=at(path), remedy="restore it") from error
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise FormatError(f"cannot be read: {error}", place=at(path), remedy="restore the file") from error
    text = text.replace("\r\n", "\n")
    for sign, name in (("\r", "carriage return"), ("\0", "NUL byte")):
        if sign in text:
            row = text.count("\n", 0, text.index(sign)) + 1
            raise FormatError(f"a {name} stands within a row", place=at(path, row), remedy="restore the file")
    lines = text.split("\n")
    if lines.pop():
        raise FormatError(
            "the last row has no line end: it may be cut", place=at(path, len(lines) + 1), remedy="restore the file"
        )
    if not lines:
        raise FormatError("the table is empty", place=at(path), remedy="restore it, or remove it with its sidecar")
    widths = np.array([line.count("\t") + 1 for line in lines])
    wrong = np.flatnonzero(widths != len(columns))
    if len(wrong):
        raise FormatError(
            f"{widths[wrong[0]]} cells instead of {len(columns)}",
            place=at(path, int(wrong[0]) + 1),
            remedy="complete the row or correct Columns",
        )
    raw = pd.read_csv(
        io.StringIO(text), sep="\t", header=None, names=list(columns), dtype=str, keep_default_na=False, quoting=3
    )
    return pd.DataFrame(
        {name: raw[name] if name in TEXT_COLUMNS else _numbers(raw[name], path, name) for name in columns}
    )


def _numbers(cells: pd.Series, path: Path, column: str) -> NDArray[np.float64]:
    import pandas as pd

    values = pd.to_numeric(cells.where(cells != "n/a", "nan"), errors="coerce").to_numpy(np.float64)
    bad = np.flatnonzero(~np.isfinite(values) & (cells != "n/a").to_numpy())
    if len(bad):
        raise FormatError(
            f"{cells.iloc[bad[0]]!r} is not a finite number",
            place=at(path, int(bad[0]) + 1, column),
            remedy="write n/a where nothing is known",
        )
    return values
