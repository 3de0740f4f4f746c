"""`ctgaze compare`: scan-path and saliency measures of readers, models and simulations, with floors and ceiling."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from ctgaze_app import __version__
from ctgaze_app.cli.progress import progress_bar
from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    from ctgaze_app.formats.scanpath_sources import PathSource
    from ctgaze_app.formats.session_masks import CaseMasks
    from models.metrics.comparison_report import Comparison
    from models.metrics.measures import MeasureParameters
    from models.scanpath import Scanpath, Source


class Matching(StrEnum):
    """How paths are brought to one length."""

    CUT = "cut"
    CUT_TIME = "cut_time"
    RESAMPLE = "resample"


def compare(
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="A B [C ...]", help="Session folders (or FOLDER:TRIAL), data set folders, exchange files."
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object: the same numbers and more.")] = False,
    bins: Annotated[
        str | None,
        typer.Option("--bins", help="Cells: 6x4x8 (how many), or edges: 30mm, 5deg, 64vox, 30x30x20mm."),
    ] = None,
    matching: Annotated[Matching, typer.Option("--match", help="How paths are brought to one length.")] = Matching.CUT,
    temporal_bin_ms: Annotated[
        float, typer.Option("--temporal-bin", min=1.0, help="ScanMatch with durations: milliseconds a symbol.")
    ] = 50.0,
    sigma: Annotated[
        str | None,
        typer.Option("--sigma", help="Of the heat maps: 1deg, 10mm, 20vox in the slice; 1deg+2slices also across."),
    ] = None,
    format_name: Annotated[
        str | None, typer.Option("--format", metavar="NAME", help="What the exchange files among the sources are.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option("--option", metavar="NAME=VALUE", help="What those files do not say themselves.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="WHO", help="This code is a model, not a reader.")
    ] = None,
    simulated: Annotated[
        list[str] | None, typer.Option("--simulated", metavar="WHO", help="This code is a simulated reader.")
    ] = None,
    training: Annotated[
        list[str] | None,
        typer.Option("--training", metavar="SOURCE", help="Further readings that floors learn and borrow from."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the floors and the bootstrap.")] = 1,
    bootstrap: Annotated[
        int, typer.Option("--bootstrap", min=100, max=1_000_000, help="Resamples over patients.")
    ] = 10_000,
    ct: Annotated[
        bool, typer.Option("--ct/--no-ct", help="Open the sessions' CT to find body and lungs, for maps and floors.")
    ] = True,
    differences: Annotated[
        bool, typer.Option("--differences/--no-differences", help="Tables of candidate minus floor or candidate.")
    ] = True,
) -> None:
    """Compare scan paths of the same cases: ScanMatch, MultiMatch, edit distance and heat maps, raw and length-matched.

    Floors say what a path scores that knows nothing of the case, the ceiling what another reading scores. Differences
    from the floors and between candidates are tested by paired bootstrap over patients.

    Example: ctgaze compare sessions/r01_20260102T030405Z sessions/r02_20260103T030405Z predictions --model ct-searcher
    """
    from ctgaze_app.formats.contract import FormatError
    from ctgaze_app.formats.scanpath_sources import check_one_volume_each, read_scanpaths
    from ctgaze_app.formats.session_masks import CaseMasks
    from models.metrics.comparison import NothingToCompareError
    from models.metrics.comparison import compare as compare_paths
    from models.metrics.comparison_report import ComparisonParameters

    options = _options(option or [])
    measures = _measures(bins, matching, temporal_bin_ms, sigma)
    named = [*sources, *(training or [])]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise FormatError("is named twice", place=twice, remedy="name each source once")
    with progress_bar("Comparing", shown=not as_json) as report:
        read = [read_scanpaths(name, format_name=format_name, options=options) for name in sources]
        taught = [read_scanpaths(name, format_name=format_name, options=options) for name in training or []]
        check_one_volume_each([*read, *taught])
        paths = _with_roles([path for source in read for path in source.paths], model or [], simulated or [])
        lent = [path for source in taught for path in source.paths]
        masks = _masks(named, [*paths, *lent]) if ct else CaseMasks(notes=("whole volumes stand for bodies and lungs",))
        parameters = ComparisonParameters(measures, seed=seed, resamples=bootstrap)
        try:
            found = compare_paths(
                paths, training=lent, bodies_kji=masks.bodies_kji, lungs_kji=masks.lungs_kji, parameters=parameters,
                progress=report,
            )  # fmt: skip
        except NothingToCompareError as error:
            cases = ", ".join(sorted({path.case for path in paths})[:6])
            raise CTGazeError(
                f"cannot be compared: {error}", remedy=f"cases found: {cases}; name readings of the same case"
            ) from error
        except ValueError as error:
            raise CTGazeError(f"cannot be compared: {error}") from error
    found = replace(
        found,
        versions={"ctgaze": __version__, **found.versions},
        notes=tuple(note for source in [*read, *taught] for note in source.notes) + masks.notes + found.notes,
    )
    if as_json:
        typer.echo(
            json.dumps({**found.to_dict(), "sources": _sources(read), "training": _sources(taught)}, allow_nan=False)
        )
        return
    _print(found if differences else replace(found, differences=()))


def _print(found: Comparison) -> None:
    from rich.console import Console

    from ctgaze_app.cli.comparison_table import WIDTH, footnotes, tables_of

    console = Console(highlight=False)
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console = Console(highlight=False, width=WIDTH)
    for title, table in tables_of(found, width=console.width):
        console.print(title, markup=False, style="bold")
        console.print(table)
        console.print()
    for line in footnotes(found):
        console.print(line, markup=False, style="dim")


def _options(declared: Sequence[str]) -> dict[str, str]:
    found = {}
    for text in declared:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise typer.BadParameter(f"{text!r} is not NAME=VALUE", param_hint="--option")
        found[name] = value
    return found


def _measures(bins: str | None, matching: Matching, temporal_bin_ms: float, sigma: str | None) -> MeasureParameters:
    import re

    from models.metrics.heat_map import MapParameters, SigmaUnit
    from models.metrics.measures import Bins, MeasureParameters

    try:
        cells = Bins() if bins is None else Bins.parse(bins)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--bins") from error
    chosen = None
    if sigma is not None:
        units: dict[str, SigmaUnit] = {"deg": "degree", "mm": "mm", "vox": "voxel"}
        number = r"(\d+(?:\.\d+)?)"
        said = re.fullmatch(rf"{number}(deg|mm|vox)(?:\+{number}slices?)?", sigma.strip().lower())
        if said is None or float(said[1]) <= 0:
            raise typer.BadParameter(
                f"{sigma!r} is no sigma: write 1deg, 10mm, 20vox or 1deg+2slices", param_hint="--sigma"
            )
        chosen = MapParameters(float(said[1]), units[said[2]], sigma_z_voxel=float(said[3] or 0))
    return MeasureParameters(cells, temporal_bin_ms / 1000, matching=matching.value, map=chosen)


def _with_roles(paths: Sequence[Scanpath], models: Sequence[str], simulated: Sequence[str]) -> list[Scanpath]:
    """The paths with what the user says of their codes; a code that nobody bears is an error."""
    known = {path.who for path in paths}
    roles: dict[str, Source] = {}
    for option, source, codes in (("--model", "model", models), ("--simulated", "simulated", simulated)):
        for code in codes:
            if code not in known:
                raise CTGazeError(f"{option} {code}: nobody has this code", remedy=f"codes: {', '.join(sorted(known))}")
            roles[code] = "model" if source == "model" else "simulated"
    return [replace(path, source=roles.get(path.who, path.source)) for path in paths]


def _masks(named: Sequence[str], paths: Sequence[Scanpath]) -> CaseMasks:
    """Body and lungs of the cases of volumes; pictures have none."""
    from ctgaze_app.formats.scanpath_sources import session_folder
    from ctgaze_app.formats.session_masks import CaseMasks, masks_of_sessions

    cases = list(dict.fromkeys(path.case for path in paths if path.shape_kji[0] > 1))
    return masks_of_sessions([session_folder(name) for name in named], cases) if cases else CaseMasks()


def _sources(sources: Sequence[PathSource]) -> list[dict[str, object]]:
    return [
        {
            "name": source.name,
            "paths": [
                {
                    "who": path.who,
                    "source": path.source,
                    "case": path.case,
                    "patient": path.patient,
                    "trial": path.trial,
                    "fixations": len(path),
                    "seconds": float(path.duration_s.sum()),
                    "mm_per_degree": path.mm_per_degree if path.mm_per_degree == path.mm_per_degree else None,
                }
                for path in source.paths
            ],
        }
        for source in sources
    ]
