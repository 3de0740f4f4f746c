"""What a network says of many prepared pictures, in batches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from models.errors import Cancelled
from models.families import Progress, Stop
from models.gaze_classifier.batches import batch_of
from models.gaze_classifier.files import Classifier, outputs_of
from models.gaze_classifier.prepared_pictures import PreparedPicture
from models.gaze_classifier.unet import GazeUnet, grad_cam

CASES_PER_BATCH = 16


def probabilities_of(
    network: Classifier,
    pictures: Sequence[PreparedPicture],
    *,
    device: torch.device | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> NDArray[np.float64]:
    """(N, labels) in the order of the pictures; the same for any device and batch, up to rounding,
    unless the network is faithful: then readings of one batch change each other."""
    chosen = device or torch.device("cpu")
    network = network.to(chosen).eval()
    found = []
    for start in range(0, len(pictures), CASES_PER_BATCH):
        if cancelled is not None and cancelled():
            raise Cancelled
        part = pictures[start : start + CASES_PER_BATCH]
        batch = batch_of(part, network.settings).to(chosen)
        with torch.inference_mode():
            outputs = outputs_of(network, batch.pictures, batch.frames)
        found.append(outputs.logits.double().sigmoid().cpu().numpy())
        if progress is not None:
            progress(start + len(part), len(pictures))
    return np.concatenate(found)


def maps_of(
    network: GazeUnet, pictures: Sequence[PreparedPicture], *, device: torch.device | None = None
) -> tuple[NDArray[np.float64] | None, NDArray[np.float64]]:
    """(N, size, size) predicted gaze, or None of a network without a decoder; and Grad-CAM of the likeliest finding."""
    chosen = device or torch.device("cpu")
    network = network.to(chosen).eval()
    gaze, cams = [], []
    for start in range(0, len(pictures), CASES_PER_BATCH):
        batch = batch_of(pictures[start : start + CASES_PER_BATCH], network.settings).to(chosen)
        with torch.inference_mode():
            outputs = outputs_of(network, batch.pictures, None)
        cam = grad_cam(network, batch.pictures, outputs.logits.argmax(1).clone())[:, None]
        size = batch.pictures.shape[2:]
        large = torch.nn.functional.interpolate(cam, size=size, mode="bilinear", align_corners=False)
        cams.append(large[:, 0].double().cpu().numpy())
        if outputs.map_logits is not None:
            gaze.append(outputs.map_logits[:, 0].double().sigmoid().cpu().numpy())
    return (np.concatenate(gaze) if gaze else None), np.concatenate(cams)
