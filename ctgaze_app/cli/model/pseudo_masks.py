"""`ctgaze model pseudo-masks`: fixations to heat maps, random field and masks of several levels."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctgaze_app import __version__
from ctgaze_app.cli.progress import progress_bar
from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    from models.datasets.picture_case import PictureCase
    from models.gaze_segmentation.pseudo_mask_files import MapKind, WrittenPseudoMasks
    from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings

AS_READ = "as-read"
CRF_FIELDS = {"sxy": "sxy_px", "srgb": "srgb", "compat": "compat", "iterations": "iterations"}


class Weigh(StrEnum):
    """What a fixation weighs."""

    DURATION = "duration"
    COUNT = "count"


class Edge(StrEnum):
    """What lies beyond the picture."""

    REFLECT = "reflect"
    CUT = "cut"


class Maps(StrEnum):
    """How maps are written."""

    PNG = "png"
    FLOAT = "float"


def pseudo_masks(
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="A new or empty folder.")],
    fixations: Annotated[
        Path | None, typer.Option("--fixations", metavar="CSV", help="Fixations on pictures, as GazeMedSeg has them.")
    ] = None,
    images: Annotated[
        Path | None, typer.Option("--images", metavar="FOLDER", help="The pictures (PNG, JPEG, TIFF, DICOM slices).")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="S[:TRIAL]", help="Instead: every slice of a recorded reading.")
    ] = None,
    preset: Annotated[str, typer.Option("--preset", help="Published numbers: kvasir, prostate or egd.")] = "kvasir",
    sigma: Annotated[
        str | None, typer.Option("--sigma", metavar="WIDTH", help="9.1% of each side, 70px or 1.3deg.")
    ] = None,
    px_per_degree: Annotated[
        float | None,
        typer.Option("--px-per-degree", min=0.01, help="Picture pixels to a degree; a session knows it itself."),
    ] = None,
    weighting: Annotated[
        Weigh | None, typer.Option("--weighting", help="A fixation weighs its duration, or 1; default: the preset's.")
    ] = None,
    edge: Annotated[
        Edge | None, typer.Option("--edge", help="Beyond the picture: mirrored (published, the default), or dropped.")
    ] = None,
    crf: Annotated[
        str | None,
        typer.Option(
            "--crf",
            metavar="NAME=VALUE,...",
            help="Of sxy (pixels), srgb (levels), compat, iterations; default 80, 13, 1, 10; or: none.",
        ),
    ] = None,
    levels: Annotated[
        str, typer.Option("--levels", metavar="COUNT|T,T,...", help="How many as published, or the thresholds.")
    ] = "2",
    window: Annotated[
        str | None,
        typer.Option(
            "--window",
            metavar="NAME|CENTRE,WIDTH",
            help="Of grey pictures: Lung, Mediastinum, ...; default: smallest to largest value; a session's: as-read.",
        ),
    ] = None,
    masks: Annotated[
        Path | None, typer.Option("--masks", metavar="FOLDER", help="True masks of the same names, to measure quality.")
    ] = None,
    faithful: Annotated[
        bool, typer.Option("--faithful", help="The published arithmetic with its defects, in eight bits.")
    ] = False,
    maps: Annotated[Maps, typer.Option("--maps", help="16-bit PNG, or 32-bit TIFF.")] = Maps.PNG,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Make masks from where people looked: heat maps, a dense random field, one threshold a level.

    Writes maps/, heat_maps/, a folder for each level, quality.csv and provenance.json with all that made them.

    Example: ctgaze model pseudo-masks --fixations kvasir_fixation.csv --images images --masks masks --out pseudo
    """
    if (session is None) == (fixations is None or images is None) or (session and (fixations or images)):
        raise typer.BadParameter("name --fixations and --images, or --session")
    if faithful and any(given is not None for given in (sigma, weighting, edge, px_per_degree)):
        raise typer.BadParameter("--faithful takes width, weights and edges from the preset", param_hint="--faithful")
    if session is not None and masks is not None:
        raise typer.BadParameter("slices of a session have no masks in a folder", param_hint="--masks")
    if window == AS_READ and session is None:
        raise typer.BadParameter("only a session knows how pictures were looked at", param_hint="--window")
    settings = _settings(preset, sigma, px_per_degree, weighting, edge, crf, levels, faithful)
    if window is not None and window != AS_READ:
        settings = _with(settings, window=_window(window))
    from ctgaze_app.formats.exchange import new_folder

    with new_folder(out) as folder:
        if session is not None:
            written, notes = _of_session(session, settings, folder, maps.value, window in (None, AS_READ), as_json)
        else:
            assert fixations is not None and images is not None
            cases = _cases(fixations, images, masks)
            origin = {"ctgaze": __version__, "fixations_sha256": _digest(fixations)}
            with progress_bar("Making pseudo-masks", shown=not as_json) as report:
                written = _write(cases, settings, folder, maps.value, None, origin, report)
            notes = ()
    _tell(written, notes, out, as_json)


