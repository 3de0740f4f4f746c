"""Features of a CT from MONAI's Swin UNETR: as it should be fed, and as it was for the published CT-Searcher.

The right way feeds the network what it was trained on: axes to the right, to the front and to the head, voxels of
1.5 x 1.5 x 2 mm, windows of 96 voxels that overlap and whose features fall exactly where they belong. It is run on one
HU window after the other: first that of the training (abdomen: lungs are black in it), then one that shows lungs. Their
features are averaged, so that a cell has 768 as published, or stand side by side, which keeps what showed in which.

The published way (reference: CT-ScanGaze, 2.1 and 2.2) takes the array as it is stored, at whatever spacing, in one
window; the last windows are misplaced by up to 31 voxels and 7 of 8 features are dropped by a nearest resize.
"""

from __future__ import annotations

import time
from math import prod
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from pydantic import BaseModel, ConfigDict, Field

from models.ct_searcher.settings import LUNG_WINDOW_HU
from models.errors import ModelError
from models.features.contract import CellOrder
from models.features.devices import Device, memory_in_words
from models.features.inputs import check_volume
from models.features.resampling import Image, Progress, Stop, area_weights, linear_weights, resampled
from models.features.sliding_window import (
    WINDOW,
    covered_weights,
    exact_axis,
    lattice_features,
    nearest_cells,
    published_axis,
)
from models.features.swin_unetr_weights import (
    FEATURE_SIZE,
    Bottleneck,
    default_weights,
    load_bottleneck,
    weights_digest,
)
from models.volumes import CanonicalFrame, CtVolume

TRAINED_WINDOW_HU = (-175.0, 250.0)
TRAINED_SPACING_KJI_MM = (2.0, 1.5, 1.5)
PUBLISHED_GRID = (8, 8, 8)
GPU_BATCH = 4
COMPUTATION = 1
"""Raised when the same settings give other features than before, so that no cached ones are taken for them."""


