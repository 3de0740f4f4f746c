"""What only CT-Searcher's predictions have: their options, and features from an encoder outside the network."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from ctgaze_app.cli.model.predicted_subject import Subject
from ctgaze_app.cli.model.predicting_progress import telling
from ctgaze_app.errors import CTGazeError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from models.ct_searcher.files import LoadedSearcher

LONG_S = 10.0
OWN_OPTIONS = ("count", "seed", "length", "reader", "task", "temperature", "consensus", "encoder_weights")
"""Parameters of ``ctgaze model predict`` that no other architecture has."""


@dataclass(frozen=True)
class Tell:
    """Who listens: nobody, a person, or a program that reads lines."""

    quiet: bool
    lines: bool

    def say(self, sentence: str) -> None:
        """A sentence for a person."""
        if not self.quiet and not self.lines:
            typer.echo(sentence, err=True)


def given_features(
    loaded: LoadedSearcher, subject: Subject, weights: Path | None, device: str, tell: Tell
) -> NDArray[np.float32] | None:
    """What the network is given of the CT; None where it looks itself.

    Raises
    ------
    CTGazeError, ModelError
        When weights of an encoder are missing, or given to a network that needs none.
    """
    if loaded.network.settings.encoder == "small":
        if weights is not None:
            raise CTGazeError(f"{loaded.card.name} has an encoder of its own", remedy="leave out --encoder-weights")
        return None
    from models.ct_searcher.given_features import GivenFeatures
    from models.features.devices import choose_device
    from models.volumes import CtVolume

    assert isinstance(subject.volume, CtVolume)
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


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} minutes"
