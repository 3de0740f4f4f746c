"""The order in which cases are trained on: another in every epoch, the same again for the same seed and epoch."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler


class ShuffledSampler(Sampler[int]):
    """Every case once an epoch; a run that is resumed goes on with the order that it would have had.

    Parameters
    ----------
    count
        Of cases.
    seed
        Of the run.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed, self.epoch = count, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """The trainer tells which epoch, from 0, begins."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Number of cases."""
        return self.count

    def __iter__(self) -> Iterator[int]:
        """Numbers of the cases in this epoch's order."""
        order = np.random.default_rng(np.random.SeedSequence((self.seed, self.epoch))).permutation(self.count)
        return iter(order.tolist())
