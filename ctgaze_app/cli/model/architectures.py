"""The architectures as the commands name them, and the options that belong to some of them only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import typer

from ctgaze_app.errors import CTGazeError
from models.families import FAMILIES, Architecture

CT_SEARCHER = "ct_searcher"


class Command(StrEnum):
    """The names on the command line, as in `FAMILIES`."""

    CT_SEARCHER = "ct-searcher"
    CT_SCROLL = "ct-scroll"
    GAZE_SEGMENTATION = "gaze-segmentation"
    GAZE_CLASSIFIER = "gaze-classifier"


def architecture_called(command: Command) -> Architecture:
    """By its name on the command line."""
    return next(one for one in FAMILIES.values() if one.command == command)


def title_of(architecture: str) -> str:
    """For people; the name itself where nobody knows it."""
    return FAMILIES[architecture].title if architecture in FAMILIES else architecture


def refuse_options_of_another(context: typer.Context, names: Sequence[str], owner: str, given: str) -> None:
    """Refuse options that somebody gave and that this architecture does not have.

    Parameters
    ----------
    names
        Parameters of the command that only `owner` has.
    owner, given
        Titles of the architectures.

    Raises
    ------
    CTGazeError
        Names the option.
    """
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if name in names and source is not None and source.name == "COMMANDLINE":
            raise CTGazeError(
                f"{parameter.opts[0]} belongs to {owner}, and this is {given}", remedy=f"leave out {parameter.opts[0]}"
            )


def named_options(given: Sequence[str], known: Mapping[str, str], who: str) -> dict[str, str]:
    """Options written as ``NAME=VALUE``.

    Parameters
    ----------
    known
        What each name means.
    who
        Whose options they are.

    Raises
    ------
    CTGazeError
        One without a name or value, given twice, or that is not known: the line says which are.
    """
    listed = "; ".join(f"{name}: {meaning}" for name, meaning in known.items())
    remedy = f"options: {listed}" if listed else "leave it out"
    found: dict[str, str] = {}
    for text in given:
        name, sign, value = text.partition("=")
        if not sign or not name.strip() or not value.strip():
            raise CTGazeError(f"--option {text[:60]!r} is not NAME=VALUE", remedy=remedy)
        if name.strip() not in known:
            raise CTGazeError(f"{who} has no option {name.strip()[:60]!r}", remedy=remedy)
        if found.setdefault(name.strip(), value.strip()) != value.strip():
            raise CTGazeError(f"--option {name.strip()} comes twice", remedy="give it once")
    return found
