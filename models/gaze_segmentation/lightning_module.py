"""One training step of gaze-supervised segmentation, and what is logged of it, for Lightning."""

from __future__ import annotations

from math import cos, pi

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor

from models.ct_searcher.schedule import learning_rate_shares
from models.gaze_segmentation.config import TrainingTable
from models.gaze_segmentation.consistency import segmentation_loss, supervised_terms
from models.gaze_segmentation.network import GazeSegmenter
from models.gaze_segmentation.prediction import THRESHOLD, average_of
from models.gaze_segmentation.training_pictures import Item
from models.gaze_segmentation.windows import logits_of
from models.training.lightning_trainer import diverged


class SegmentationTraining(lightning.LightningModule):
    """Trains every level on its own threshold of the map, and all on agreement.

    Parameters
    ----------
    table
        How.
    mapped
        Whether validation items have a map of gaze to compute ``val/loss`` with; true masks count as one.
    """

    def __init__(self, network: GazeSegmenter, table: TrainingTable, *, mapped: bool) -> None:
        super().__init__()
        self.network, self.table, self.mapped = network, table, mapped
        full = network.settings.mode == "full"
        self.thresholds = (THRESHOLD,) if full else network.settings.thresholds

    def training_step(self, batch: Item, number: int) -> Tensor:
        """Total loss of a batch."""
        pictures, maps, _ = batch
        pictures, maps = self._flipped(pictures, maps)
        settings = self.network.settings
        logits = self.network(pictures, propagate=settings.consistency == "propagated")
        losses = segmentation_loss(logits, self.targets(maps), settings)
        if number % 10 == 0 and not bool(torch.isfinite(losses.total)):
            raise diverged(f"the loss is {losses.total.item()} in epoch {self.current_epoch + 1}")
        for name in ("total", "supervised", "consistency"):
            self.log(f"train/{name}", getattr(losses, name).detach(), batch_size=len(pictures))
        return losses.total

    def validation_step(self, batch: Item, number: int) -> None:
        """Logs the loss against the maps, and Dice of all levels together where there are masks.

        Both at the network's resolution. Pictures with an empty mask that were predicted empty are left out.
        """
        pictures, maps, masks = batch
        logits = logits_of(self.network, pictures)
        if self.mapped:
            loss = supervised_terms(logits, self.targets(maps)).sum()
            self.log("val/loss", loss, batch_size=len(pictures), sync_dist=True)
        if masks.ndim > 2:
            found = dice_of(self._together(logits) >= THRESHOLD, masks >= THRESHOLD)
            known = found[torch.isfinite(found)]
            if len(known):
                self.log("val/dice", known.mean(), batch_size=len(known), sync_dist=True)

    def targets(self, maps: Tensor) -> Tensor:
        """(levels, B, H, W) of maps (B, H, W): where each level's threshold is reached."""
        return torch.stack([maps >= threshold for threshold in self.thresholds]).float()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        """As the table says; the unused head is left out."""
        table = self.table
        learning = [parameter for parameter in self.network.parameters() if parameter.requires_grad]
        optimizer: torch.optim.Optimizer
        if table.optimizer == "sgd":
            optimizer = torch.optim.SGD(
                learning, table.learning_rate, momentum=table.momentum, weight_decay=table.weight_decay,
                nesterov=table.momentum > 0,
            )  # fmt: skip
        else:
            optimizer = torch.optim.AdamW(learning, table.learning_rate, weight_decay=table.weight_decay)
        if table.schedule == "cosine_by_epoch":
            by_epoch = torch.optim.lr_scheduler.LambdaLR(optimizer, self._share_of_epoch)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": by_epoch, "interval": "epoch"}}
        steps = int(self.trainer.estimated_stepping_batches)
        share = learning_rate_shares(table.schedule, steps, table.warm_up_share)
        by_step = torch.optim.lr_scheduler.LambdaLR(optimizer, share)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": by_step, "interval": "step"}}

    def _share_of_epoch(self, epoch: int) -> float:
        """Published: the first value stands for two epochs, since the rate is set before the epoch is counted."""
        counted = max(epoch, 1) if self.network.settings.faithful else epoch
        lowest = min(self.table.last_learning_rate / self.table.learning_rate, 1.0)
        return lowest + 0.5 * (1 - lowest) * (1 + cos(pi * min(counted / self.table.epochs, 1.0)))

    def _flipped(self, pictures: Tensor, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Each picture with its map, along each axis with the table's chance."""
        for share, axis in ((self.table.flip_left_right, -1), (self.table.flip_up_down, -2)):
            turned = torch.rand(len(pictures), device=pictures.device) < share
            pictures = torch.where(turned[:, None, None, None], pictures.flip(axis), pictures)
            maps = torch.where(turned[:, None, None], maps.flip(axis), maps)
        return pictures, maps

    def _together(self, logits: Tensor) -> Tensor:
        """(B, H, W) probability of all levels."""
        if average_of(self.network.settings, None) == "logits":
            return torch.sigmoid(logits.mean(0))
        return torch.sigmoid(logits).mean(0)


def dice_of(found: Tensor, truth: Tensor) -> Tensor:
    """(B,) Dice of masks (B, H, W); NaN where both are empty."""
    both = (found & truth).flatten(1).sum(1)
    return 2 * both / (found.flatten(1).sum(1) + truth.flatten(1).sum(1))
