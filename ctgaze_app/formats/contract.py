"""What one exchange format is: one file that reads, writes, or both, and says which options must be declared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ctgaze_app.errors import CTGazeError
from ctgaze_app.formats.dataset import DataSet


class FormatError(CTGazeError):
    """An exchange file cannot be read or written as declared; `place` is file, row and column."""


def at(path: Path | str, row: int | None = None, column: str | None = None) -> str:
    """The place of a fault: ``file, row 3, column X``. Rows count from 1, the header is row 1; no folder is named."""
    parts = [Path(path).name]
    if row is not None:
        parts.append(f"row {row}")
    if column is not None:
        parts.append(f"column {column}")
    return ", ".join(parts)


@dataclass(frozen=True)
class Option:
    """Something that a file does not say itself.

    Attributes
    ----------
    name
        As in ``--option name=value``.
    meaning
        One line for `--help` and for the error when it is missing.
    choices
        Allowed values; empty for free text, numbers and paths.
    default
        None: it must be declared, because a wrong guess would change numbers.
    """

    name: str
    meaning: str
    choices: tuple[str, ...] = ()
    default: str | None = None


class Reader(Protocol):
    """Reads a file or folder; raises `FormatError`."""

    def __call__(self, path: Path, options: Mapping[str, str]) -> DataSet:
        """Every option of `read_options` is present in `options` and one of its choices."""
        ...


class Writer(Protocol):
    """Writes into an empty or new folder; raises `FormatError`, leaves nothing half written behind."""

    def __call__(self, dataset: DataSet, folder: Path, options: Mapping[str, str]) -> tuple[Path, ...]:
        """The files written."""
        ...


@dataclass(frozen=True)
class Format:
    """One exchange format.

    Attributes
    ----------
    name
        As in ``--format name``.
    title
        One line for lists.
    recognises
        Whether a path looks like this format, cheaply; only for hints, never to choose in silence.
    """

    name: str
    title: str
    read: Reader | None = None
    write: Writer | None = None
    read_options: tuple[Option, ...] = ()
    write_options: tuple[Option, ...] = ()
    recognises: Callable[[Path], bool] | None = None


def checked_options(
    declared: Mapping[str, str], options: tuple[Option, ...], format_name: str, *, configured: bool = False
) -> dict[str, str]:
    """The declared options with defaults filled in.

    Parameters
    ----------
    configured
        Whether a source of a training configuration declares them, rather than a command.

    Raises
    ------
    FormatError
        For an unknown name, a value that is not a choice, or one that must be declared and is not.
    """
    known = {option.name: option for option in options}
    for name, value in declared.items():
        if name not in known:
            names = ", ".join(known) or "none"
            raise FormatError(f"format {format_name} has no option {name}", remedy=f"its options: {names}")
        if known[name].choices and value not in known[name].choices:
            raise FormatError(
                f"option {name}={value} of format {format_name} is not one of {', '.join(known[name].choices)}",
                remedy=known[name].meaning,
            )
    missing = [option for option in options if option.default is None and option.name not in declared]
    if missing:
        wanted = "|".join(missing[0].choices) or "..."
        others = f", and {', '.join(option.name for option in missing[1:])}" if len(missing) > 1 else ""
        name = missing[0].name
        how = f'in its source: options = {{ {name} = "{wanted}" }}' if configured else f"--option {name}={wanted}"
        raise FormatError(
            f"format {format_name} does not say itself: {missing[0].meaning}", remedy=f"declare it: {how}{others}"
        )
    return {option.name: option.default for option in options if option.default is not None} | dict(declared)