class SwinUnetrSettings(BaseModel):
    """How Swin UNETR is fed.

    Attributes
    ----------
    weights
        File; where `default_weights` says unless it is given.
    published
        As for the published CT-Searcher; the options below, but for `feature_size`, are not used then.
    stride_voxels
        From window to window: 64 shares a third of each with the next and 32 two thirds, at eight times the work.
    windows_hu
        Each is a run of its own.
    combine
        ``mean`` of the windows' features: 768 channels. ``concatenate``: 768 for each window.
    feature_size
        48 for the published weights.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    weights: Path | None = None
    published: bool = False
    stride_voxels: Literal[32, 64, 96] = 64
    windows_hu: tuple[tuple[float, float], ...] = Field(default=(TRAINED_WINDOW_HU, LUNG_WINDOW_HU), min_length=1)
    combine: Literal["mean", "concatenate"] = "mean"
    feature_size: int = Field(default=FEATURE_SIZE, ge=12, multiple_of=12)


class SwinUnetr:
    """Swin UNETR's bottleneck ("dec4") as an `Encoder`.

    Weights are read when they are first needed and kept.
    """

    def __init__(self, settings: SwinUnetrSettings | None = None) -> None:
        self._settings = settings or SwinUnetrSettings()
        self._weights = self._settings.weights or default_weights()
        self._network: Bottleneck | None = None
        self._digest = ""
        self._window_s: dict[torch.device, float] = {}
        self.name = "swin_unetr_published" if self._settings.published else "swin_unetr"

    @property
    def channels(self) -> int:
        """Features of each cell."""
        side_by_side = self._settings.combine == "concatenate" and not self._settings.published
        return 16 * self._settings.feature_size * (len(self._settings.windows_hu) if side_by_side else 1)

    @property
    def cell_order(self) -> CellOrder:
        """Canonical, or the stored axes i, j, k."""
        return "published" if self._settings.published else "canonical"

    @property
    def settings(self) -> dict[str, object]:
        """Settings and the digest of the weights' file, which is read once."""
        if not self._digest:
            self._digest = weights_digest(self._weights)
        unused = {"stride_voxels", "windows_hu", "combine"} if self._settings.published else set[str]()
        chosen = self._settings.model_dump(mode="json", exclude={"weights", "published"} | unused)
        return {"encoder": self.name, "computation": COMPUTATION, "weights_sha256": self._digest, **chosen}

    def estimate_s(
        self, shape_kji: tuple[int, int, int], device: Device, *, affine_lps: ArrayLike | None = None
    ) -> float:
        """Windows times the seconds of one, which is timed at the first call for a device; see `Encoder`."""
        if device.torch_device not in self._window_s:
            windows = np.zeros((1, WINDOW, WINDOW, WINDOW), dtype=np.float32)
            if device.is_gpu:
                self._run(windows, device)
            start_s = time.perf_counter()
            self._run(windows, device)
            self._window_s[device.torch_device] = time.perf_counter() - start_s
        return self.windows(shape_kji, affine_lps=affine_lps) * self._window_s[device.torch_device]

    def windows(self, shape_kji: tuple[int, int, int], *, affine_lps: ArrayLike | None = None) -> int:
        """Windows that the network sees for a volume."""
        if self._settings.published:
            return prod(len(published_axis(size).starts) for size in shape_kji)
        shape = shape_kji
        if affine_lps is not None:
            shape = _trained_shape(CanonicalFrame.of(shape_kji, affine_lps))
        axes = [exact_axis(size, self._settings.stride_voxels) for size in shape]
        return len(self._settings.windows_hu) * prod(len(axis.starts) for axis in axes)

    def encode(
        self,
        volume: CtVolume,
        grid_kji: tuple[int, int, int],
        *,
        device: Device,
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Image:
        """(cells, channels) float32; see `Encoder`. Progress counts windows, and cancelling waits for one at most."""
        check_volume(volume)
        if self._settings.published and grid_kji != PUBLISHED_GRID:
            raise ModelError(f"published features are for 8 x 8 x 8 cells, not {grid_kji}")
        self._load()
        if self._settings.published:
            return self._encode_published(volume, device, progress, cancelled)
        return self._encode(volume, grid_kji, device, progress, cancelled)

    def _encode(
        self,
        volume: CtVolume,
        grid_kji: tuple[int, int, int],
        device: Device,
        progress: Progress | None,
        cancelled: Stop | None,
    ) -> Image:
        frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
        # Canonical axes run to the left, back and feet; the network was trained on right, front and head.
        turned = frame.reorient(volume.hu_kji)[::-1, ::-1, ::-1]
        shape = _trained_shape(frame)
        along, down, across = (_axis_weights(old, new) for old, new in zip(turned.shape, shape, strict=True))
        axes = [exact_axis(size, self._settings.stride_voxels) for size in shape[::-1]]
        shares = [covered_weights(axis, cells) for axis, cells in zip(axes, grid_kji[::-1], strict=True)]
        in_all = self.windows(volume.shape_kji, affine_lps=volume.affine_lps)
        each = in_all // len(self._settings.windows_hu)
        found = []
        for number, window_hu in enumerate(self._settings.windows_hu):
            image = resampled(turned, (along, down, across), [window_hu], cancelled=cancelled)[0].transpose(2, 1, 0)

            def count(done: int, _: int, before: int = number * each) -> None:
                if progress is not None:
                    progress(before + done, in_all)

            lattice = lattice_features(
                image.__getitem__,
                axes,
                lambda windows: self._run(windows, device),
                batch=GPU_BATCH if device.is_gpu else 1,
                progress=count,
                cancelled=cancelled,
            )
            cells = np.einsum("xa,yb,zc,nabc->nzyx", *shares, lattice, optimize=True)[:, ::-1, ::-1, ::-1]
            found.append(cells.reshape(len(cells), -1).T)
        joined = np.concatenate(found, axis=1) if self._settings.combine == "concatenate" else np.mean(found, axis=0)
        return np.ascontiguousarray(joined, dtype=np.float32)

    def _encode_published(
        self, volume: CtVolume, device: Device, progress: Progress | None, cancelled: Stop | None
    ) -> Image:
        stored = volume.hu_kji.transpose(2, 1, 0)
        axes = [published_axis(size) for size in stored.shape]
        lattice = lattice_features(
            lambda where: _scaled(stored[where]),
            axes,
            lambda windows: self._run(windows, device),
            batch=GPU_BATCH if device.is_gpu else 1,
            progress=progress,
            cancelled=cancelled,
        )
        i, j, k = (nearest_cells(axis.cells, cells) for axis, cells in zip(axes, PUBLISHED_GRID, strict=True))
        cells = lattice[:, i[:, None, None], j[:, None], k]
        return np.ascontiguousarray(cells.reshape(len(cells), -1).T)

    def _load(self) -> Bottleneck:
        if self._network is None:
            self._network = load_bottleneck(self._weights, self._settings.feature_size)
        return self._network

    def _run(self, windows: Image, device: Device) -> Image:
        """(n, 96, 96, 96) to (n, channels, 3, 3, 3)."""
        network = self._load().to(device.torch_device)
        what = "Swin UNETR's windows of 96 x 96 x 96 voxels"
        with memory_in_words(device.name, what=what), torch.inference_mode():
            found: Image = network(torch.from_numpy(windows)[:, None].to(device.torch_device)).cpu().numpy()
        return found


def _trained_shape(frame: CanonicalFrame) -> tuple[int, int, int]:
    """Voxels along canonical k, j, i at the spacing of the training, to the nearest one."""
    k, j, i = (
        max(1, round(size * spacing / wanted))
        for size, spacing, wanted in zip(
            frame.canonical_shape_kji, frame.spacing_ijk_mm[::-1], TRAINED_SPACING_KJI_MM, strict=True
        )
    )
    return k, j, i


def _axis_weights(before: int, after: int) -> Image:
    """Means where voxels become fewer, linear interpolation where they become more."""
    return area_weights(before, after) if after <= before else linear_weights(before, after)


def _scaled(hu: NDArray[np.generic]) -> Image:
    """HU in the window of the training as 0..1."""
    low, high = TRAINED_WINDOW_HU
    return (np.clip(hu.astype(np.float32), low, high) - low) / (high - low)
