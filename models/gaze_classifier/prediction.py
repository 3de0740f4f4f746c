"""From one radiograph, and a reader's gaze on it where the network wants it, to findings and maps."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from models.datasets.picture_case import PictureGaze
from models.errors import Cancelled, ModelError
from models.families import Progress, Stop
from models.features.devices import choose_device
from models.gaze_classifier.files import LoadedClassifier, outputs_of
from models.gaze_classifier.gaze_frames import gaze_frames, placed
from models.gaze_classifier.image_cnn import Frames
from models.gaze_classifier.picture_gaze import gaze_digest
from models.gaze_classifier.picture_input import check_picture, picture_input, resized
from models.gaze_classifier.settings import GazeClassifierSettings
from models.gaze_classifier.unet import GazeUnet, grad_cam
from models.prediction_heads import GAZE_DIGEST
from models.predictions import ClassificationPrediction, Findings, SaliencyPrediction
from models.volumes import CtVolume, PictureVolume

PREDICTED_GAZE, GRAD_CAM = "predicted gaze", "Grad-CAM"
DECIMALS = 4


def predict_picture(
    model: LoadedClassifier,
    volume: CtVolume | PictureVolume,
    *,
    gaze: PictureGaze | None = None,
    finding: str | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> ClassificationPrediction | SaliencyPrediction:
    """What a model says of one picture.

    Parameters
    ----------
    gaze
        Of a reader of this picture. The temporal network needs it, unless its card says that it may go by the picture
        alone (``without_gaze = "image_only"``); the other networks take none.
    finding
        Label whose Grad-CAM is shown; None: the most probable one.

    Raises
    ------
    ModelError
        No single picture, gaze that is missing, of no use or beside the picture, or an unknown finding.
    Cancelled
        When `cancelled` says so.
    """
    began = time.perf_counter()
    settings = model.network.settings
    label = _label(finding, settings, model.card.name)
    picture = check_picture(volume)
    frames = _frames(gaze, picture, settings, model.card.name)
    _tell(progress, cancelled, 0)
    chosen = choose_device(device)
    network = model.network.to(chosen.torch_device).eval()
    pixels = torch.from_numpy(picture_input(picture, settings))[None, None].to(chosen.torch_device)
    with torch.inference_mode():
        outputs = outputs_of(network, pixels, None if frames is None else frames.to(chosen.torch_device))
    probabilities = outputs.logits[0].double().sigmoid().cpu().numpy()
    _tell(progress, cancelled, 1)
    parameters: dict[str, Any] = {"kind": settings.kind, "torch": str(torch.__version__)}
    shared: dict[str, Any] = {
        "case": picture.case, "patient": picture.patient, "shape_kji": picture.shape_kji,
        "affine_lps": picture.affine_lps, "model": model.card.name, "version": model.card.version,
        "model_sha256": model.sha256, "volume_sha256": picture.digest(),
        "device": chosen.name if chosen.is_gpu else "cpu", "parameters": parameters,
    }  # fmt: skip
    findings = Findings(settings.labels, tuple(float(value) for value in probabilities), settings.thresholds)
    if not isinstance(network, GazeUnet):
        if settings.kind == "temporal":
            parameters["reader"] = "" if gaze is None else gaze.reader
            parameters["frames"] = 0 if frames is None else int(frames.counts[0])
            if gaze is not None:
                parameters[GAZE_DIGEST] = gaze_digest(gaze)
            if outputs.attention is not None:
                parameters["attention"] = [round(float(one), DECIMALS) for one in outputs.attention[0].cpu()]
        _tell(progress, cancelled, 2)
        return ClassificationPrediction(findings=findings, seconds=time.perf_counter() - began, **shared)
    shown = int(np.argmax(probabilities)) if label is None else label
    parameters["finding"] = settings.labels[shown]
    maps = {}
    if outputs.map_logits is not None:
        maps[PREDICTED_GAZE] = outputs.map_logits[0, 0].sigmoid()
    maps[GRAD_CAM] = grad_cam(network, pixels, torch.tensor([shown], device=pixels.device))[0]
    _tell(progress, cancelled, 2)
    return SaliencyPrediction(
        maps_kji={name: as_stored(one, picture.shape_kji) for name, one in maps.items()},
        findings=findings,
        seconds=time.perf_counter() - began,
        **shared,
    )


def as_stored(values: torch.Tensor, shape_kji: tuple[int, int, int]) -> NDArray[np.uint8]:
    """A (h, w) map on the picture's own pixels, 255 its largest value; 0 throughout when it has none."""
    whole = resized(values.detach().float().cpu().clone(), shape_kji[1:]).clamp(min=0)
    largest = float(whole.max())
    scaled = whole / largest if largest > 0 else whole
    return np.asarray((255 * scaled).round().numpy().astype(np.uint8)[None])


def frames_of(gaze: PictureGaze, shape_ji: tuple[int, int], settings: GazeClassifierSettings) -> NDArray[np.float32]:
    """(T, size, size) a reading as the temporal network sees it; T is 0 where no fixation is on the picture."""
    fixations = placed(gaze, shape_ji, settings)
    return gaze_frames(fixations, settings.size_px, most_frames=settings.most_frames, weighting=settings.weighting)


def _frames(
    gaze: PictureGaze | None, picture: PictureVolume, settings: GazeClassifierSettings, name: str
) -> Frames | None:
    if gaze is None:
        if settings.kind == "temporal" and settings.without_gaze == "refuse":
            raise ModelError(
                "needs a reader's fixations on this picture",
                place=name,
                remedy="its option fixations takes them, or choose a model that goes by the picture alone",
            )
        return None
    if settings.kind != "temporal":
        raise ModelError("looks at the picture alone and takes no gaze", place=name, remedy="leave out the fixations")
    maps = frames_of(gaze, picture.shape_kji[1:], settings)
    if not len(maps):
        raise ModelError("no fixation lies on the picture", place=picture.case, remedy="check which picture it is of")
    return Frames(torch.from_numpy(maps)[:, None], torch.tensor([len(maps)]))


def _label(finding: str | None, settings: GazeClassifierSettings, name: str) -> int | None:
    if finding is None:
        return None
    if not settings.is_unet:
        raise ModelError("makes no Grad-CAM, so no finding can be chosen for it", place=name, remedy="leave it out")
    if finding not in settings.labels:
        raise ModelError(
            f"knows no finding {finding[:60]!r}", place=name, remedy=f"one of {', '.join(settings.labels)}"[:300]
        )
    return settings.labels.index(finding)


def _tell(progress: Progress | None, cancelled: Stop | None, done: int) -> None:
    if cancelled is not None and cancelled():
        raise Cancelled
    if progress is not None:
        progress(done, 2)