def _settings(
    preset: str, sigma: str | None, px_per_degree: float | None, weighting: Weigh | None, edge: Edge | None,
    crf: str | None, levels: str, faithful: bool,
) -> PseudoMaskSettings:  # fmt: skip
    from models.gaze_segmentation.crf import CrfSettings
    from models.gaze_segmentation.heat_maps import HeatMapSettings, Sigma
    from models.gaze_segmentation.levels import checked_thresholds, thresholds
    from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings

    heat = HeatMapSettings.of_preset(preset).model_dump()
    if sigma is not None:
        Sigma.parse(sigma)
        heat["sigma"] = sigma
    heat |= {name: value.value for name, value in (("weighting", weighting), ("edge", edge)) if value is not None}
    numbers = _numbers(levels, "--levels")
    by_count = "," not in levels and "." not in levels
    chosen = thresholds(preset, int(numbers[0])) if by_count else checked_thresholds(numbers)
    field = None if crf == "none" else _checked(CrfSettings, _crf(crf), "--crf")
    return PseudoMaskSettings(
        preset=preset, heat_map=HeatMapSettings(**heat), crf=field, thresholds=chosen, faithful=faithful,
        px_per_degree=px_per_degree,
    )  # fmt: skip


def _crf(text: str | None) -> dict[str, float | int]:
    found: dict[str, float | int] = {}
    for part in (text or "").split(",") if text else ():
        name, _, value = part.partition("=")
        if name.strip() not in CRF_FIELDS:
            raise typer.BadParameter(
                f"{part[:30]!r} is not one of {', '.join(CRF_FIELDS)}, or none", param_hint="--crf"
            )
        number = _numbers(value, "--crf")[0]
        found[CRF_FIELDS[name.strip()]] = int(number) if name.strip() == "iterations" else number
    return found


def _checked(kind: Any, values: dict[str, Any], option: str) -> Any:
    from pydantic import ValidationError

    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
        raise typer.BadParameter(f"{first['loc'][-1]}: {first['msg']}", param_hint=option) from error


def _numbers(text: str, option: str) -> tuple[float, ...]:
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter(f"{text[:40]!r} is no number", param_hint=option) from error


def _window(text: str) -> tuple[float, float]:
    from ctgaze_app.ct.volume import VoiWindow
    from ctgaze_app.ct.windows import load_presets

    named = {window.name.lower(): window for _, window in load_presets() if isinstance(window, VoiWindow)}
    if text.lower() in named:
        return named[text.lower()].centre, named[text.lower()].width
    parts = text.split(",")
    try:
        centre, width = (float(part) for part in parts)
    except ValueError as error:
        known = ", ".join(window.name for window in named.values())
        raise typer.BadParameter(
            f"{text[:40]!r} is none of {known}, nor CENTRE,WIDTH", param_hint="--window"
        ) from error
    if not 0 < width < float("inf") or abs(centre) == float("inf") or centre != centre:
        raise typer.BadParameter("a window has a centre and a width above 0", param_hint="--window")
    return centre, width


