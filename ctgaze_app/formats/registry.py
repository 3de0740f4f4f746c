"""Every exchange format by name; the module of one is imported when it is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from ctgaze_app.formats.contract import Format, FormatError

FORMATS: Mapping[str, str] = MappingProxyType(
    {
        "ctgaze": "ctgaze_app.formats.ctgaze_dataset",
        "ct_scangaze": "ctgaze_app.formats.ct_scangaze",
        "egd": "ctgaze_app.formats.egd",
        "gazemedseg": "ctgaze_app.formats.gazemedseg",
        "mapped_csv": "ctgaze_app.formats.mapped_csv",
        "plain_tables": "ctgaze_app.formats.plain_tables",
        "gazepoint_csv": "ctgaze_app.formats.gazepoint_csv",
        "eyelink_asc": "ctgaze_app.formats.eyelink_asc",
        "bids": "ctgaze_app.formats.bids",
        "xdf": "ctgaze_app.formats.xdf",
    }
)
"""Name, as in ``--format name``, to the module whose ``FORMAT`` it is."""


def format_named(name: str) -> Format:
    """The format of that name.

    Raises
    ------
    FormatError
        For a name that is none.
    """
    if name not in FORMATS:
        raise FormatError(f"there is no format {name}", remedy=f"formats: {', '.join(FORMATS)}")
    found = import_module(FORMATS[name]).FORMAT
    if not isinstance(found, Format):
        raise TypeError(f"{FORMATS[name]}.FORMAT is not a Format")
    return found


def every_format() -> tuple[Format, ...]:
    """All of them, in the order of the list."""
    return tuple(format_named(name) for name in FORMATS)
