"""The option that names a detector of eye events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ctgaze_app.gaze.detectors import DetectorParameters

Detector = Annotated[
    str | None,
    typer.Option(
        "--detector",
        metavar="PRESET",
        help="tobii-ivt, salvucci-idt, engbert-kliegl, adaptive-500hz (clean data of 500 Hz and more), adaptive-noisy "
        "(60 to 250 Hz or noisy). Without it: the one each session has, tobii-ivt at first.",
    ),
]


def preset_named(name: str) -> DetectorParameters:
    """The parameters of a preset.

    Raises
    ------
    typer.BadParameter
        When there is no such preset.
    """
    from ctgaze_app.gaze.detectors import PRESETS

    if name not in PRESETS:
        raise typer.BadParameter(f"there is no preset {name}; presets: {', '.join(PRESETS)}", param_hint="--detector")
    return PRESETS[name]
