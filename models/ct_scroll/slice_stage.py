"""A first stage for the trunk: where on three slices each finding lies, learnt from masks of the training cases.

Not part of the publication, whose trunk begins with ImageNet. Here the trunk learns on single triplets of slices: its
third stage says for each cell of 16 x 16 pixels which findings lie in it, its last one whether they are there at all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, pi

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.ct_scroll.config import SliceStageTable
from models.ct_scroll.resampling import resampled
from models.ct_scroll.settings import MEAN_OF_IMAGENET, SLICES_PER_TOKEN, ScrollSettings
from models.ct_scroll.tokens import slp_grids, slp_view
from models.ct_scroll.trunk import make_trunk
from models.errors import Cancelled, ModelError
from models.features.devices import choose_device, memory_in_words
from models.training.lightning_trainer import quiet_and_repeatable
from models.volumes import CanonicalFrame, CtVolume

CELL_PIXELS = 16
"""Pixels of an image that a place of the trunk's third stage stands for, along each axis."""
THIRD_STAGE = 6
"""Its number among the trunk's modules."""
LEAST_VOXELS = 1.5
"""Of a finding, in prepared voxels, for a cell to hold it."""
WITHOUT_FINDING = 0.25
"""Share of the images of a batch that show none."""
WHOLE_IMAGE_WEIGHT = 0.3
WARM_UP_STEPS = 50
FEW_CELLS = -3.0
"""Bias to begin with: most cells hold nothing."""

Bools = NDArray[np.bool_]
Progress = Callable[[int, int], None]
Stop = Callable[[], bool]


def finding_cells(masks: Mapping[str, Bools], volume: CtVolume, settings: ScrollSettings) -> Bools:
    """(tokens, labels, rows, columns) which cells of each triplet hold which finding.

    Parameters
    ----------
    masks
        (K, J, I) by label, as the volume is stored; a label without one is not there.

    Raises
    ------
    ModelError
        When the input does not divide into cells.
    """
    _, height, width = settings.input_shape_slp
    if height % CELL_PIXELS or width % CELL_PIXELS:
        raise ModelError(
            f"slices of {height} x {width} do not divide into cells of {CELL_PIXELS} pixels",
            remedy="choose another input_shape_slp, or leave out the table slices",
        )
    rows, columns = height // CELL_PIXELS, width // CELL_PIXELS
    found = np.zeros((settings.tokens, len(settings.labels), rows, columns), dtype=bool)
    frame = CanonicalFrame.of(volume.shape_kji, volume.affine_lps)
    grids = slp_grids(frame, settings)
    for number, label in enumerate(settings.labels):
        if label not in masks:
            continue
        stored = CtVolume(masks[label].astype(np.int16), volume.affine_lps, volume.case)
        shares = resampled(slp_view(stored, frame), grids, padding=0.0)
        cells = shares.reshape(settings.tokens, SLICES_PER_TOKEN, rows, CELL_PIXELS, columns, CELL_PIXELS)
        found[:, number] = cells.sum(axis=(1, 3, 5)) >= LEAST_VOXELS
    return found


