"""One training step of CT-Searcher, and what is logged of it, for Lightning."""

from __future__ import annotations

import lightning
import torch
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor

from models.ct_searcher.batches import Batch
from models.ct_searcher.config import AugmentationTable, TrainingTable
from models.ct_searcher.losses import Losses, LossWeights, searcher_loss
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.schedule import learning_rate_shares
from models.ct_searcher.steps import Encoded, StepOutputs
from models.ct_searcher.targets import NOT_TOLD
from models.training.lightning_trainer import diverged

CHECK_EVERY = 10
"""Steps between looks at whether the loss is still a number; each look waits for the GPU."""


class SearcherTraining(lightning.LightningModule):
    """Supervised training: every step's place, duration and offset given the steps before it.

    Parameters
    ----------
    network
        What is trained.
    settings
        How.
    learning_rate_factor
        Of a later stage.
    """

    def __init__(self, network: CtSearcher, settings: TrainingTable, *, learning_rate_factor: float = 1.0) -> None:
        super().__init__()
        self.network, self.table = network, settings
        self.learning_rate = settings.learning_rate * learning_rate_factor
        self.weights = LossWeights(**settings.loss.model_dump())

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Total loss of a batch."""
        inputs = noisy(batch.inputs, self.table.augmentation)
        losses, _ = self.losses(batch, self.encode(batch, inputs, dropout=self.table.reader_dropout))
        self._check_finite(losses.total, number)
        self._log("train", losses, batch)
        return losses.total

    def validation_step(self, batch: Batch, number: int) -> None:
        """Logs the losses and how often the likeliest cell is right."""
        losses, outputs = self.losses(batch, self.encode(batch, batch.inputs))
        self._log("val", losses, batch)
        right = (outputs.logits.argmax(-1) == batch.steps.cells) & batch.scored
        self._log_value("val/accuracy", right.sum() / batch.scored.sum(), batch)

    def encode(self, batch: Batch, inputs: Tensor, *, dropout: float = 0.0) -> Encoded:
        """One row a path: each volume is encoded once, then told each path's reader and task.

        Parameters
        ----------
        dropout
            Share of paths that are told neither.
        """
        encoded = self.encode_cases(inputs).take(batch.rows)
        reader, task = batch.reader, batch.task
        if dropout:
            untold = torch.rand(len(reader), device=reader.device) < dropout
            reader, task = (torch.where(untold, NOT_TOLD, codes) for codes in (reader, task))
        return self.network.tell(encoded, reader, task)

    def encode_cases(self, inputs: Tensor) -> Encoded:
        """One row a case, told nothing."""
        if self.network.encoder is None:
            return self.network.encode(inputs)
        features = self.network.features(inputs)
        if not bool(torch.isfinite(features).all()):
            raise diverged(f"the encoder's features are no numbers in epoch {self.current_epoch + 1}")
        return self.network.encode(features)

    def losses(self, batch: Batch, encoded: Encoded) -> tuple[Losses, StepOutputs]:
        """Losses of the paths, and the distributions of their steps."""
        outputs = self.network.decode(encoded, batch.steps)
        dwell = self.network.dwell is not None
        found = searcher_loss(
            outputs,
            batch.steps,
            batch.fixated,
            batch.scored,
            dwell_logits=self.network.dwell_logits(encoded) if dwell else None,
            dwell_share=batch.dwell[batch.rows] if dwell else None,
            weights=self.weights,
        )
        return found, outputs

    def on_validation_epoch_end(self) -> None:
        """Logs the perplexity."""
        self.log("val/perplexity", self.trainer.callback_metrics["val/place"].exp(), sync_dist=True)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """AdamW, and the learning rate over all the steps that the loader gives."""
        optimizer = torch.optim.AdamW(
            self.parameters(),
            lr=self.learning_rate,
            betas=self.table.betas,
            eps=self.table.eps,
            weight_decay=self.table.weight_decay,
        )
        shares = learning_rate_shares(
            self.table.schedule, int(self.trainer.estimated_stepping_batches), self.table.warm_up_share
        )
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, shares)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _check_finite(self, loss: Tensor, number: int) -> None:
        if number % CHECK_EVERY == 0 and not bool(torch.isfinite(loss)):
            raise diverged(f"the loss is {loss.item()} in epoch {self.current_epoch + 1}, batch {number + 1}")

    def _log(self, part: str, losses: Losses, batch: Batch) -> None:
        values = {"total": losses.total, "place": losses.place, "duration": losses.duration}
        if self.network.settings.offsets:
            values["offset"] = losses.offset
        if self.network.settings.dwell_head:
            values["dwell"] = losses.dwell
        for name, value in values.items():
            self._log_value(f"{part}/{name}", value, batch)

    def _log_value(self, name: str, value: Tensor, batch: Batch) -> None:
        if name.startswith("val/"):
            steps = int(batch.scored.sum())
            self.log(name, value, on_step=False, on_epoch=True, sync_dist=True, batch_size=steps)
        else:
            self.log(name, value.detach(), on_step=True, on_epoch=False, batch_size=len(batch.rows))


def noisy(inputs: Tensor, table: AugmentationTable) -> Tensor:
    """Inputs 0..1 shifted as a whole and with noise, and still 0..1; the same tensor where both are 0."""
    if not table.shift and not table.noise:
        return inputs
    shift = table.shift * torch.randn(len(inputs), *[1] * (inputs.ndim - 1), device=inputs.device)
    return (inputs + shift + table.noise * torch.randn_like(inputs)).clamp(0, 1)
