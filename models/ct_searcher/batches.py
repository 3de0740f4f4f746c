"""Batches of several cases with several paths each, the same ones again for the same seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from models.ct_searcher.steps import Steps
from models.ct_searcher.targets import PathTargets
from models.datasets.prepared import PreparedCases

Pick = tuple[int, int]
"""Epoch and number of a case: everything, with the seed, that decides which of its paths are drawn."""


@dataclass(frozen=True)
class Batch:
    """B cases and N paths on them, T steps long (the longest path and its stop).

    Attributes
    ----------
    inputs
        (B, windows, K, J, I) images or (B, cells, channels) features, float32.
    rows
        (N,) which case each path is on.
    steps
        (N, T) targets.
    fixated, scored
        (N, T) bool: steps that are fixations; those and the stop.
    reader, task
        (N,) int64, -1 = not told.
    dwell
        (B, cells) share of the dwell of all readers of the case.
    cases
        (B,) number of each case in its part.
    """

    inputs: Tensor
    rows: Tensor
    steps: Steps
    fixated: Tensor
    scored: Tensor
    reader: Tensor
    task: Tensor
    dwell: Tensor
    cases: Tensor

    def to(self, device: torch.device, **how: Any) -> Batch:
        """The same on a device."""
        moved = {part.name: getattr(self, part.name).to(device, **how) for part in fields(self) if part.name != "steps"}
        steps = Steps(**{part.name: getattr(self.steps, part.name).to(device, **how) for part in fields(Steps)})
        return replace(self, steps=steps, **moved)


@dataclass(frozen=True)
class Drawn:
    """A case with the paths that were drawn of it."""

    case: int
    inputs: np.ndarray[Any, np.dtype[np.floating[Any]]]
    targets: PathTargets
    dwell: np.ndarray[Any, np.dtype[np.float32]]


class CaseDataset(Dataset[Drawn]):
    """Prepared cases, each with `paths_per_case` of its paths drawn anew every epoch, or (None) with all of them."""

    def __init__(self, cases: PreparedCases, *, paths_per_case: int | None, seed: int) -> None:
        self.cases, self.paths_per_case, self.seed = cases, paths_per_case, seed

    def __len__(self) -> int:
        """Number of cases."""
        return len(self.cases)

    def __getitem__(self, pick: Pick) -> Drawn:
        """The case; paths are drawn without repetition while there are enough."""
        epoch, case = pick
        sample = self.cases[case]
        targets = sample.targets
        if self.paths_per_case is not None:
            random = np.random.default_rng((self.seed, epoch, case))
            rounds = -(-self.paths_per_case // targets.paths)
            order = np.concatenate([random.permutation(targets.paths) for _ in range(rounds)])
            targets = targets.take(order[: self.paths_per_case])
        return Drawn(case, sample.inputs, targets, sample.dwell)


class EpochSampler(DistributedSampler[Drawn]):
    """Shares the cases among the processes and shuffles them by seed and epoch alone, so that a resumed run goes on."""

    def __iter__(self) -> Iterator[Pick]:  # type: ignore[override]
        """Epoch and case."""
        return ((self.epoch, int(case)) for case in super().__iter__())  # type: ignore[call-overload]


def collate(drawn: Sequence[Drawn]) -> Batch:
    """One batch; steps beyond its longest path are cut off."""
    longest = max(one.targets.longest for one in drawn)
    targets = [one.targets.first(longest) for one in drawn]

    def joined(name: str) -> Tensor:
        return torch.from_numpy(np.concatenate([getattr(one, name) for one in targets]))

    return Batch(
        inputs=torch.from_numpy(np.stack([one.inputs for one in drawn]).astype(np.float32)),
        rows=torch.repeat_interleave(torch.tensor([one.paths for one in targets])),
        steps=Steps(joined("cells"), joined("offset_kji"), joined("duration_s")),
        fixated=joined("fixated"),
        scored=joined("scored"),
        reader=joined("reader"),
        task=joined("task"),
        dwell=torch.from_numpy(np.stack([one.dwell for one in drawn])),
        cases=torch.tensor([one.case for one in drawn]),
    )


def loader(
    cases: PreparedCases,
    *,
    paths_per_case: int | None,
    cases_per_batch: int,
    seed: int,
    rank: int = 0,
    processes: int = 1,
    workers: int = 0,
    pin_memory: bool = False,
) -> DataLoader[Drawn]:
    """Batches of one process's share of the cases; with `paths_per_case` None all paths, in order, for validation.

    With several processes the last few cases of validation count twice, so that each process has as many.
    """
    dataset = CaseDataset(cases, paths_per_case=paths_per_case, seed=seed)
    shuffled = paths_per_case is not None
    sampler = EpochSampler(dataset, num_replicas=processes, rank=rank, shuffle=shuffled, seed=seed)
    return DataLoader(
        dataset,
        batch_size=cases_per_batch,
        sampler=sampler,
        collate_fn=collate,
        num_workers=workers,
        persistent_workers=workers > 0,
        pin_memory=pin_memory,
        generator=torch.Generator().manual_seed(seed),  # else it takes numbers from those that dropout is drawn from
    )
