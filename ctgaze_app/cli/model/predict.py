"""`ctgaze model predict`: scan paths of a CT, a NIfTI file or a recorded trial."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ctgaze_app.cli.model.extra import require_models_extra
from ctgaze_app.cli.model.predicting_progress import Report, telling
from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.ct_searcher.files import LoadedSearcher
    from models.predictions import ScanpathPrediction
    from models.volumes import CtVolume

LONG_S = 10.0
SCANGAZE_OPTIONS = {"index_base": "1", "z": "slice", "axes": "column_row"}
CODE_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"


class OutFormat(StrEnum):
    """What --out is written as."""

    PREDICTION = "prediction"
    CT_SCANGAZE = "ct_scangaze"


class ProgressKind(StrEnum):
    """How progress is told."""

    BAR = "bar"
    JSON = "json"


@dataclass(frozen=True)
class _Tell:
    quiet: bool
    lines: bool

    def say(self, sentence: str) -> None:
        if not self.quiet and not self.lines:
            typer.echo(sentence, err=True)


@dataclass(frozen=True, eq=False)
class _Subject:
    """What is predicted on, and where features of it are kept."""

    volume: CtVolume = field(repr=False)
    features: Path


def predict(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's name (ctgaze model list) or folder.")],
    case: Annotated[Path | None, typer.Option("--case", metavar="DIR", help="A DICOM series.")] = None,
    nifti: Annotated[Path | None, typer.Option("--nifti", metavar="FILE", help="A CT as .nii or .nii.gz.")] = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="S[:TRIAL]", help="The CT of a recorded trial.")
    ] = None,
    count: Annotated[int, typer.Option("--count", min=1, max=1000, help="Paths to sample.")] = 1,
    seed: Annotated[int, typer.Option("--seed", min=0, help="The same seed gives the same paths.")] = 0,
    length: Annotated[
        int | None, typer.Option("--length", min=1, help="Fixations of each path; default: until the model stops.")
    ] = None,
    reader: Annotated[str | None, typer.Option("--reader", help="Whom to read like, of those that it knows.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="What for, of those that it knows.")] = None,
    temperature: Annotated[
        float | None,
        typer.Option("--temperature", min=0.01, max=10.0, help="Below 1: less varied; default: the model's own."),
    ] = None,
    consensus: Annotated[
        int | None,
        typer.Option(
            "--consensus", min=1, max=64, help="Choose each path from so many samples; default: the model's own."
        ),
    ] = None,
    device: Annotated[str, typer.Option("--device", metavar="DEVICE", help="auto, cpu, cuda or cuda:N.")] = "auto",
    encoder_weights: Annotated[
        Path | None,
        typer.Option("--encoder-weights", metavar="FILE", help="Swin UNETR's, for models without an encoder."),
    ] = None,
    code: Annotated[
        str, typer.Option("--code", metavar="CODE", help="What the case of --case or --nifti is called.")
    ] = "case",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write the paths here.")] = None,
    out_format: Annotated[
        OutFormat, typer.Option("--format", help="Of --out; ct_scangaze: a new folder, counted from 1, Z a slice.")
    ] = OutFormat.PREDICTION,
    as_json: Annotated[bool, typer.Option("--json", help="Print the prediction as JSON.")] = False,
    timing: Annotated[bool, typer.Option("--timing", help="Seconds in the JSON; they differ from run to run.")] = False,
    progress: Annotated[ProgressKind, typer.Option("--progress", help="json: lines on the error stream.")] = (
        ProgressKind.BAR
    ),
) -> None:
    """Predict where a reader would look, in which order and for how long. For research only.

    Paths stay inside the body and on slices that exist. The same seed gives the same bytes on the same computer.

    Example: ctgaze model predict ct-searcher --case chest --count 5 --out prediction.json
    """
    if sum(given is not None for given in (case, nifti, session)) != 1:
        raise typer.BadParameter("name one of --case, --nifti and --session: the CT to predict on")
    if re.fullmatch(CODE_PATTERN, code) is None:
        raise typer.BadParameter("letters, digits, - and _ make a code", param_hint="--code")
    if out_format is OutFormat.CT_SCANGAZE and out is None:
        raise typer.BadParameter("--format says what --out is written as; name it", param_hint="--format")
    if out is not None:
        _check_place(out, out_format)
    require_models_extra()
    from models.ct_searcher.files import load_searcher
    from models.ct_searcher.prediction import predict_scanpaths
    from models.features.devices import choose_device
    from models.registry import model_folder

    tell = _Tell(as_json, progress is ProgressKind.JSON)
    loaded = load_searcher(model_folder(model))
    chosen = choose_device(device)
    with telling("Reading the CT", shown=not as_json, as_lines=tell.lines) as report:
        if session is not None:
            subject = _of_session(session, report)
        elif case is not None:
            subject = _of_series(case, code, report)
        else:
            assert nifti is not None
            subject = _of_nifti(nifti, code)
    features = _features(loaded, subject, encoder_weights, device, tell)
    with telling(f"Predicting on {chosen.name}", shown=not as_json, as_lines=tell.lines) as report:
        try:
            found = predict_scanpaths(
                loaded, subject.volume, count=count, seed=seed, length=length, reader=reader, task=task,
                temperature=temperature, consensus=consensus, device=device, features=features, progress=report,
            )  # fmt: skip
        except MemoryError as error:
            raise _no_memory(device) from error
        except RuntimeError as error:
            if "memory" in str(error).lower():
                raise _no_memory(device) from error
            raise
    if out is not None:
        _write(found, out, out_format, timing)
    if as_json:
        from models.prediction_file import prediction_json

        typer.echo(prediction_json(found, timing=timing), nl=False)
    elif not tell.lines:
        _print(found, chosen.name, out)


def _of_series(folder: Path, code: str, report: Report) -> _Subject:
    from ctgaze_app.ct import load_series
    from ctgaze_app.study.model_features import feature_folder
    from ctgaze_app.study.model_volumes import volume_for_models

    return _Subject(volume_for_models(load_series(folder, progress=report), code, code), feature_folder())


def _of_nifti(file: Path, code: str) -> _Subject:
    from ctgaze_app.study.model_features import feature_folder
    from ctgaze_app.study.model_volumes import read_nifti_volume

    return _Subject(read_nifti_volume(file, code, code), feature_folder())


def _of_session(name: str, report: Report) -> _Subject:
    from ctgaze_app.errors import SessionError
    from ctgaze_app.formats.scanpath_sources import place_and_trial
    from ctgaze_app.study.loading import load_volume
    from ctgaze_app.study.model_features import feature_folder
    from ctgaze_app.study.model_volumes import volume_for_models
    from ctgaze_app.study.predictions import predicted_series
    from ctgaze_app.study.session import read_manifest

    folder, number = place_and_trial(name)
    manifest = read_manifest(folder)
    if number is None:
        read = [trial for trial in manifest.trials if trial.kind == "main"]
        trials = read or list(manifest.trials)
        if len({trial.case for trial in trials}) > 1:
            raise SessionError("has several cases", place=folder.name, remedy=f"name a trial: {folder.name}:1")
    else:
        trials = [trial for trial in manifest.trials if trial.number == number]
    if not trials:
        raise SessionError(
            "has no trial" if number is None else f"has no trial {number}", place=folder.name, remedy="name another"
        )
    series = predicted_series(manifest, trials[0])
    if series < 0:
        raise SessionError(f"trial {trials[0].number} shows no CT", place=folder.name, remedy="name another trial")
    volume = load_volume(folder, manifest, series, progress=report)
    return _Subject(volume_for_models(volume, trials[0].case, trials[0].case), feature_folder(folder))


def _features(
    loaded: LoadedSearcher, subject: _Subject, weights: Path | None, device: str, tell: _Tell
) -> NDArray[np.float32] | None:
    """What the network is given of the CT; None where it looks itself."""
    if loaded.network.settings.encoder == "small":
        if weights is not None:
            raise CTGazeError(f"{loaded.card.name} has an encoder of its own", remedy="leave out --encoder-weights")
        return None
    from models.ct_searcher.given_features import GivenFeatures
    from models.features.devices import choose_device

    given = GivenFeatures.of(loaded.card, loaded.network.settings, weights, subject.features)
    chosen = choose_device(device)
    needed_s = given.estimate_s(subject.volume, chosen)
    if needed_s > LONG_S:
        tell.say(f"Swin UNETR will take about {_duration(needed_s)} on {chosen.name}; what it finds is kept")
    with telling("Looking with Swin UNETR", shown=not tell.quiet, as_lines=tell.lines) as report:
        features, note = given.features(subject.volume, chosen, progress=report)
    if note:
        tell.say(note)
    return features


def _check_place(out: Path, out_format: OutFormat) -> None:
    """Refuse now what would be refused after minutes of predicting."""
    if out_format is OutFormat.CT_SCANGAZE and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CTGazeError("is there already", place=out.name, remedy="name a new folder")
    if out_format is OutFormat.PREDICTION and out.is_dir():
        raise CTGazeError("is a folder", place=out.name, remedy="name a file")


def _write(found: ScanpathPrediction, out: Path, out_format: OutFormat, timing: bool) -> None:
    if out_format is OutFormat.PREDICTION:
        from models.prediction_file import write_prediction

        write_prediction(out, found, timing=timing)
        return
    from ctgaze_app.formats.contract import checked_options
    from ctgaze_app.formats.ct_scangaze import FORMAT
    from ctgaze_app.formats.from_prediction import dataset_from_prediction

    assert FORMAT.write is not None
    FORMAT.write(
        dataset_from_prediction(found), out, checked_options(SCANGAZE_OPTIONS, FORMAT.write_options, FORMAT.name)
    )


def _print(found: ScanpathPrediction, device: str, out: Path | None) -> None:
    from models.predictions import RESEARCH_ONLY

    typer.echo(f"{found.model} {found.version} - {RESEARCH_ONLY}")
    for path in found.paths:
        ends_s = float(path.onset_s[-1] + path.duration_s[-1])
        slices = f"slices {path.z_voxel.min():.0f} to {path.z_voxel.max():.0f} of {path.shape_kji[0]}, from 0"
        typer.echo(f"  {path.trial}: {len(path)} fixations in {ends_s:.1f} s, {slices}")
    typer.echo(f"Computed in {found.seconds:.1f} s on {device}, seed {found.parameters['seed']}")
    typer.echo("Nothing was written; --out FILE keeps the paths" if out is None else f"Written to {out}")


def _no_memory(device: str) -> CTGazeError:
    return CTGazeError(
        "memory ran out",
        remedy="close other programs or ask for fewer paths" + ("" if device == "cpu" else ", --device cpu"),
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
