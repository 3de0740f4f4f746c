"""The gaze of a recorded trial as models take it: its own reader's fixations on the image that they are given."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ctgaze_app.errors import SessionError
from ctgaze_app.formats.scanpath_sources import read_scanpaths

if TYPE_CHECKING:
    from ctgaze_app.study.session import TrialRecord
    from models.datasets.picture_case import PictureGaze


def gaze_of_trial(reading: str, case: str, shape_kji: tuple[int, int, int]) -> PictureGaze:
    """Fixations on a picture.

    Parameters
    ----------
    reading
        ``folder:trial``.

    Raises
    ------
    CTGazeError, ModelError
        When the trial has no fixations on the image, or the image is no single picture.
    """
    from models.gaze_classifier.picture_gaze import gaze_on_picture

    paths = read_scanpaths(reading).paths
    path = next((one for one in paths if (one.case, one.shape_kji) == (case, shape_kji)), None)
    if path is None:
        raise SessionError("there is no fixation on this image", place=Path(reading).name, remedy="name another trial")
    return gaze_on_picture(path)


def gaze_digest_of_trial(folder: Path, trial: TrialRecord, shape_kji: tuple[int, int, int]) -> str:
    """What a prediction made with the gaze of a trial notes of it; nothing is processed for that.

    Raises
    ------
    CTGazeError
        As `gaze_of_trial`, or when the session's tables are missing or out of date.
    """
    from ctgaze_app.study.loading import derived_is_current
    from ctgaze_app.study.session import read_manifest
    from models.errors import ModelError
    from models.gaze_classifier.picture_gaze import gaze_digest

    if not derived_is_current(folder, read_manifest(folder)):
        raise SessionError(
            "its tables are missing or out of date", place=folder.name, remedy="run: ctgaze session process"
        )
    try:
        return gaze_digest(gaze_of_trial(f"{folder}:{trial.number}", trial.case, shape_kji))
    except ModelError as error:
        raise SessionError(error.message, place=error.place, remedy=error.remedy) from error
