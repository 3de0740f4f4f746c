"""One training step of CT-Scroll, and what is logged of it, for Lightning."""

from __future__ import annotations

from typing import cast

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor
from torch.nn import functional

from models.ct_scroll.config import ScrollAugmentationTable, ScrollTrainingTable
from models.ct_scroll.network import CtScroll
from models.ct_scroll.settings import MEAN_OF_IMAGENET
from models.ct_searcher.schedule import learning_rate_shares
from models.errors import ModelError
from models.metrics.classification import auroc

Batch = tuple[Tensor, Tensor]
AIR = -MEAN_OF_IMAGENET


class ScrollTraining(lightning.LightningModule):
    """Multi-label training: binary cross-entropy of every label, unweighted, as published.

    Parameters
    ----------
    network
        What is trained.
    table
        How.
    """

    def __init__(self, network: CtScroll, table: ScrollTrainingTable) -> None:
        super().__init__()
        self.network, self.table = network, table
        self._validated: list[Batch] = []

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Mean loss of a batch."""
        volumes, truth = batch
        logits = self.network(augmented(volumes.float(), self.table.augmentation)[:, None])
        loss = functional.binary_cross_entropy_with_logits(logits.float(), truth)
        self.log("train/loss", loss.detach(), on_step=True, on_epoch=False, batch_size=len(truth))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Forgets the epoch before."""
        self._validated = []

    def validation_step(self, batch: Batch, number: int) -> None:
        """Keeps logits and truth."""
        volumes, truth = batch
        self._validated.append((self.network(volumes.float()[:, None]).float(), truth))

    def on_validation_epoch_end(self) -> None:
        """Logs the loss and the mean AUROC over the labels that some have and some have not."""
        logits, truth = (torch.cat(parts) for parts in zip(*self._validated, strict=True))
        if self.trainer.world_size > 1:
            logits, truth = (cast("Tensor", self.all_gather(part)).flatten(0, 1) for part in (logits, truth))
        loss = functional.binary_cross_entropy_with_logits(logits, truth)
        score, right = logits.cpu().numpy(), truth.cpu().numpy()
        if not np.isfinite(score).all():
            raise ModelError(
                f"logits are no numbers after epoch {self.current_epoch + 1}",
                remedy="lower training.learning_rate, set training.gradient_clip, or use 32-true precision",
            )
        found = [float(auroc(right[:, label], score[:, label])) for label in range(right.shape[1])]
        known = [value for value in found if np.isfinite(value)]
        if not known:
            raise ModelError(
                "no label is both there and not there among the validation cases", remedy="use more validation patients"
            )
        self.log("val/loss", loss, sync_dist=True)
        self.log("val/auroc", float(np.mean(known)), sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW; norms and biases do not decay; the learning rate runs over all the steps that the loader gives."""
        trunk = list(self.network.features.parameters())
        known = {id(one) for one in trunk}
        groups = [
            {
                "params": [one for one in part if (one.ndim > 1) == decays],
                "lr": rate,
                "weight_decay": self.table.weight_decay if decays else 0.0,
            }
            for part, rate in (
                ([one for one in self.parameters() if id(one) not in known], self.table.learning_rate),
                (trunk, self.table.learning_rate * self.table.trunk_rate),
            )
            for decays in (True, False)
        ]
        optimizer = torch.optim.AdamW(groups)
        shares = learning_rate_shares(
            self.table.schedule, int(self.trainer.estimated_stepping_batches), self.table.warm_up_share
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, shares)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


def augmented(volumes: Tensor, table: ScrollAugmentationTable) -> Tensor:
    """(B, S, L, P) moved, lighter or darker, with noise; the same tensor where all of that is 0."""
    most = table.translate_voxels
    if most:
        padded = functional.pad(volumes, (most,) * 6, value=AIR)
        starts = torch.randint(0, 2 * most + 1, (len(volumes), 3)).tolist()
        sizes = volumes.shape[1:]
        volumes = torch.stack(
            [
                one[tuple(slice(start, start + size) for start, size in zip(begin, sizes, strict=True))]
                for one, begin in zip(padded, starts, strict=True)
            ]
        )
    if table.shift:
        volumes = volumes + table.shift * torch.randn(len(volumes), 1, 1, 1, device=volumes.device)
    if table.noise:
        volumes = volumes + table.noise * torch.randn_like(volumes)
    return volumes if not (table.shift or table.noise) else volumes.clamp(AIR, 1 + AIR)
