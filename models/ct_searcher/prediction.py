"""From a CT volume and a model to sampled scan paths: inside the body, on slices there are, one seed one result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from models.ct_searcher.consensus import most_agreed
from models.ct_searcher.decoding import SampledPath, sample_paths
from models.ct_searcher.files import LoadedSearcher
from models.ct_searcher.inside_body import Body
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import MOST_CONSENSUS, SearcherSettings
from models.ct_searcher.steps import Encoded
from models.ct_searcher.targets import steps_to_voxels
from models.errors import ModelError
from models.features.devices import Device, choose_device
from models.features.inputs import check_volume, network_input
from models.predictions import ScanpathPrediction
from models.scanpath import Scanpath
from models.volumes import CtVolume

Progress = Callable[[int, int], None]
Stop = Callable[[], bool]

VOXEL_DECIMALS = 3
SECOND_DECIMALS = 4
SHORTEST_S = 10.0**-SECOND_DECIMALS
LONGEST_S = 100.0
"""Nobody holds an eye so long; what a network draws beyond is cut to this."""
MOST_PATHS = 1000
LARGEST_SEED = 2**63 - 1


def predict_scanpaths(
    model: LoadedSearcher,
    volume: CtVolume,
    *,
    count: int = 1,
    seed: int = 0,
    length: int | None = None,
    reader: str | None = None,
    task: str | None = None,
    temperature: float | None = None,
    consensus: int | None = None,
    device: str = "auto",
    features: NDArray[np.float32] | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> ScanpathPrediction:
    """Sample paths of one volume.

    Cells without a voxel of the body cannot be drawn; a place beside the body goes to the nearest pixel of it in its
    slice (`Body.place`). Slices are whole numbers, columns and rows are rounded to 0.001, seconds to 0.0001. A fixation
    begins when the one before it ends: the network predicts no saccades. Durations are 0.0001 to 100 s.

    Parameters
    ----------
    length
        Fixations of each path; None: until the network stops.
    reader, task
        Codes that the network knows; None: it is not told.
    temperature, consensus
        None: the model's own. With a consensus of N each path is the one of N samples that agrees most with the others.
    device
        As `models.features.devices.choose_device`. The same device, thread count and versions give the same bits.
    features
        (cells, feature_channels), for a network without an encoder of its own (`models.ct_searcher.given_features`).
    progress
        Called with parts done and in all: half for looking at the volume, half for sampling.

    Raises
    ------
    ModelError
        A volume that is no CT of a body, a reader or task that the network does not know, numbers out of range.
    Cancelled
        When `cancelled` says so.
    """
    began = time.perf_counter()
    _check_numbers(count, seed)
    if consensus is not None and not 1 <= consensus <= MOST_CONSENSUS:
        raise ModelError(f"a consensus of {consensus}", remedy=f"choose each path from 1 to {MOST_CONSENSUS} samples")
    settings = model.network.settings
    told = (
        told_index("reader", reader, settings.readers, model.card.name),
        told_index("task", task, settings.tasks, model.card.name),
    )
    check_volume(volume)
    chosen = choose_device(device)
    steps = _Steps(progress)
    body = Body.of(volume)
    network = model.network.to(chosen.torch_device).eval()
    given = _features(network, volume, features, chosen, steps, cancelled)
    with torch.inference_mode():
        encoded = network.encode(given[None], *(torch.tensor([one], device=given.device) for one in told))
    sampled = sample_inside(
        network,
        encoded,
        body,
        count=count,
        seed=seed,
        length=length,
        temperature=temperature,
        consensus=consensus,
        progress=steps.second,
        cancelled=cancelled,
    )
    paths = tuple(
        scanpath_of(path, volume, body, settings, who=model.card.name, number=number)
        for number, path in enumerate(sampled, 1)
    )
    used = float(settings.temperature if temperature is None else temperature)
    return ScanpathPrediction(
        paths=paths,
        model=model.card.name,
        version=model.card.version,
        model_sha256=model.sha256,
        volume_sha256=volume.digest(),
        device=chosen.name if chosen.is_gpu else "cpu",
        seconds=time.perf_counter() - began,
        parameters={
            "count": count, "seed": seed, "length": length, "temperature": used, "reader": reader,
            "consensus": settings.consensus if consensus is None else consensus,
            "task": task, "threads": torch.get_num_threads(), "torch": str(torch.__version__),
        },
    )  # fmt: skip


def sample_inside(
    network: CtSearcher,
    encoded: Encoded,
    body: Body,
    *,
    count: int,
    seed: int,
    length: int | None = None,
    temperature: float | None = None,
    consensus: int | None = None,
    progress: Progress | None = None,
    cancelled: Stop | None = None,
) -> list[SampledPath]:
    """As `models.ct_searcher.decoding.sample_paths`, of cells that hold a part of the body.

    Parameters
    ----------
    consensus
        Samples that each of the `count` paths is chosen from (`models.ct_searcher.consensus`); None: the model's own.
    """
    each = network.settings.consensus if consensus is None else consensus
    sampled = sample_paths(
        network,
        encoded,
        count=count * each,
        seed=seed,
        length=length,
        temperature=temperature,
        allowed_cells=torch.from_numpy(body.classes(network.settings)),
        progress=progress,
        cancelled=cancelled,
    )
    groups = [sampled[first : first + each] for first in range(0, len(sampled), each)]
    return [most_agreed(group, body.frame, network.settings) for group in groups]


def scanpath_of(
    path: SampledPath, volume: CtVolume, body: Body, settings: SearcherSettings, *, who: str, number: int
) -> Scanpath:
    """A sampled path as places in the volume, inside the body and on existing slices; see `predict_scanpaths`."""
    places = steps_to_voxels(path.cells.numpy(), path.offset_kji.numpy(), body.frame, settings)
    duration_s = np.clip(path.duration_s.numpy().astype(np.float64), SHORTEST_S, LONGEST_S).round(SECOND_DECIMALS)
    ends_s = np.cumsum(duration_s).round(SECOND_DECIMALS)
    return Scanpath.from_voxels(
        body.place(places).round(VOXEL_DECIMALS),
        duration_s,
        onset_s=np.concatenate([[0.0], ends_s[:-1]]),
        shape_kji=volume.shape_kji,
        who=who,
        case=volume.case,
        patient=volume.patient,
        affine_lps=volume.affine_lps,
        source="model",
        trial=f"sample {number}",
    )


def told_index(what: str, code: str | None, known: tuple[str, ...], name: str) -> int:
    """Index of a code, -1 for not told; raises `ModelError` for one that the network does not know."""
    if code is None:
        return -1
    if code not in known:
        raise ModelError(
            f"knows no {what} {code[:60]!r}",
            place=name,
            remedy=f"one of {', '.join(known)[:300]}" if known else f"it is told no {what}",
        )
    return known.index(code)


def _features(
    network: CtSearcher,
    volume: CtVolume,
    features: NDArray[np.float32] | None,
    device: Device,
    steps: _Steps,
    cancelled: Stop | None,
) -> torch.Tensor:
    """(cells, feature_channels) on the device."""
    settings = network.settings
    if settings.encoder == "small":
        if features is not None:
            raise ModelError("this network makes its own features", remedy="give it the volume alone")
        image = network_input(volume, settings, progress=steps.first, cancelled=cancelled)
        with torch.inference_mode():
            return network.features(torch.from_numpy(image)[None].to(device.torch_device))[0]
    if features is None:
        raise ModelError("this network needs features", remedy="make them with Swin UNETR: --encoder-weights FILE")
    given = np.ascontiguousarray(features, dtype=np.float32)
    if given.shape != (settings.cells, settings.feature_channels):
        raise ModelError(f"features of shape {given.shape}; expected ({settings.cells}, {settings.feature_channels})")
    steps.first(1, 1)
    return torch.from_numpy(given).to(device.torch_device)


def _check_numbers(count: int, seed: int) -> None:
    if not 1 <= count <= MOST_PATHS:
        raise ModelError(f"{count} paths", remedy=f"ask for 1 to {MOST_PATHS}")
    if not 0 <= seed <= LARGEST_SEED:
        raise ModelError(f"a seed of {seed}", remedy=f"give a whole number from 0 to {LARGEST_SEED}")


@dataclass(frozen=True)
class _Steps:
    """Two parts of the work as one count of thousandths."""

    progress: Progress | None = field(repr=False)

    def first(self, done: int, total: int) -> None:
        self._tell(500 * done // max(total, 1))

    def second(self, done: int, total: int) -> None:
        self._tell(500 + 500 * done // max(total, 1))

    def _tell(self, thousandths: int) -> None:
        if self.progress is not None:
            self.progress(thousandths, 1000)
