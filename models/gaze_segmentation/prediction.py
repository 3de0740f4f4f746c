"""From a volume or picture to where a structure is: every slice, every level, in batches of bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.errors import Cancelled, ModelError
from models.features.chest import check_chest_slices
from models.features.devices import choose_device
from models.gaze_segmentation.input_pictures import Layout, network_picture, stored_size
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.settings import SegmentationSettings
from models.gaze_segmentation.slices import SliceStack, slices_of
from models.gaze_segmentation.windows import logits_of
from models.model_folder import LoadedModel
from models.predictions import SegmentationPrediction
from models.volumes import CtVolume, PictureVolume

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]
Average = Literal["probabilities", "logits"]

BATCH_PX = 1 << 18
"""Pixels of input that are looked at at a time: five pictures of the published size."""
THRESHOLD = 0.5


@dataclass(frozen=True, eq=False)
class LevelProbabilities:
    """What a network says of one picture, on its own pixels.

    Attributes
    ----------
    mean
        (J, I) float32 of all levels together.
    levels
        (levels, J, I) float32.
    """

    mean: NDArray[np.float32]
    levels: NDArray[np.float32]


def predict_segmentation(
    model: LoadedModel[GazeSegmenter],
    volume: CtVolume | PictureVolume,
    *,
    slices: tuple[int, int] | None = None,
    average: Average | None = None,
    threshold: float = THRESHOLD,
    device: str = "auto",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> SegmentationPrediction:
    """Segment a volume slice by slice.

    Slices are resized to the network's input; where the card gives a distance of pixels, they are resampled to it and
    looked at in windows of the input's size. The answer comes back on the stored voxels. A level that says background
    everywhere while another does not is named in the parameters: it may have collapsed.

    Parameters
    ----------
    slices
        First and last stored slice, from 0; None: all. The others are background and not `seen_k`.
    average
        Of the levels; None: probabilities, or logits for a faithful network.
    device
        As `models.features.devices.choose_device`.
    progress
        Called with slices done and in all.

    Raises
    ------
    ModelError
        Values of another kind, values that are no numbers, slices that are not there, another part of the body than the
        card's.
    Cancelled
        `cancelled` said so.
    """
    began = time.perf_counter()
    if not 0 < threshold < 1:
        raise ModelError(f"a threshold of {threshold:g}", remedy="give a number between 0 and 1")
    settings = model.network.settings
    stack = slices_of(volume, settings, hu_of_pictures=False)
    if settings.region == "chest" and isinstance(volume, CtVolume):
        check_chest_slices(volume)
    chosen = _chosen(stack, volume.shape_kji[0], slices)
    how = average_of(settings, average)
    place = choose_device(device)
    shape, names = volume.shape_kji, settings.level_names
    mean = np.zeros(shape, dtype=np.uint8)
    levels = {name: np.zeros(shape, dtype=np.uint8) for name in names}
    seen = np.zeros(shape, dtype=bool)
    views = [stack.turned(array) for array in (mean, *levels.values())]
    network = model.network.to(place.torch_device).eval()
    order = [number for number in range(len(stack.planes)) if number in chosen]
    found = probabilities_of_slices(network, stack, order, how, cancelled=cancelled)
    for done, (number, said) in enumerate(zip(order, found, strict=True), start=1):
        for view, values in zip(views, (said.mean, *said.levels), strict=True):
            view[number] = np.rint(255 * values)
        stack.turned(seen)[number] = True
        if progress is not None:
            progress(done, len(order))
    counts = {name: int((level >= np.uint8(max(1, round(255 * threshold)))).sum()) for name, level in levels.items()}
    return SegmentationPrediction(
        case=volume.case,
        patient=volume.patient,
        shape_kji=shape,
        affine_lps=volume.affine_lps,
        model=model.card.name,
        version=model.card.version,
        model_sha256=model.sha256,
        volume_sha256=volume.digest(),
        device=place.name if place.is_gpu else "cpu",
        seconds=time.perf_counter() - began,
        structure=settings.structure,
        probability_kji=mean,
        threshold=threshold,
        levels_kji=levels if len(levels) > 1 else {},
        seen_k=np.asarray(seen.any(axis=(1, 2))),
        parameters={
            "slices": None if slices is None else list(slices), "average": how, "levels": list(counts),
            "foreground_voxels": list(counts.values()), "warnings": collapse_warnings(counts),
            "threads": torch.get_num_threads(), "torch": str(torch.__version__),
        },
    )  # fmt: skip


def probabilities_of_slices(
    network: GazeSegmenter, stack: SliceStack, order: list[int], average: Average, *, cancelled: Stop | None = None
) -> Iterator[LevelProbabilities]:
    """What a network says of some pictures of a stack, one after the other, on the device where it is.

    Raises
    ------
    ModelError
        A picture holds values that are no numbers, or its pixels have no size.
    Cancelled
        `cancelled` said so.
    """
    settings = network.settings
    rows, columns = stack.planes.shape[1:3]
    layout = Layout.of((rows, columns), stack.spacing_ji_mm, settings, stack.place)
    each = max(1, BATCH_PX // prod(settings.input_rows_columns_px))
    device = next(network.parameters()).device
    for start in range(0, len(order), each):
        numbers = order[start : start + each]
        stack.check_numbers(numbers)
        if cancelled is not None and cancelled():
            raise Cancelled
        pictures = [network_picture(stack.planes[number], layout, settings) for number in numbers]
        with torch.inference_mode():
            for one in logits_of(network, torch.stack(pictures).to(device)).unbind(1):
                yield _together(stored_size(one, layout), average)


def average_of(settings: SegmentationSettings, wanted: Average | None) -> Average:
    """What is averaged over the levels: as wanted, else as published for a faithful network, else probabilities.

    A level that collapsed to background has logits of minus a hundred, which drag a mean of logits with them.
    """
    return wanted or ("logits" if settings.faithful else "probabilities")


def collapse_warnings(foreground: dict[str, int]) -> list[str]:
    """A sentence for each level that says background everywhere while another level does not."""
    return [
        f"{name} found nothing while another level did: it may have collapsed to background"
        for name, count in foreground.items()
        if count == 0 and any(foreground.values())
    ]


def _together(logits: Tensor, average: Average) -> LevelProbabilities:
    levels = torch.sigmoid(logits)
    mean = levels.mean(0) if average == "probabilities" else torch.sigmoid(logits.mean(0))
    return LevelProbabilities(mean.cpu().numpy(), levels.cpu().numpy())


def _chosen(stack: SliceStack, count: int, slices: tuple[int, int] | None) -> set[int]:
    """Numbers of the planes that are looked at."""
    if slices is None:
        return set(range(len(stack.planes)))
    first, last = slices
    if not stack.stored_slices:
        raise ModelError(
            "is not stored in axial slices, so that a range of stored slices means nothing to this model",
            place=stack.place,
            remedy="leave out slices",
        )
    if not 0 <= first <= last < count:
        raise ModelError(
            f"has no slices {first} to {last}", place=stack.place, remedy=f"its slices are 0 to {count - 1}"
        )
    flipped = stack.frame is not None and stack.frame.flipped[2]
    stored: list[Any] = list(range(first, last + 1))
    return {count - 1 - number for number in stored} if flipped else set(stored)
