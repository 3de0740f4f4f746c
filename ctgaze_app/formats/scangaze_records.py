"""The records of a CT-ScanGaze JSON file, checked field by field; nothing is converted here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ctgaze_app.formats.checked_json import read_json
from ctgaze_app.formats.contract import FormatError, at

Floats = NDArray[np.float64]
LISTS = ("X", "Y", "Z", "T")
KNOWN = (*LISTS, "task", "split", "report", "name", "subject", "length", "K", "onset", "kind")
KINDS = ("fixation", "drill", "pursuit")
FARTHEST = 1e6
LONGEST_FIXATION_S = 60.0
"""T is in seconds; a longer fixation is milliseconds in the wrong place."""


@dataclass(frozen=True, eq=False)
class GazeRecord:
    """One reading of one volume, numbers as in the file; `place` says where in the file."""

    place: str
    name: str
    reader: str
    X: Floats = field(repr=False)
    Y: Floats = field(repr=False)
    Z: Floats = field(repr=False)
    T: Floats = field(repr=False)
    K: Floats | None = field(default=None, repr=False)
    onset: Floats | None = field(default=None, repr=False)
    kind: tuple[str, ...] | None = None
    task: str = ""
    split: str = ""
    report: str = field(default="", repr=False)
    unused: tuple[str, ...] = ()


def parse_records(path: Path) -> list[GazeRecord]:
    """Every record, in the order of the file: of a flat list, or of a dict from reader to list.

    Raises
    ------
    FormatError
        With file and record, for a missing or double key, a wrong type, lists of different lengths, a number that
        cannot be.
    """
    content = read_json(path)
    found: list[GazeRecord] = []
    if isinstance(content, list):
        found = [_record(path, f"record {number}", each, None) for number, each in enumerate(content, start=1)]
    elif isinstance(content, dict):
        for reader, records in content.items():
            if not isinstance(records, list) or not records:
                raise _fault(path, f"reader {reader[:40]!r}", "is no list of records, or an empty one")
            found += [
                _record(path, f"reader {reader[:40]!r} record {number}", each, reader)
                for number, each in enumerate(records, start=1)
            ]
    else:
        raise FormatError("is neither a list of records nor a dict by reader", place=at(path))
    seen: dict[tuple[Any, ...], str] = {}
    for record in found:
        numbers = tuple(getattr(record, name).tobytes() for name in LISTS)
        first = seen.setdefault((record.name, record.reader, *numbers), record.place)
        if first != record.place and len(record.X):
            raise _fault(path, record.place, f"is {first} again, number by number", "delete one of them")
    if not found:
        raise FormatError("holds no record", place=at(path), remedy="restore it from a copy")
    return found


def _record(path: Path, place: str, fields: Any, reader: str | None) -> GazeRecord:
    if not isinstance(fields, dict):
        raise _fault(path, place, "is no object with X, Y, Z and T")
    for name in fields:
        # A known field under a slightly other name is one that would be lost in silence.
        near = next((known for known in KNOWN if name != known and _plain(name) == _plain(known)), None)
        if near and near not in fields:
            raise _fault(path, f"{place}.{name[:40]}", f"this field is not known, but is close to {near}", "rename it")
    lists = {name: _numbers(path, place, fields, name) for name in LISTS}
    count = len(lists["X"])
    for name, values in lists.items():
        if len(values) != count:
            raise _fault(path, f"{place}.{name}", f"has {len(values)} numbers where X has {count}")
    length = fields.get("length")
    if type(length) is not int or length != count:
        raise _fault(path, f"{place}.length", f"is {str(length)[:20]} where X has {count} numbers")
    long = (lists["T"] < 0) | (lists["T"] > LONGEST_FIXATION_S)
    if long.any():
        worst = int(np.argmax(long))
        raise _fault(
            path, f"{place}.T", f"fixation {worst + 1} lasts {lists['T'][worst]:g} s", "T is in seconds; convert it"
        )
    subject = _code(path, place, fields, "subject", reader)
    if reader is not None and subject != reader:
        raise _fault(path, f"{place}.subject", f"is {subject[:40]!r} under reader {reader[:40]!r}", "make them equal")
    return GazeRecord(
        place=place,
        name=_code(path, place, fields, "name", None),
        reader=subject,
        X=lists["X"],
        Y=lists["Y"],
        Z=lists["Z"],
        T=lists["T"],
        K=_k(path, place, fields, count),
        onset=_onset(path, place, fields, count),
        kind=_kind(path, place, fields, count),
        task=_text(path, place, fields, "task"),
        split=_text(path, place, fields, "split"),
        report=_text(path, place, fields, "report"),
        unused=tuple(sorted(name[:40] for name in fields if name not in KNOWN)),
    )


def _numbers(path: Path, place: str, fields: Mapping[str, Any], name: str) -> Floats:
    if name not in fields:
        raise _fault(path, f"{place}.{name}", "this field is missing", f"a record needs {', '.join(LISTS)}")
    values = fields[name]
    if not isinstance(values, list):
        raise _fault(path, f"{place}.{name}", "is no list of numbers")
    for number, value in enumerate(values, start=1):
        if type(value) not in (int, float):
            raise _fault(path, f"{place}.{name}", f"item {number} is {str(value)[:20]!r}, not a number")
        if not -FARTHEST <= value <= FARTHEST:
            raise _fault(path, f"{place}.{name}", f"item {number} is {str(value)[:20]}, which cannot be")
    return np.array(values, dtype=np.float64)


def _onset(path: Path, place: str, fields: Mapping[str, Any], count: int) -> Floats | None:
    if "onset" not in fields:
        return None
    onset = _numbers(path, place, fields, "onset")
    if len(onset) != count:
        raise _fault(path, f"{place}.onset", f"has {len(onset)} numbers where X has {count}")
    if (np.diff(onset) < 0).any():
        raise _fault(path, f"{place}.onset", "descends")
    return onset


def _k(path: Path, place: str, fields: Mapping[str, Any], count: int) -> Floats | None:
    """ "Fixation captured time" of the first README, of unknown unit and origin: kept, never used."""
    value = fields.get("K")
    if value is None:
        return None
    if not isinstance(value, list):
        value = [value] * count
    values = _numbers(path, place, {"K": value}, "K")
    if len(values) != count:
        raise _fault(path, f"{place}.K", f"has {len(values)} numbers where X has {count}")
    return values


def _kind(path: Path, place: str, fields: Mapping[str, Any], count: int) -> tuple[str, ...] | None:
    kinds = fields.get("kind")
    if kinds is None:
        return None
    if not isinstance(kinds, list) or len(kinds) != count or any(kind not in KINDS for kind in kinds):
        raise _fault(path, f"{place}.kind", f"is no list of {count} of {', '.join(KINDS)}")
    return tuple(kinds)


def _code(path: Path, place: str, fields: Mapping[str, Any], name: str, otherwise: str | None) -> str:
    value = fields.get(name, otherwise)
    if type(value) is int:
        value = str(value)
    if not isinstance(value, str) or not value.strip():
        raise _fault(path, f"{place}.{name}", "this field is missing or no text")
    return value


def _text(path: Path, place: str, fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name, "")
    if not isinstance(value, str):
        raise _fault(path, f"{place}.{name}", "is no text")
    return value


def _plain(name: str) -> str:
    lower = name.strip().lower()
    return lower.removesuffix("_ms").removesuffix("_s")


def _fault(path: Path, place: str, message: str, remedy: str = "correct this record") -> FormatError:
    return FormatError(message, place=f"{at(path)}, {place}", remedy=remedy)
