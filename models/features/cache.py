"""Features of volumes, kept as files, so that a volume that was encoded once is not encoded again."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from models.errors import ModelError
from models.features.contract import Encoder
from models.features.devices import Device
from models.features.resampling import Image, Progress, Stop
from models.volumes import CtVolume

SCHEMA = "1"
_PACKAGES = ("ctgaze", "numpy", "torch", "monai")


@dataclass(frozen=True)
class Kept:
    """What a cache had.

    Attributes
    ----------
    features
        None when it had none that can be used.
    note
        Why a file that was there was not used; empty otherwise.
    """

    features: Image | None
    note: str = ""


class FeatureCache:
    """Features in a folder that the caller names, one safetensors file for each volume and setting.

    A file's name is the hash of the volume's digest and the encoder's settings; its metadata repeat both, with the
    versions of the packages and a digest of the values, so that no damaged or foreign file is taken for the features.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, volume_digest: str, settings: Mapping[str, object]) -> Path:
        """File of these features, whether it is there or not."""
        key = hashlib.sha256(f"{SCHEMA}\n{volume_digest}\n{_text(settings)}".encode()).hexdigest()
        return self.folder / f"{key[:32]}.safetensors"

    def get(self, volume_digest: str, settings: Mapping[str, object]) -> Kept:
        """Features that were put under the same digest and settings."""
        path = self.path(volume_digest, settings)
        if not path.is_file():
            return Kept(None)
        try:
            with safe_open(path, framework="numpy") as file:
                said = file.metadata() or {}
                features = file.get_tensor("features") if "features" in file.keys() else None  # noqa: SIM118
        except (SafetensorError, OSError) as error:
            return Kept(None, f"{path}: damaged, computed again ({str(error).splitlines()[0]})")
        if said.get("volume_digest") != volume_digest or said.get("settings") != _text(settings):
            return Kept(None, f"{path}: features of another volume or settings, computed again")
        if features is None or said.get("values_sha256") != _values_digest(features):
            return Kept(None, f"{path}: its values changed since they were written, computed again")
        return Kept(features)

    def put(self, volume_digest: str, settings: Mapping[str, object], features: Image) -> Path:
        """Keep features; a reader sees the whole file or none.

        Raises
        ------
        ModelError
            The folder cannot be written to.
        """
        path = self.path(volume_digest, settings)
        features = np.ascontiguousarray(features)
        content = save(
            {"features": features},
            metadata={
                "schema": SCHEMA,
                "volume_digest": volume_digest,
                "settings": _text(settings),
                "versions": _text({name: _version(name) for name in _PACKAGES}),
                "values_sha256": _values_digest(features),
            },
        )
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            try:
                _write(unfinished, content)
                unfinished.replace(path)
            finally:
                unfinished.unlink(missing_ok=True)
        except OSError as error:
            raise ModelError(
                f"features cannot be kept here: {error.strerror}", place=str(self.folder), remedy="name another folder"
            ) from error
        return path


def cached_features(
    cache: FeatureCache,
    encoder: Encoder,
    volume: CtVolume,
    grid_kji: tuple[int, int, int],
    *,
    device: Device,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> Kept:
    """Features from the cache, or from the encoder and then kept.

    Returns
    -------
    Kept
        Always with features; its note says why a file that was there was not used, or why they could not be kept.

    Raises
    ------
    ModelError
        As `Encoder.encode`.
    Cancelled
        `cancelled` said so; nothing is kept.
    """
    digest = volume.digest()
    settings = {**encoder.settings, "grid_kji": list(grid_kji)}
    kept = cache.get(digest, settings)
    if kept.features is not None:
        return kept
    features = encoder.encode(volume, grid_kji, device=device, progress=progress, cancelled=cancelled)
    try:
        cache.put(digest, settings, features)
    except ModelError as error:
        return Kept(features, str(error))
    return Kept(features, kept.note)


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _text(values: Mapping[str, object]) -> str:
    """One line of JSON, the same for the same values."""
    return json.dumps(values, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _values_digest(features: Image) -> str:
    return hashlib.sha256(f"{features.dtype.str}{features.shape}".encode() + features.tobytes()).hexdigest()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
