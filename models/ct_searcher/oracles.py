"""Two candidates that no model is: one that knows every lesion, one that knows nothing but the average reading."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.ct_searcher.bodies import BodyFrame
from models.datasets.case import Lesion
from models.scanpath import Scanpath
from models.simulation.markov_reader import Box

Floats = NDArray[np.float64]

LESION_ORACLE = "lesion centres (oracle)"
AVERAGE_PATH = "fixed average path"


def lesion_oracle(like: Scanpath, lesions: Sequence[Lesion], *, body: Box | None = None) -> Scanpath:
    """As many fixations as `like`, on the lesions' centres from the head to the feet, each lesion in one go and for
    about the same number of fixations, each fixation as long as the mean. A case without a lesion: the body's centre.

    Nothing is drawn by chance. With fewer fixations than lesions the last ones are not reached.
    """
    places = np.array([lesion.voxel_ijk for lesion in lesions], dtype=np.float64).reshape(-1, 3)
    frame = BodyFrame.of(like, body)
    if not len(places):
        places = frame.to_voxels([[0.5, 0.5, 0.5]])
    places = places[np.argsort(frame.frame.to_shares(places)[:, 2], kind="stable")]
    rows = np.arange(len(like)) * len(places) // max(len(like), len(places))
    return _like(like, LESION_ORACLE, places[rows])


def average_path(
    training: Sequence[Scanpath], like: Scanpath, *, boxes: Sequence[Box | None], body: Box | None = None
) -> Scanpath:
    """The mean training path with as many fixations as `like`: the same, up to its length, in every case.

    Each training path is resampled to the length (linear between its fixations, over their numbers); a step is the mean
    over the paths of the share of the body's box. Each fixation is as long as `like`'s mean.

    Parameters
    ----------
    boxes
        The body in each training path's volume; None: its whole volume.
    body
        The body in the volume of `like`.

    Raises
    ------
    ValueError
        When no training path has a fixation.
    """
    kept = [(path, box) for path, box in zip(training, boxes, strict=True) if len(path)]
    if not kept:
        raise ValueError("there is no training path to average")
    total = np.zeros((len(like), 3))
    for path, box in kept:
        shares = BodyFrame.of(path, box).to_shares(path.voxel_ijk)
        course = np.linspace(0, len(path) - 1, len(like))
        total += np.column_stack([np.interp(course, np.arange(len(path)), shares[:, axis]) for axis in range(3)])
    return _like(like, AVERAGE_PATH, BodyFrame.of(like, body).to_voxels(total / len(kept)))


def _like(like: Scanpath, name: str, voxel_ijk: ArrayLike) -> Scanpath:
    return Scanpath.from_voxels(
        voxel_ijk,
        np.full(len(like), like.duration_s.mean() if len(like) else 0.0),
        shape_kji=like.shape_kji,
        who=name,
        case=like.case,
        patient=like.patient,
        affine_lps=like.affine_lps,
        source="model",
    )
