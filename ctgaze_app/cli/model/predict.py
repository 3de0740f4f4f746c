"""`ctgaze model predict`: what a model says of a CT, a picture or a recorded trial."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ctgaze_app.cli.model import predicted_output
from ctgaze_app.cli.model.architectures import CT_SEARCHER, named_options, refuse_options_of_another, title_of
from ctgaze_app.cli.model.extra import require_models_extra
from ctgaze_app.cli.model.memory import memory_in_words
from ctgaze_app.cli.model.picture_names import named_picture
from ctgaze_app.cli.model.predicted_gaze import with_gaze
from ctgaze_app.cli.model.predicted_output import OutFormat
from ctgaze_app.cli.model.predicted_scanpath import OWN_OPTIONS, Tell, given_features
from ctgaze_app.cli.model.predicted_subject import Place, read_subject
from ctgaze_app.cli.model.predicting_progress import telling

if TYPE_CHECKING:
    from models.card import Card
    from models.features.devices import Device
    from models.predictions import Prediction

CODE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
OWN = "CT-Searcher"


class ProgressKind(StrEnum):
    """How progress is told."""

    BAR = "bar"
    JSON = "json"


def predict(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name (ctgaze model list) or folder.")],
    case: Annotated[Path | None, typer.Option("--case", metavar="DIR", help="A DICOM series.")] = None,
    nifti: Annotated[Path | None, typer.Option("--nifti", metavar="FILE", help="A volume as .nii or .nii.gz.")] = None,
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="A PNG, JPEG or TIFF, or one DICOM picture.")
    ] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="S[:TRIAL]", help="What was read in a recorded trial.")
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option("--option", metavar="NAME=VALUE", help="Of this model; model list --json tells which it has."),
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help=f"{OWN}: paths to sample.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help=f"{OWN}: the same seed gives the same paths.")] = 0,
    length: Annotated[
        int | None,
        typer.Option("--length", min=1, help=f"{OWN}: fixations of each path; default: until the model stops."),
    ] = None,
    reader: Annotated[
        str | None, typer.Option("--reader", help=f"{OWN}: whom to read like, of those that it knows.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help=f"{OWN}: what for, of those that it knows.")] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            "--temperature", min=0.01, max=10.0, help=f"{OWN}: below 1: less varied; default: the model's own."
        ),
    ] = None,
    consensus: Annotated[
        int | None,
        typer.Option(
            "--consensus",
            min=1,
            max=64,
            help=f"{OWN}: choose each path from so many samples; default: the model's own.",
        ),
    ] = None,
    encoder_weights: Annotated[
        Path | None,
        typer.Option("--encoder-weights", metavar="FILE", help=f"{OWN}: Swin UNETR's, for models without an encoder."),
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")] = "auto",
    code: Annotated[
        str, typer.Option("--code", metavar="CODE", help="What the case is called, except that of --session.")
    ] = "case",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the prediction here.")] = None,
    out_format: Annotated[
        OutFormat,
        typer.Option(
            "--format",
            help="Of --out. nifti: a mask on the volume's own grid; ct_scangaze: a new folder of scan paths, counted "
            "from 1, Z a slice.",
        ),
    ] = OutFormat.PREDICTION,
    as_json: Annotated[bool, typer.Option("--json", help="Print the prediction as JSON.")] = False,
    timing: Annotated[bool, typer.Option("--timing", help="Seconds in the JSON; they differ from run to run.")] = False,
    progress: Annotated[ProgressKind, typer.Option("--progress", help="json: lines on the error stream.")] = (
        ProgressKind.BAR
    ),
) -> None:
    """Predict scan paths, findings, a mask or gaze maps, as the model's task is. For research only.

    The model must have been made for such images: CT in Hounsfield units, grey pictures or colour pictures. Scan paths
    stay inside the body and on slices that exist. The same seed gives the same bytes on the same computer.

    Example: ctgaze model predict ct-searcher --case chest --count 5 --out prediction.json
    """
    place = Place(case, nifti, picture, session)
    if place.count != 1:
        raise typer.BadParameter("name one of --case, --nifti, --picture and --session: what to predict on")
    if re.fullmatch(CODE_PATTERN, code) is None:
        raise typer.BadParameter("letters, digits, - and _ make a code", param_hint="--code")
    if out_format is not OutFormat.PREDICTION and out is None:
        raise typer.BadParameter("--format says what --out is written as; name it", param_hint="--format")
    if out is not None:
        predicted_output.check_place(out, out_format)
    require_models_extra()
    from models.card import read_card
    from models.features.devices import choose_device
    from models.registry import model_folder

    folder = model_folder(model)
    card = read_card(folder)
    predicted_output.check_format(out_format, card.task, card.name)
    tell = Tell(as_json, progress is ProgressKind.JSON)
    chosen = choose_device(device)
    if card.architecture == CT_SEARCHER:
        named_options(option or (), {}, card.name)
        sampling = {
            "count": count, "seed": seed, "length": length, "reader": reader, "task": task, "temperature": temperature,
            "consensus": consensus,
        }  # fmt: skip
        found = _scanpaths(folder, card, place, code, encoder_weights, chosen, device, tell, sampling)
    else:
        refuse_options_of_another(context, OWN_OPTIONS, OWN, f"a model of {title_of(card.architecture)}")
        given = context.get_parameter_source("code")
        by_code = given is not None and given.name == "COMMANDLINE"
        found = _of_family(folder, card, place, code, by_code, option or [], chosen, device, tell)
    if out is not None:
        predicted_output.write(found, out, out_format, timing=timing)
    if as_json:
        from models.prediction_file import prediction_json

        typer.echo(prediction_json(found, timing=timing), nl=False)
    elif not tell.lines:
        predicted_output.print_prediction(found, chosen.name, out)


def _scanpaths(
    folder: Path,
    card: Card,
    place: Place,
    code: str,
    encoder_weights: Path | None,
    chosen: Device,
    device: str,
    tell: Tell,
    sampling: dict[str, Any],
) -> Prediction:
    from models.ct_searcher.files import load_searcher
    from models.ct_searcher.prediction import predict_scanpaths
    from models.volumes import CtVolume

    loaded = load_searcher(folder)
    with telling("Reading the CT", shown=not tell.quiet, as_lines=tell.lines) as report:
        subject = read_subject(place, card, code, report)
    assert isinstance(subject.volume, CtVolume)
    features = given_features(loaded, subject, encoder_weights, device, tell)
    with (
        telling(f"Predicting on {chosen.name}", shown=not tell.quiet, as_lines=tell.lines) as report,
        memory_in_words(device, " or ask for fewer paths"),
    ):
        return predict_scanpaths(loaded, subject.volume, device=device, features=features, progress=report, **sampling)


def _of_family(
    folder: Path,
    card: Card,
    place: Place,
    code: str,
    by_code: bool,
    option: list[str],
    chosen: Device,
    device: str,
    tell: Tell,
) -> Prediction:
    from models.families import family_of

    family = family_of(card.architecture, place=str(folder))
    options = named_options(option, family.PREDICT_OPTIONS, card.name)
    loaded = family.load(folder)
    with telling("Reading the image", shown=not tell.quiet, as_lines=tell.lines) as report:
        subject = read_subject(place, card, code, report)
    with (
        with_gaze(named_picture(options, place, code, code_given=by_code), card, subject) as complete,
        telling(f"Predicting on {chosen.name}", shown=not tell.quiet, as_lines=tell.lines) as report,
        memory_in_words(device),
    ):
        return family.predict(loaded, subject.volume, options=complete, device=device, progress=report)
