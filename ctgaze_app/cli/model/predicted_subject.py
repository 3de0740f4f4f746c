"""What a model is to predict on: a series, a NIfTI file, a picture or a recorded trial, as this model takes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ctgaze_app.cli.model.predicting_progress import Report

if TYPE_CHECKING:
    from ctgaze_app.ct import Volume
    from ctgaze_app.study.session import TrialRecord
    from models.card import Card
    from models.volumes import CtVolume, PictureVolume


@dataclass(frozen=True, eq=False)
class Subject:
    """What is predicted on, where features of it are kept, and the trial that it was read in (``folder:trial``)."""

    volume: CtVolume | PictureVolume = field(repr=False)
    features: Path
    reading: str = ""


@dataclass(frozen=True)
class Place:
    """Where the subject is: one of these is given."""

    case: Path | None = None
    nifti: Path | None = None
    picture: Path | None = None
    session: str | None = None

    @property
    def count(self) -> int:
        """How many are given."""
        return sum(given is not None for given in (self.case, self.nifti, self.picture, self.session))


def read_subject(place: Place, card: Card, code: str, report: Report) -> Subject:
    """The subject, of the kind that the model reads.

    Parameters
    ----------
    card
        Of the model.
    code
        What a case is called that has no name of its own.

    Raises
    ------
    CTGazeError, ModelError
        When it cannot be read, or its values are of another kind: CT, grey pictures, colour pictures.
    """
    from ctgaze_app.study.model_features import feature_folder

    if place.nifti is not None:
        return Subject(_of_nifti(place.nifti, card, code), feature_folder())
    if place.session is not None:
        folder, volume, trial = _of_session(place.session, report)
        return Subject(_as_read(volume, card, trial.case), feature_folder(folder), f"{folder}:{trial.number}")
    from ctgaze_app.ct import load_series

    source = place.case if place.case is not None else place.picture
    assert source is not None
    return Subject(_as_read(load_series(source, progress=report), card, code), feature_folder())


def _as_read(volume: Volume, card: Card, code: str) -> CtVolume | PictureVolume:
    from ctgaze_app.study.model_volumes import input_for_models
    from models.model_inputs import refuse_other_values

    found = input_for_models(volume, code, code)
    refuse_other_values(card, found)
    return found


def _of_nifti(file: Path, card: Card, code: str) -> CtVolume | PictureVolume:
    from ctgaze_app.study.model_volumes import read_nifti_volume
    from models.model_inputs import refuse_other_values
    from models.nifti import read_nifti_pictures

    if card.input.values == "hu":
        return read_nifti_volume(file, code, code)
    found = read_nifti_pictures(file, code, code)
    refuse_other_values(card, found)
    return found


def _of_session(name: str, report: Report) -> tuple[Path, Volume, TrialRecord]:
    """Folder of the session, the series that the trial is about, and the trial."""
    from ctgaze_app.errors import SessionError
    from ctgaze_app.formats.scanpath_sources import place_and_trial
    from ctgaze_app.study.loading import load_volume
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
    return folder, load_volume(folder, manifest, series, progress=report), trials[0]
