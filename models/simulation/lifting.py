"""Gaze on a frontal chest radiograph brought into a CT, to pre-train on: left and right and height are kept, depth is
invented.

A point of a radiograph is a ray from front to back. Which place on the ray the reader looked at is not in the data, so
the depth is drawn: from the lung on that ray, denser places (vessels, nodules) more often, because they make the
radiograph's contrast. What comes out is a prior on places and on their order from side to side and from top to bottom.
It is no measurement of depth, and nothing about depth can be learned or tested with it. The weights and the steadiness
of the depth are ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr

from models.scanpath import Scanpath
from models.simulation.markov_reader import Box
from models.volumes import CanonicalFrame, CtVolume

Floats = NDArray[np.float64]
BoxShare = tuple[float, float, float, float]

WHOLE_PICTURE: BoxShare = (0.0, 0.0, 1.0, 1.0)
STEADY_MM = 30.0
"""Points that lie this far apart on the radiograph keep exp(-1) = 0.37 of their depths' correlation."""
AERATED_HU = -880.0
LUNG_FLOOR = 0.1
"""Weight of aerated lung beside that of a solid place, which is 1."""
BODY_ABOVE_HU = -400.0


def lift(
    points_xy_share: ArrayLike,
    duration_s: ArrayLike,
    volume: CtVolume,
    lungs_kji: NDArray[np.bool_],
    *,
    seed: int,
    lungs_in_picture: BoxShare = WHOLE_PICTURE,
    onset_s: ArrayLike | None = None,
    who: str = "lifted",
) -> Scanpath:
    """Bring fixations on a frontal radiograph into a CT of any patient. The depth is a prior, not true.

    Parameters
    ----------
    points_xy_share
        (N, 2) shares of the picture: x from the patient's right (the picture's left edge) to the left, y from the top
        down.
    duration_s
        (N,) seconds.
    volume, lungs_kji
        The CT in any orientation and its lungs.
    seed
        Decides the depths; the same arguments give the same path.
    lungs_in_picture
        Where the lungs' bounding box lies in the picture (left, top, right, bottom, in shares); by default they fill
        it. It is mapped onto the lungs' bounding box in the CT.
    onset_s
        (N,) seconds, ascending; None: unknown.
    who
        Code of the reader.

    Returns
    -------
    Scanpath
        On whole slices along the head-to-feet axis, with the source ``simulated``, because the depth is. A point that
        falls beyond the volume is moved to its border. Where a ray meets no lung, the depth is drawn from the body on
        it, denser places more often; where it meets no body, it lies in the middle of the lungs.

    Raises
    ------
    ValueError
        For points that are not shares of the picture, an empty lung mask, or shapes that do not fit.
    """
    points = np.asarray(points_xy_share, dtype=np.float64).reshape(-1, 2)
    durations = np.asarray(duration_s, dtype=np.float64).ravel()
    if len(points) != len(durations):
        raise ValueError(f"{len(points)} points and {len(durations)} durations")
    if not ((points >= 0) & (points <= 1)).all():
        raise ValueError("points are shares of the picture, from 0 to 1")
    if lungs_kji.shape != volume.shape_kji:
        raise ValueError(f"the lung mask has the shape {lungs_kji.shape}, the volume {volume.shape_kji}")
    left, top, right, bottom = lungs_in_picture
    if not (left < right and top < bottom):
        raise ValueError(f"the lungs' box runs from left to right and from top to bottom: {lungs_in_picture}")
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    hu, lungs = frame.reorient(volume.hu_kji), frame.reorient(lungs_kji)
    box = Box.of_mask(lungs)
    of_lungs = (points - (left, top)) / (right - left, bottom - top)
    middle = np.full(len(points), 0.5)
    canonical = box.to_voxels(np.stack([of_lungs[:, 0], middle, of_lungs[:, 1]], axis=1))
    size = np.array(frame.canonical_shape_kji[::-1], dtype=np.float64)
    canonical = np.clip(canonical, 0, size - 1)
    canonical[:, 2] = np.rint(canonical[:, 2])
    ranks = ndtr(_steady_normals(canonical[:, [0, 2]] * np.array(frame.spacing_ijk_mm)[[0, 2]], seed))
    for row, rank in enumerate(ranks):
        i, k = round(canonical[row, 0]), int(canonical[row, 2])
        weights = ray_weights(np.asarray(hu[k, :, i], dtype=np.float64), np.asarray(lungs[k, :, i], dtype=bool))
        if weights.any():
            share = np.cumsum(weights)
            canonical[row, 1] = int(np.searchsorted(share / share[-1], rank, side="left"))
    return Scanpath.from_voxels(
        frame.to_voxels((canonical + 0.5) / size),
        durations,
        shape_kji=volume.shape_kji,
        who=who,
        case=volume.case,
        patient=volume.patient,
        onset_s=onset_s,
        affine_lps=volume.affine_lps,
        source="simulated",
        trial=f"lifted {seed}",
    )


def seen_from_front(voxel_ijk: ArrayLike, volume: CtVolume, lungs_kji: NDArray[np.bool_]) -> Floats:
    """(N, 2) where places of a CT lie on a frontal radiograph, as shares of the lungs' bounding box; undoes `lift`.

    Raises
    ------
    ValueError
        For an empty lung mask.
    """
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    size = np.array(frame.canonical_shape_kji[::-1], dtype=np.float64)
    canonical = frame.to_shares(voxel_ijk) * size - 0.5
    return Box.of_mask(frame.reorient(lungs_kji)).to_shares(canonical)[:, [0, 2]]


def ray_weights(hu: Floats, lung: NDArray[np.bool_]) -> Floats:
    """(J,) chance, up to a factor, of each voxel on a ray: lung by density above aerated lung; without lung, the body
    by its attenuation; all 0 without either."""
    if lung.any():
        return np.where(lung, np.clip((hu - AERATED_HU) / (0 - AERATED_HU), LUNG_FLOOR, 1.0), 0.0)
    return np.where(hu > BODY_ABOVE_HU, (hu + 1000) / 1000, 0.0)


def _steady_normals(places_mm: Floats, seed: int) -> Floats:
    """(N,) standard normal values in which neighbours in time agree the more, the nearer their places (M, 2) are."""
    drawn = np.random.default_rng([seed, 11]).standard_normal(len(places_mm))
    kept = np.exp(-np.linalg.norm(np.diff(places_mm, axis=0), axis=1) / STEADY_MM)
    for row, share in enumerate(kept, start=1):
        drawn[row] = share * drawn[row - 1] + np.sqrt(1 - share**2) * drawn[row]
    return drawn
