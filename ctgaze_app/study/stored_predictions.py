"""A trial's predictions in its session: what a list says of each, whether it is out of date, and all of one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ctgaze_app.errors import CTGazeError, SessionError
from ctgaze_app.study.predictions import FOLDER
from ctgaze_app.study.session import TrialRecord

if TYPE_CHECKING:
    from models.prediction_heads import PredictionHead
    from models.predictions import Prediction

OTHER_IMAGE = "made on another CT or picture than the one that is shown"
OTHER_WEIGHTS = "made by other weights than this model has now"
OTHER_GAZE = "made with other fixations than this trial has now"
GAZE_NOT_NOTED = "May be out of date: it does not say with which fixations it was made. Predict again to be sure."
GAZE_NOT_READ = "May be out of date: the trial's fixations cannot be read"


@dataclass(frozen=True)
class TrialNow:
    """What predictions of a trial are held against; nothing is held against them where it is not known.

    Attributes
    ----------
    volume_sha256
        `digest` of the volume that is shown, as models take it
        (`ctgaze_app.study.model_volumes.input_for_models`); empty when it is not known.
    weights
        Digests of the weights by (name, version) of the models that are there now; a prediction of a model that is
        gone is not out of date.
    reader
        Who read the trial.
    gaze_sha256
        Gives the digest of that reader's gaze, as models take it; asked only when a prediction took it, and only once.
        Raises `CTGazeError` where there is none.
    """

    volume_sha256: str = ""
    weights: Mapping[tuple[str, str], Collection[str]] = field(default_factory=dict)
    reader: str = ""
    gaze_sha256: Callable[[], str] | None = None


@dataclass(frozen=True, eq=False)
class StoredPrediction:
    """One file of `derived/predictions/`.

    Attributes
    ----------
    head
        None when the file cannot be used; `problem` then says why.
    stale
        Why a prediction that can be read no longer belongs to what is shown.
    doubt
        A sentence that says why nobody knows whether it does; empty when that is known.
    stamp
        Time and size of the file that was read.
    """

    path: Path
    head: PredictionHead | None = field(repr=False)
    problem: str = ""
    stale: str = ""
    doubt: str = ""
    stamp: tuple[int, int] = (0, 0)


def stored_predictions(
    folder: Path, trial: TrialRecord, now: TrialNow | None = None, *, cancelled: Callable[[], bool] = lambda: False
) -> tuple[StoredPrediction, ...]:
    """The trial's predictions, the newest first; a file that cannot be used says why and spoils nothing.

    Raises
    ------
    models.errors.Cancelled
        After `cancelled` said so; it is asked between pieces of each file.
    """
    held = _Held(now or TrialNow())
    return tuple(_stored(path, trial, held, cancelled) for path in prediction_places(folder, trial))


def prediction_places(folder: Path, trial: TrialRecord) -> list[Path]:
    """The files of the trial's predictions, the newest first; none of them is read."""
    files = (folder / "derived" / FOLDER).glob(f"{trial.number}_*.json")
    return sorted(files, key=lambda path: (_stamp(path), path.name), reverse=True)


def load_prediction(
    stored: StoredPrediction, *, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
) -> Prediction:
    """All of a prediction that was listed.

    Raises
    ------
    SessionError
        One line: the file cannot be used, or is another one than was listed.
    models.errors.Cancelled
        After `cancelled` said so.
    """
    from models.errors import ModelError
    from models.prediction_file import read_prediction

    if _stamp(stored.path) != stored.stamp:
        raise SessionError("is not the file that was listed", place=stored.path.name, remedy="open the session again")
    try:
        return read_prediction(stored.path, progress=progress, cancelled=cancelled)
    except ModelError as error:
        raise SessionError(error.message, place=stored.path.name) from error


def remove_prediction(stored: StoredPrediction) -> None:
    """Delete the file.

    Raises
    ------
    SessionError
        When the folder refuses.
    """
    try:
        stored.path.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SessionError(f"cannot be removed: {reason}", place=stored.path.name, remedy="check rights") from error


class _Held:
    """Compares predictions with a trial; remembers its gaze's digest, or why there is none."""

    def __init__(self, now: TrialNow) -> None:
        self._now = now
        self._gaze: tuple[str, str] | None = None

    def stale(self, head: PredictionHead) -> str:
        now = self._now
        if now.volume_sha256 and head.volume_sha256 != now.volume_sha256:
            return OTHER_IMAGE
        if head.model_sha256 not in now.weights.get((head.model, head.version), {head.model_sha256}):
            return OTHER_WEIGHTS
        if self._of_own_gaze(head) and head.gaze_sha256:
            digest, _ = self._gaze_now()
            return OTHER_GAZE if digest not in ("", head.gaze_sha256) else ""
        return ""

    def doubt(self, head: PredictionHead) -> str:
        if not self._of_own_gaze(head):
            return ""
        _, reason = self._gaze_now()
        if reason:
            return f"{GAZE_NOT_READ}: {reason}"
        return "" if head.gaze_sha256 else GAZE_NOT_NOTED

    def _of_own_gaze(self, head: PredictionHead) -> bool:
        return self._now.gaze_sha256 is not None and head.gaze_reader == self._now.reader != ""

    def _gaze_now(self) -> tuple[str, str]:
        if self._gaze is None:
            assert self._now.gaze_sha256 is not None
            try:
                self._gaze = self._now.gaze_sha256(), ""
            except CTGazeError as error:
                self._gaze = "", str(error)
        return self._gaze


def _stored(path: Path, trial: TrialRecord, held: _Held, cancelled: Callable[[], bool]) -> StoredPrediction:
    from models.errors import ModelError
    from models.prediction_file import read_head

    stamp = _stamp(path)
    try:
        head = read_head(path, cancelled=cancelled)
    except ModelError as error:
        return StoredPrediction(path, None, problem=f"{path.name}: {error.message}")
    if head.case != trial.case:
        return StoredPrediction(path, None, problem=f"{path.name}: is of case {head.case}, not of {trial.case}")
    stale = held.stale(head)
    return StoredPrediction(path, head, stale=stale, doubt="" if stale else held.doubt(head), stamp=stamp)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
