"""Maps of pseudo-masks that are made once for a picture, its gaze and the settings, and then read from a file."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from models.datasets.picture_case import PictureCase
from models.errors import ModelError
from models.gaze_segmentation.pseudo_masks import PseudoMaskSettings, pseudo_mask_map
from models.volumes import PictureVolume

SCHEMA = 1
"""To be raised when the same picture, gaze and settings give another map than before."""


def kept_map(
    case: PictureCase, picture: PictureVolume, settings: PseudoMaskSettings, folder: Path | None
) -> NDArray[np.float32]:
    """The map of one picture, (J, I) float32 in 0..1; its mask is not opened.

    Parameters
    ----------
    picture
        Of the case, loaded.
    settings
        Their thresholds change nothing: they apply to the map.
    folder
        Keeps the maps; None: they are made every time.

    Raises
    ------
    ModelError
        As `pseudo_mask_map`; or when the folder refuses a new file.
    """
    if folder is None:
        return pseudo_mask_map(case, settings)
    path = folder / f"map_{_key(case, picture, settings)}.npy"
    found = _read(path, picture.shape_kji[1:])
    if found is None:
        found = pseudo_mask_map(case, settings)
        _write(path, found)
    return found


def _key(case: PictureCase, picture: PictureVolume, settings: PseudoMaskSettings) -> str:
    digest = hashlib.sha256(f"{SCHEMA} {settings.model_dump_json(exclude={'thresholds'})}".encode())
    digest.update(picture.digest().encode())
    if case.gaze is not None:
        for values in (case.gaze.points_xy_share, case.gaze.duration_s, case.gaze.onset_s):
            digest.update(np.ascontiguousarray(values, dtype=np.float64).tobytes())
    return digest.hexdigest()[:32]


def _read(path: Path, shape_ji: tuple[int, ...]) -> NDArray[np.float32] | None:
    """None when there is no such file, or only a broken one: it is made anew."""
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return None
    fits = isinstance(found, np.ndarray) and found.shape == shape_ji and found.dtype == np.float32
    return found if fits else None


def _write(path: Path, found: NDArray[np.float32]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".map_", suffix=".npy", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                np.save(file, found)
            Path(name).replace(path)
        finally:
            Path(name).unlink(missing_ok=True)
    except OSError as error:
        raise ModelError(
            f"a map cannot be kept: {error.strerror or error}", place=str(path.parent), remedy="name another folder"
        ) from error
