"""What one format of lesion truth is: one file that reads it, and the options that must be declared for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.ct.volume import Volume
from ctgaze_app.errors import CTGazeError


class TruthError(CTGazeError):
    """A truth file cannot be read, or does not belong to this CT; `place` is the file's name and where in it."""


def within(path: Path, *parts: str) -> str:
    """The place of a fault: ``file, part, part``; no folder is named."""
    return ", ".join([path.name, *parts])


@dataclass(frozen=True)
class TruthOption:
    """Something that a truth file does not say itself.

    Attributes
    ----------
    choices
        Allowed values; empty for free text and numbers.
    default
        None: it must be declared, because a wrong guess would move the lesion.
    """

    name: str
    meaning: str
    choices: tuple[str, ...] = ()
    default: str | None = None


class TruthReader(Protocol):
    """Reads one file into regions of one volume; raises `TruthError`."""

    def __call__(self, path: Path, volume: Volume, options: Mapping[str, str]) -> tuple[LabelledRegion, ...]:
        """Every option of the format is present in `options` and one of its choices."""
        ...


@dataclass(frozen=True)
class TruthFormat:
    """One format: `name` as in a study's table of cases, `title` one line for lists."""

    name: str
    title: str
    read: TruthReader
    options: tuple[TruthOption, ...] = ()


def filled_options(declared: Mapping[str, str], known: TruthFormat, path: Path) -> dict[str, str]:
    """The declared options with defaults filled in.

    Raises
    ------
    TruthError
        For an unknown name, a value that is not a choice, or one that must be declared and is not.
    """
    options = {option.name: option for option in known.options}
    for name, value in declared.items():
        if name not in options:
            raise TruthError(
                f"format {known.name} has no option {name}",
                place=path.name,
                remedy=f"its options: {', '.join(options) or 'none'}",
            )
        choices = options[name].choices
        if choices and value not in choices:
            raise TruthError(
                f"option {name}={value} is not one of {', '.join(choices)}",
                place=path.name,
                remedy=options[name].meaning,
            )
    filled = {name: str(value) for name, value in declared.items()}
    for option in known.options:
        if option.name in filled:
            continue
        if option.default is None:
            raise TruthError(
                f"the file does not say itself: {option.meaning}",
                place=path.name,
                remedy=f"declare {option.name}={'|'.join(option.choices) or '...'}",
            )
        filled[option.name] = option.default
    return filled


def number_option(options: Mapping[str, str], name: str, path: Path, *, minimum: float = 0.0) -> float:
    """An option as a finite number of at least `minimum`."""
    try:
        value = float(options[name])
    except ValueError:
        value = float("nan")
    if not minimum <= value < float("inf"):
        raise TruthError(
            f"option {name}={options[name]} is not a number of at least {minimum:g}",
            place=path.name,
            remedy=f"declare {name} as a number",
        )
    return value
