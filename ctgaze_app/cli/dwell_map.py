"""`ctgaze session dwell-map`: where one reader looked, as a volume on the CT's grid."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

LEFT_OUT = {
    "off_image": "beside the image",
    "other_series": "on another series",
    "no_view": "without a view that was recorded",
    "other_plane": "on a plane across the slices",
    "slab": "on a slab, where the depth is not known",
}


class SourceChoice(StrEnum):
    """What the map is made from."""

    FIXATIONS = "fixations"
    SAMPLES = "samples"


def dwell_map(
    folder: Annotated[Path, typer.Argument(metavar="SESSION", help="The session's folder.")],
    out: Annotated[Path, typer.Option("--out", metavar="FILE.nii.gz", help="The NIfTI file to write.")],
    trial: Annotated[int, typer.Option("--trial", min=1, help="Number of the trial.")] = 1,
    sigma_deg: Annotated[
        float | None,
        typer.Option("--sigma", min=0.05, max=10.0, help="Width of the Gaussian, degrees of visual angle; else 1."),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option("--preset", help="A published map instead: gazemedseg-kvasir, gazemedseg-nci, egd-cxr."),
    ] = None,
    source: Annotated[SourceChoice, typer.Option("--from", help="Fixations, or samples without any detector.")] = (
        SourceChoice.FIXATIONS
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Write seconds of looking per voxel, on the CT's own grid, and beside it what made it.

    Example: ctgaze session dwell-map my-session --out dwell.nii.gz
    """
    from ctgaze_app.review.dwell_volume import DEFAULT_SIGMA_DEG
    from ctgaze_app.study.dwell_map import write_dwell_map

    if preset is not None and sigma_deg is not None:
        raise typer.BadParameter("a preset has a width of its own", param_hint="--sigma")
    width = DEFAULT_SIGMA_DEG if sigma_deg is None else sigma_deg
    made = write_dwell_map(folder, out, trial=trial, sigma_deg=width, preset=preset, source=source.value)
    if as_json:
        typer.echo(json.dumps(made.to_dict()))
        return
    what = "s of looking" if made.unit == "s" else f"{source.value} counted"
    typer.echo(
        f"{made.file}: {made.total:.1f} {what} in trial {made.trial}, case {made.case}; most on slice "
        f"{made.busiest_slice} (from 0)"
    )
    for reason, seconds in made.left_out_s.items():
        if seconds >= 0.05:
            typer.echo(f"left out: {seconds:.1f} s {LEFT_OUT[reason]}")
