"""Sampling paths from a network: seeded, many at once, and step by step where each step sees the ones before."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import inf

import numpy as np
import torch
from torch import Tensor

from models.ct_searcher.incremental import DecoderCache
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.steps import Encoded
from models.errors import Cancelled, ModelError

PUBLISHED_MIN_STEPS = 100
"""Fixations before the faithful network may stop (reference: CT-ScanGaze, 3.8)."""
GROUP = 32
"""Paths in turn are sampled this many at a time, never fewer: a matrix product's last bits depend on its shape."""


@dataclass(frozen=True, eq=False)
class SampledPath:
    """One sampled path of T fixations.

    Attributes
    ----------
    cells
        (T,) int64 class indices, without the stop.
    offset_kji
        (T, 3) float32, 0 for a network without offsets.
    duration_s
        (T,) float32.
    """

    cells: Tensor
    offset_kji: Tensor
    duration_s: Tensor


@torch.no_grad()
def sample_paths(
    network: CtSearcher,
    encoded: Encoded,
    *,
    count: int,
    seed: int,
    length: int | None = None,
    min_steps: int | None = None,
    temperature: float | None = None,
    allowed_cells: Tensor | None = None,
    progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] | None = None,
) -> list[SampledPath]:
    """Draw paths through one volume.

    Path n depends on the seed and n alone, whatever the count; on one kind of device, and on a CPU with one thread
    count, its bits repeat. All random numbers come from the CPU.

    Parameters
    ----------
    encoded
        One row; reader and task are already told.
    count
        Paths.
    length
        Exactly so many fixations; None: until the network stops, at most `settings.max_steps`.
    min_steps
        Fixations before it may stop; None: as published 100 for the faithful network, 1 otherwise.
    temperature
        Above 0; divides the logits and multiplies the standard deviations.
    allowed_cells
        (cells + 1,) bool by class index: places that a path may go to, the body's say; the stop is always allowed.
        None: all.
    progress
        Called with steps done and the most there can be.

    Returns
    -------
    list[SampledPath]
        On the CPU.

    Raises
    ------
    ModelError
        For values out of range, more than one row, and a network whose outputs are not finite.
    Cancelled
        When `cancelled` says so.
    """
    fewest, most = _step_range(network, length, min_steps)
    if count < 1:
        raise ModelError(f"{count} paths", remedy="ask for at least one")
    if temperature is None:
        temperature = network.settings.temperature
    if not 0 < temperature < inf:
        raise ModelError(f"a temperature of {temperature}", remedy="give one above 0")
    if len(encoded.keys) != 1:
        raise ModelError(f"{len(encoded.keys)} volumes at once", remedy="sample paths of one")
    forbidden = _forbidden(network, allowed_cells, encoded.keys.device)
    limits = _Limits(most if length is not None else fewest, most, temperature, forbidden)
    encoded = encoded.float()
    was_training = network.training
    network.eval()
    try:
        sample = _sample_in_turn if network.settings.autoregressive else _sample_at_once
        groups = -(-count // GROUP)
        paths: list[SampledPath] = []
        for group in range(groups):

            def done(step: int, group: int = group) -> None:
                if cancelled is not None and cancelled():
                    raise Cancelled
                if progress is not None:
                    progress(group * most + step, groups * most)

            after = (group + 1) * GROUP
            wanted = range(group * GROUP, after if network.settings.autoregressive else min(after, count))
            draws = _draws(seed, wanted, network, encoded.keys.device)
            with torch.autocast(encoded.keys.device.type, enabled=False), _threads_for(network, encoded):
                paths += sample(network, encoded, draws, limits, done)
        if progress is not None:
            progress(groups * most, groups * most)
    finally:
        network.train(was_training)
    return paths[:count]


@contextmanager
def _threads_for(network: CtSearcher, encoded: Encoded) -> Iterator[None]:
    """One thread for steps in turn on a CPU: several only wait for each other over matrices as small as these."""
    before = torch.get_num_threads()
    if not network.settings.autoregressive or encoded.keys.device.type != "cpu" or before == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class _Limits:
    """The stop is refused before step `stop_from`, (classes,) `forbidden` always; a path has at most `most` steps."""

    stop_from: int
    most: int
    temperature: float
    forbidden: Tensor | None = None


@dataclass(frozen=True)
class _Draws:
    """Random numbers of a group: (G, T) uniform for the class, (G, T, 4) normal for duration and offset."""

    uniform: Tensor
    normal: Tensor


def _sample_in_turn(
    network: CtSearcher, encoded: Encoded, draws: _Draws, limits: _Limits, done: Callable[[int], None]
) -> list[SampledPath]:
    """Each step from what was sampled before it; the paths of the group stand as the steps of one row."""
    device, keys = encoded.keys.device, encoded.keys
    most, stop = limits.most, network.stop_class
    cache = DecoderCache(network.transformer_decoder.layers, encoded.memory, GROUP, most)
    cells = torch.full((GROUP, most), stop, device=device)
    offset_kji = torch.zeros(GROUP, most, 3, device=device)
    duration_s = torch.ones(GROUP, most, device=device)
    stopped = torch.zeros(GROUP, dtype=torch.bool, device=device)
    first = torch.ones(GROUP, dtype=torch.bool, device=device)
    fed_back = network.start(GROUP)
    place = before = cells.new_zeros(1, GROUP, 3)
    for step in range(most):
        done(step)
        states = cache.advance(network.queries(encoded, step, step + 1)[0] + fed_back)[None]
        logits = network.place_logits(states, keys, cells[None, :, max(step - 1, 0)], first)[0]
        cumulative = _cumulative(logits, stop, step < limits.stop_from, limits)
        chosen = _drawn_classes(cumulative, draws.uniform[:, step])
        cells[:, step] = torch.where(stopped, stop, chosen)
        stopped |= chosen == stop
        if bool(stopped.all()):
            break
        offset, duration = _within_cell(network, states, keys, chosen[None], draws.normal[None, :, step], limits)
        offset_kji[:, step], duration_s[:, step] = offset[0], duration[0]
        before, place = place, network.places_kji(chosen, offset[0])[None]
        fed_back = network.seen(keys, chosen[None], place, place if step == 0 else before, duration)[0]
        first = torch.zeros_like(first)
    return [_until_stop(*path, stop) for path in zip(cells, offset_kji, duration_s, strict=True)]


def _sample_at_once(
    network: CtSearcher, encoded: Encoded, draws: _Draws, limits: _Limits, done: Callable[[int], None]
) -> list[SampledPath]:
    """All steps from one pass: nothing that was sampled is fed back."""
    done(0)
    stop, most = network.stop_class, limits.most
    states = network.states(encoded, network.queries(encoded, 0, most))
    first = torch.arange(most, device=states.device) == 0
    logits = network.place_logits(states, encoded.keys, None, first)[0]
    refused = torch.arange(most, device=states.device) < limits.stop_from
    cumulative = _cumulative(logits, stop, refused, limits)
    paths = []
    for uniform, normal in zip(draws.uniform, draws.normal, strict=True):
        cells = _drawn_classes(cumulative, uniform[:most])
        offset, duration = _within_cell(network, states, encoded.keys, cells[None], normal[None, :most], limits)
        paths.append(_until_stop(cells, offset[0], duration[0], stop))
    return paths


def _cumulative(logits: Tensor, stop: int, stop_refused: Tensor | bool, limits: _Limits) -> Tensor:
    """(N, classes) cumulative probabilities of (N, classes) logits."""
    if not bool(torch.isfinite(logits).all()):
        raise ModelError("the network's scores are not finite")
    scores = logits.double() / limits.temperature
    if limits.forbidden is not None:
        scores = scores.masked_fill(limits.forbidden, -torch.inf)
    refused = torch.as_tensor(stop_refused, device=logits.device)
    scores[:, stop] = torch.where(refused, -torch.inf, scores[:, stop])
    return scores.softmax(-1).cumsum(-1)


def _drawn_classes(cumulative: Tensor, uniform: Tensor) -> Tensor:
    """(N,) classes at which (N, classes) cumulative probabilities pass (N,) uniform numbers."""
    passed = torch.searchsorted(cumulative, uniform[:, None] * cumulative[:, -1:], right=True)
    return passed[:, 0].clamp(max=cumulative.shape[-1] - 1)


def _within_cell(
    network: CtSearcher, states: Tensor, keys: Tensor, cells: Tensor, normal: Tensor, limits: _Limits
) -> tuple[Tensor, Tensor]:
    """(1, N, 3) offsets and (1, N) durations of chosen cells."""
    landed = network.landed(states, keys, cells)
    mu, log_variance = network.duration(landed if network.settings.autoregressive else states)
    sd = log_variance.exp() if network.settings.faithful else (0.5 * log_variance).exp()
    duration_s = (mu + limits.temperature * sd * normal[..., 0]).exp()
    if not bool(torch.isfinite(duration_s).all()):
        raise ModelError("the network's durations are not finite")
    if not network.settings.offsets:
        return torch.zeros_like(normal[..., 1:]), duration_s
    mean, log_sd = network.offsets(landed)
    return (mean + limits.temperature * log_sd.exp() * normal[..., 1:]).clamp(-0.5, 0.5), duration_s


def _until_stop(cells: Tensor, offset_kji: Tensor, duration_s: Tensor, stop: int) -> SampledPath:
    stops = (cells == stop).nonzero()
    end = int(stops[0, 0]) if len(stops) else len(cells)
    return SampledPath(cells[:end].cpu(), offset_kji[:end].cpu(), duration_s[:end].cpu())


def _step_range(network: CtSearcher, length: int | None, min_steps: int | None) -> tuple[int, int]:
    """Fewest and most fixations of a path."""
    most = network.settings.max_steps
    if length is not None:
        if not 1 <= length <= most:
            raise ModelError(f"a path of {length} fixations", remedy=f"this network draws 1 to {most}")
        return length, length
    if min_steps is None:
        return min(PUBLISHED_MIN_STEPS if network.settings.faithful else 1, most), most
    if not 0 <= min_steps <= most:
        raise ModelError(f"at least {min_steps} fixations", remedy=f"this network draws up to {most}")
    return min_steps, most


def _forbidden(network: CtSearcher, allowed_cells: Tensor | None, device: torch.device) -> Tensor | None:
    """(classes,) bool; never the stop."""
    if allowed_cells is None:
        return None
    forbidden = ~allowed_cells.to(device=device, dtype=torch.bool)
    forbidden[network.stop_class] = True
    if len(forbidden) != network.settings.cells + 1 or bool(forbidden.all()):
        raise ModelError("no cell is left that a path could go to", remedy="check that the CT shows a body")
    forbidden[network.stop_class] = False
    return forbidden


def _draws(seed: int, paths: range, network: CtSearcher, device: torch.device) -> _Draws:
    """As many as the longest path needs, so that a shorter one is the beginning of a longer."""
    steps = network.settings.max_steps
    uniform, normal = [], []
    for path in paths:
        words = np.random.SeedSequence([seed, path]).generate_state(1, np.uint64)
        source = torch.Generator().manual_seed(int(words[0] >> np.uint64(1)))
        uniform.append(torch.rand(steps, generator=source, dtype=torch.float64))
        normal.append(torch.randn(steps, 4, generator=source))
    return _Draws(torch.stack(uniform).to(device), torch.stack(normal).to(device))
