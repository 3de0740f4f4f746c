"""The gaze that a model needs beside the image: of a recorded trial, the fixations of its own reader."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ctgaze_app.cli.model.picture_names import FIXATIONS
from ctgaze_app.cli.model.predicted_subject import Subject

if TYPE_CHECKING:
    from models.card import Card


@contextmanager
def with_gaze(options: Mapping[str, str], card: Card, subject: Subject) -> Iterator[Mapping[str, str]]:
    """The options, with the trial's fixations for a model that needs gaze and was given none.

    They are written as a table that lives as long as the context.

    Raises
    ------
    CTGazeError, ModelError
        When the trial has no fixations on the image, or the image is no single picture.
    """
    from models.model_inputs import needs_gaze

    if not subject.reading or FIXATIONS in options or not needs_gaze(card):
        yield options
        return
    from ctgaze_app.formats.trial_gaze import gaze_of_trial
    from models.gaze_classifier.picture_gaze import write_fixations

    volume = subject.volume
    gaze = gaze_of_trial(subject.reading, volume.case, volume.shape_kji)
    with tempfile.TemporaryDirectory(prefix="ctgaze-") as folder:
        # The table does not say who looked: its name does.
        table = write_fixations(
            Path(folder) / f"{gaze.reader}.csv", gaze, case=volume.case, shape_ji=volume.shape_kji[1:]
        )
        yield {**options, FIXATIONS: str(table)}
