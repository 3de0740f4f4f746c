"""Cases as the networks see them: pictures, labels and fixations, read once and kept in memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from models.datasets.picture_case import PictureCase
from models.datasets.splits import in_drawn_order
from models.errors import Cancelled, ModelError
from models.families import Progress, Stop
from models.gaze_classifier.gaze_frames import PlacedFixations, placed
from models.gaze_classifier.picture_input import check_picture, picture_input
from models.gaze_classifier.settings import GazeClassifierSettings


@dataclass(frozen=True, eq=False)
class PreparedPicture:
    """One case.

    Attributes
    ----------
    pixels
        (size, size) 0 to 1.
    labels
        (labels,) 1 or 0.
    fixations
        Of its reader; None where nobody looked, or only beside the picture.
    """

    case: str
    patient: str
    pixels: NDArray[np.float32] = field(repr=False)
    labels: NDArray[np.float32]
    fixations: PlacedFixations | None = field(default=None, repr=False)


def prepare(
    cases: Sequence[PictureCase],
    settings: GazeClassifierSettings,
    *,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> list[PreparedPicture]:
    """Load every picture, in the order of the cases.

    Raises
    ------
    ModelError
        A picture that is none, labels other than the settings', or a case without gaze for a network that needs it.
    Cancelled
        `cancelled` said so.
    """
    found = []
    for number, case in enumerate(cases, start=1):
        if cancelled is not None and cancelled():
            raise Cancelled
        found.append(_prepared(case, settings))
        if progress is not None:
            progress(number, len(cases))
    return found


def with_borrowed_gaze(pictures: Sequence[PreparedPicture], seed: int) -> list[PreparedPicture]:
    """Each picture with the fixations on another patient's picture; raises `ModelError` where there is no other one.

    Every patient lends to exactly one other: codes in a drawn order, each borrows from the next.
    """
    order = in_drawn_order({one.patient for one in pictures if one.fixations is not None}, seed)
    if len(order) < 2:
        raise ModelError("gaze can only be borrowed among at least two patients that were looked at")
    lender = dict(zip(order, [*order[1:], order[0]], strict=True))
    first = {one.patient: one.fixations for one in reversed(pictures) if one.fixations is not None}
    return [replace(one, fixations=None if one.fixations is None else first[lender[one.patient]]) for one in pictures]


def without_gaze(pictures: Sequence[PreparedPicture]) -> list[PreparedPicture]:
    """The same pictures, which nobody has looked at."""
    return [replace(one, fixations=None) for one in pictures]


def truth_of(pictures: Sequence[PreparedPicture]) -> NDArray[np.int64]:
    """(N, labels) 1 or 0."""
    return np.stack([one.labels for one in pictures]).astype(np.int64)


def _prepared(case: PictureCase, settings: GazeClassifierSettings) -> PreparedPicture:
    if set(case.labels) != set(settings.labels) or not set(case.labels.values()) <= {0, 1}:
        raise ModelError(
            f"has the labels {', '.join(case.labels) or 'none'}, not {', '.join(settings.labels)}"[:300],
            place=case.place or case.case,
            remedy="name the data's labels in model.settings.labels, each 1 or 0",
        )
    volume = check_picture(case.load())
    fixations = None if case.gaze is None else placed(case.gaze, volume.shape_kji[1:], settings)
    if fixations is not None and not len(fixations):
        fixations = None
    if settings.kind == "temporal" and settings.without_gaze == "refuse" and fixations is None:
        raise ModelError("no fixation lies on its picture", place=case.place or case.case, remedy="leave this case out")
    labels = np.array([case.labels[name] for name in settings.labels], dtype=np.float32)
    return PreparedPicture(case.case, case.patient, picture_input(volume, settings), labels, fixations)
