"""From a CT volume and a model to the findings of a chest, and the slices that speak for each."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import torch

from models.ct_scroll.evidence import GRADIENT, LEFT_OUT, METHODS, slice_evidence
from models.ct_scroll.network import CtScroll
from models.ct_scroll.preprocessing import scroll_input
from models.errors import ModelError
from models.features.devices import choose_device, memory_in_words
from models.model_folder import LoadedModel
from models.predictions import ClassificationPrediction, Findings
from models.volumes import CtVolume, PictureVolume

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]

EVIDENCE = {"both": METHODS, "gradient": (GRADIENT,), "leave-one-out": (LEFT_OUT,), "none": ()}
PREDICT_OPTIONS = {"evidence": f"which slices speak for each finding, by which method: {', '.join(EVIDENCE)}"}
PREPARING, LOOKING = 300, 900
"""Thousandths of the work after which the volume is prepared, and every slice looked at."""


def predict_findings(
    model: LoadedModel[CtScroll],
    volume: CtVolume | PictureVolume,
    *,
    options: Mapping[str, str] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> ClassificationPrediction:
    """What a model finds in one volume.

    Parameters
    ----------
    options
        ``evidence``: `EVIDENCE`.
    device
        As `models.features.devices.choose_device`.
    progress
        Called with thousandths of the work done, and 1000.

    Raises
    ------
    ModelError
        An option that there is not, pictures, a volume that is no CT of a chest, too little memory on a GPU.
    Cancelled
        When `cancelled` says so.
    """
    began = time.perf_counter()
    methods = _methods(options or {})
    if not isinstance(volume, CtVolume):
        raise ModelError(
            "CT-Scroll takes a CT in Hounsfield units, not pictures",
            place=volume.case or "volume",
            remedy="give a CT of the chest",
        )
    chosen = choose_device(device)
    settings = model.network.settings

    def told(first: int, last: int) -> Progress | None:
        if progress is None:
            return None
        return lambda done, total: progress(first + (last - first) * done // max(total, 1), 1000)

    prepared = scroll_input(volume, settings, progress=told(0, PREPARING), cancelled=cancelled)
    network = model.network.to(chosen.torch_device).eval()
    with memory_in_words(chosen.name, what="it", place=volume.case or "volume"):
        with torch.inference_mode():
            given = torch.from_numpy(prepared.values)[None, None].to(chosen.torch_device)
            tokens = network.tokens(given, progress=told(PREPARING, LOOKING), cancelled=cancelled)[0]
            probabilities = network.logits(tokens[None]).sigmoid()[0].cpu()
        evidence = slice_evidence(network, tokens, prepared.tokens, methods, cancelled=cancelled)
    if not bool(torch.isfinite(probabilities).all()):
        raise ModelError("its probabilities are no numbers", place=model.card.name, remedy="choose another model")
    if progress is not None:
        progress(1000, 1000)
    return ClassificationPrediction(
        case=volume.case,
        patient=volume.patient,
        shape_kji=volume.shape_kji,
        affine_lps=volume.affine_lps,
        model=model.card.name,
        version=model.card.version,
        model_sha256=model.sha256,
        volume_sha256=volume.digest(),
        device=chosen.name if chosen.is_gpu else "cpu",
        seconds=time.perf_counter() - began,
        parameters={
            "evidence": list(methods), "threads": torch.get_num_threads(), "torch": str(torch.__version__),
        },
        findings=Findings(settings.labels, tuple(float(one) for one in probabilities), settings.thresholds),
        evidence=evidence,
    )  # fmt: skip


def _methods(options: Mapping[str, str]) -> tuple[str, ...]:
    unknown = sorted(set(options) - set(PREDICT_OPTIONS))
    if unknown:
        raise ModelError(
            f"CT-Scroll has no option {unknown[0][:60]!r}", remedy=f"options: {', '.join(PREDICT_OPTIONS)}"
        )
    wanted = options.get("evidence", "both")
    if wanted not in EVIDENCE:
        raise ModelError(f"evidence = {wanted[:60]!r}", remedy=f"one of {', '.join(EVIDENCE)}")
    return EVIDENCE[wanted]