def _with(settings: PseudoMaskSettings, **changes: Any) -> PseudoMaskSettings:
    return settings.model_copy(update=changes)


def _cases(fixations: Path, images: Path, masks: Path | None) -> list[PictureCase]:
    from models.datasets.fixation_table import read_fixation_table
    from models.datasets.picture_files import DICOM_SUFFIXES, PICTURE_SUFFIXES
    from models.datasets.picture_folders import patient_in_name, picture_case, pictures_in

    tables = read_fixation_table(fixations)
    found = pictures_in(images, (*PICTURE_SUFFIXES, *DICOM_SUFFIXES))
    for name, table in tables.items():
        if name not in found:
            raise CTGazeError(
                f"{table.image[:60]} is not in the folder of the pictures", place=fixations.name, remedy="add it"
            )
    true = pictures_in(masks, PICTURE_SUFFIXES) if masks is not None else {}
    return [
        picture_case(
            path, tables.get(name), true.get(name), patient=patient_in_name(name), origin="pictures", colour=None
        )
        for name, path in found.items()
    ]


def _of_session(
    name: str, settings: PseudoMaskSettings, folder: Path, maps: MapKind, as_read: bool, as_json: bool
) -> tuple[WrittenPseudoMasks, tuple[str, ...]]:
    from ctgaze_app.formats.session_pictures import session_pictures

    with tempfile.TemporaryDirectory() as kept:
        tables = Path(kept)
        with progress_bar("Reading the session", shown=not as_json) as report:
            found = session_pictures(name, tables, progress=report)
        seen = {each.case.case: each for each in found.slices}

        def own(case: PictureCase) -> PseudoMaskSettings:
            one = seen[case.case]
            known = one.px_per_degree if one.px_per_degree > 0 else None
            changes: dict[str, Any] = {} if settings.px_per_degree else {"px_per_degree": known}
            return _with(settings, **changes, **({"window": one.window} if as_read else {}))

        origin = {"ctgaze": __version__, "fixations_sha256": {table.name: _digest(table) for table in found.tables}}
        with progress_bar("Making pseudo-masks", shown=not as_json) as report:
            written = _write([each.case for each in found.slices], settings, folder, maps, own, origin, report)
        for table in tables.iterdir():
            (folder / table.name).write_bytes(table.read_bytes())
    return written, found.notes


def _write(
    cases: Sequence[PictureCase],
    settings: PseudoMaskSettings,
    folder: Path,
    maps: MapKind,
    settings_of: Callable[[PictureCase], PseudoMaskSettings] | None,
    origin: dict[str, Any],
    report: Callable[[int, int], None],
) -> WrittenPseudoMasks:
    from models.gaze_segmentation.pseudo_mask_files import write_pseudo_masks

    return write_pseudo_masks(
        cases, settings, folder, maps=maps, settings_of=settings_of, origin=origin, progress=report
    )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _tell(written: WrittenPseudoMasks, notes: tuple[str, ...], out: Path, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps({"folder": str(out), **written.to_dict(), "notes": list(notes)}))
        return
    levels = ", ".join(f"{threshold:g}" for threshold in written.thresholds)
    typer.echo(f"{out}: {written.pictures} pictures, levels at {levels}")
    if written.without_gaze:
        typer.echo(f"{written.without_gaze} without a fixation: their maps are 0 everywhere")
    if written.with_warnings:
        typer.echo(f"{written.with_warnings} with warnings, in quality.csv")
    for note in notes:
        typer.echo(f"note  {note}")
    if written.map_dice:
        typer.echo(f"looking time inside the true masks: {100 * written.inside_fraction:.0f} %")
        for name, values in (("heat map", written.heat_map_dice), ("after the random field", written.map_dice)):
            typer.echo(f"Dice {name}: {', '.join(f'{value:.3f}' for value in values)}")
