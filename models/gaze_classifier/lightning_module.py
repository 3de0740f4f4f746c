"""One training step of a gaze classifier, and what is logged of it, for Lightning."""

from __future__ import annotations

import lightning
import numpy as np
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

from models.gaze_classifier.batches import Batch, augmented, with_dropped_gaze
from models.gaze_classifier.config import TrainingTable
from models.gaze_classifier.files import Classifier, outputs_of
from models.gaze_classifier.image_cnn import Outputs
from models.gaze_classifier.schedule import learning_rate_factor
from models.metrics.classification import auroc
from models.training.lightning_trainer import diverged

CHECK_EVERY = 10
"""Steps between looks at whether the loss is still a number; each look waits for the GPU."""


class ClassifierTraining(lightning.LightningModule):
    """Binary cross-entropy of each finding and, for the static network, of the gaze map.

    Parameters
    ----------
    network
        What is trained.
    table
        How.
    """

    def __init__(self, network: Classifier, table: TrainingTable) -> None:
        super().__init__()
        self.network, self.table = network, table
        self.validated: list[tuple[Tensor, Tensor]] = []

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Loss of a batch."""
        shown = with_dropped_gaze(augmented(batch, self.table.augmentation), self.table.gaze_dropout)
        outputs = outputs_of(self.network, shown.pictures, shown.frames)
        total, parts = self.losses(outputs, shown)
        if number % CHECK_EVERY == 0 and not bool(torch.isfinite(total)):
            raise diverged(f"the loss is {total.item()} in epoch {self.current_epoch + 1}, batch {number + 1}")
        for name, value in parts.items():
            self.log(f"train/{name}", value.detach(), on_step=True, on_epoch=False, batch_size=len(shown.labels))
        return total

    def validation_step(self, batch: Batch, number: int) -> None:
        """Logs the losses; keeps what is needed for the AUROC."""
        outputs = outputs_of(self.network, batch.pictures, batch.frames)
        _, parts = self.losses(outputs, batch)
        for name, value in parts.items():
            self.log(f"val/{name}", value, on_step=False, on_epoch=True, sync_dist=True, batch_size=len(batch.labels))
        self.validated.append((outputs.logits.float(), batch.labels))

    def on_validation_epoch_end(self) -> None:
        """Logs the mean AUROC of the findings that some validation pictures have and some have not."""
        logits, labels = (torch.cat(parts) for parts in zip(*self.validated, strict=True))
        self.validated.clear()
        scores, truth = (self._of_everyone(one) for one in (logits, labels))
        # A diverged network's logits are no numbers, which the monitor then says in one line.
        if np.isfinite(scores).all():
            areas = [
                float(auroc(truth[:, label].astype(np.int64), scores[:, label])) for label in range(truth.shape[1])
            ]
            known = [area for area in areas if np.isfinite(area)]
            value = float(np.mean(known)) if known else float("nan")
        else:
            value = float("nan")
        self.log("val/auroc", value)

    def _of_everyone(self, own: Tensor) -> NDArray[np.float64]:
        """(N, labels) of all processes."""
        gathered = self.all_gather(own)
        assert isinstance(gathered, Tensor)
        return np.asarray(gathered.flatten(0, -2).double().cpu().numpy())

    def losses(self, outputs: Outputs, batch: Batch) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss, and its parts by name: ``loss``, ``findings`` and, of a network with a map, ``map``.

        Pictures that nobody looked at have no part in the map's loss.
        """
        findings = binary_cross_entropy_with_logits(outputs.logits, batch.labels)
        parts = {"findings": findings}
        total, share = findings, self.table.classification_share
        if outputs.map_logits is not None and batch.maps is not None:
            each = binary_cross_entropy_with_logits(outputs.map_logits, batch.maps, reduction="none").mean((1, 2, 3))
            seen = batch.looked_at.to(each.dtype)
            parts["map"] = (each * seen).sum() / seen.sum().clamp(min=1)
            total = share * findings + (1 - share) * parts["map"]
        return total, {"loss": total, **parts}

    def configure_gradient_clipping(
        self,
        optimizer: torch.optim.Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """By value, as published for the static network, and by norm, each where it is asked for."""
        if self.table.gradient_clip_value is not None:
            torch.nn.utils.clip_grad_value_(self.parameters(), self.table.gradient_clip_value)
        if gradient_clip_val:
            self.clip_gradients(optimizer, gradient_clip_val, gradient_clip_algorithm)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Adam, and a learning rate that changes from epoch to epoch."""
        table = self.table
        optimizer = torch.optim.Adam(self.parameters(), lr=table.learning_rate, weight_decay=table.weight_decay)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, self._factor)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "epoch"}}

    def _factor(self, epoch: int) -> float:
        table = self.table
        return learning_rate_factor(
            epoch, schedule=table.schedule, epochs=table.epochs, cycle_epochs=table.cycle_epochs,
            cycle_floor=table.cycle_floor,
        )  # fmt: skip