def trained_trunk(
    width: int,
    inputs: NDArray[np.float16],
    cells: Bools,
    table: SliceStageTable,
    *,
    seed: int,
    device: str = "cpu",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> tuple[dict[str, Tensor], float]:
    """State dict of a trunk that went through the stage, and the mean loss of the last tenth of its steps.

    The same again for the same arguments, device and threads. Products are in bfloat16. Findings are drawn with equal
    chance, so that rare ones are learnt too.

    Parameters
    ----------
    width
        Channels of its first stage.
    inputs
        (cases, S, L, P) (`models.ct_scroll.prepared.PreparedVolumes.inputs`).
    cells
        (cases, tokens, labels, rows, columns).
    device
        As `models.features.devices.choose_device`; weights are drawn on the CPU and come back to it.
    progress
        Called with steps done and in all.
    cancelled
        Asked before each step.

    Raises
    ------
    ModelError
        When no slice shows a finding, the loss is no number, or a GPU has too little memory.
    Cancelled
        `cancelled` said so.
    """
    rng = np.random.default_rng(np.random.SeedSequence((seed, 3)))
    there: Bools = np.any(cells, axis=(3, 4))
    shown = [np.argwhere(there[:, :, label]) for label in range(there.shape[2])]
    shown = [places for places in shown if len(places)]
    if not shown:
        raise ModelError("no slice of a training case shows a finding", remedy="leave out the table slices")
    empty = np.argwhere(~np.any(there, axis=2))
    size = table.images_per_batch
    without = round(WITHOUT_FINDING * size) if len(empty) else 0
    chosen = choose_device(device)
    torch.manual_seed(seed)
    trunk = make_trunk(width)
    trunk.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    local, whole = nn.Conv2d(4 * width, there.shape[2], 1), nn.Linear(8 * width, there.shape[2])
    nn.init.constant_(local.bias, FEW_CELLS)  # type: ignore[arg-type]
    parts = [part.to(chosen.torch_device).train() for part in (trunk, local, whole)]
    optimizer = torch.optim.AdamW(
        [one for part in parts for one in part.parameters()], lr=table.learning_rate, weight_decay=table.weight_decay
    )
    losses: list[float] = []
    too_large = f"{size} images of the first stage at a time"
    remedy = "lower slices.images_per_batch, or take the device cpu"
    with memory_in_words(chosen.name, what=too_large, remedy=remedy), quiet_and_repeatable():
        if chosen.is_gpu:
            torch.use_deterministic_algorithms(True, warn_only=True)
        for step in range(table.steps):
            if cancelled is not None and cancelled():
                raise Cancelled("stopped in its first stage; it must be started again")
            for group in optimizer.param_groups:
                group["lr"] = table.learning_rate * _share(step, table.steps)
            kinds = rng.integers(len(shown), size=size - without)
            places = [*(rng.choice(shown[kind]) for kind in kinds), *(rng.choice(empty) for _ in range(without))]
            images, truth = _batch(inputs, cells, np.array(places), table.translate_pixels, rng)
            loss = _loss(trunk, local, whole, images.to(chosen.torch_device), truth.to(chosen.torch_device))
            losses.append(float(loss.detach()))
            if not np.isfinite(losses[-1]):
                raise ModelError("the loss of the first stage is no number", remedy="lower slices.learning_rate")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            if progress is not None:
                progress(step + 1, table.steps)
    state = {name: value.cpu() for name, value in trunk.state_dict().items()}
    return state, float(np.mean(losses[-max(1, table.steps // 10) :]))


def _loss(trunk: nn.Sequential, local: nn.Module, whole: nn.Module, images: Tensor, truth: Tensor) -> Tensor:
    """Of the cells, and of what is on the images at all."""
    with torch.autocast(images.device.type, dtype=torch.bfloat16):
        middle = trunk[: THIRD_STAGE + 1](images)
        maps, scores = local(middle), whole(trunk[THIRD_STAGE + 1 :](middle).mean(dim=(2, 3)))
    cells = functional.binary_cross_entropy_with_logits(maps.float(), truth)
    there = functional.binary_cross_entropy_with_logits(scores.float(), truth.amax(dim=(2, 3)))
    return cells + WHOLE_IMAGE_WEIGHT * there


def _share(step: int, steps: int) -> float:
    """Of the learning rate: a short rise, then half a cosine to 0."""
    return min(1.0, (step + 1) / WARM_UP_STEPS) * 0.5 * (1 + cos(pi * step / steps))


def _batch(
    inputs: NDArray[np.float16],
    cells: Bools,
    places: NDArray[np.intp],
    most: int,
    rng: np.random.Generator,
) -> tuple[Tensor, Tensor]:
    """(B, 3, L, P) images and (B, labels, rows, columns) truth.

    Half of the batches are mirrored, left for right, with their truth. A shift moves the images alone: it is small
    beside a cell.
    """
    images = np.stack(
        [inputs[case][SLICES_PER_TOKEN * token : SLICES_PER_TOKEN * (token + 1)] for case, token in places]
    ).astype(np.float32)
    truth = cells[places[:, 0], places[:, 1]].astype(np.float32)
    if rng.random() < 0.5:
        images, truth = images[:, :, ::-1], truth[:, :, ::-1]
    down, right = rng.integers(-most, most + 1, size=2)
    images = _moved(images, int(down), int(right))
    given = torch.from_numpy(np.ascontiguousarray(images)).contiguous(memory_format=torch.channels_last)
    return given, torch.from_numpy(np.ascontiguousarray(truth))


def _moved(images: NDArray[np.float32], down: int, right: int) -> NDArray[np.float32]:
    """Air moves in at the edges."""
    most = max(abs(down), abs(right))
    if not most:
        return images
    padded = np.pad(images, ((0, 0), (0, 0), (most, most), (most, most)), constant_values=-MEAN_OF_IMAGENET)
    height, width = images.shape[2:]
    return padded[:, :, most - down : most - down + height, most - right : most - right + width]
