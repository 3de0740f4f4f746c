"""Second stage: the network samples paths and is rewarded for their ScanMatch with the readers' (reference: 3.7).

The published stage rewarded with a two-dimensional ScanMatch that took the slice for the duration; this one is the
three-dimensional measure of `models.metrics`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from models.ct_searcher.batches import Batch
from models.ct_searcher.config import SelfCriticalTable, TrainingTable
from models.ct_searcher.decoding import SampledPath, sample_paths
from models.ct_searcher.lightning_module import SearcherTraining
from models.ct_searcher.losses import log_normal_nll, normal_nll
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.steps import Encoded, StepOutputs, Steps
from models.ct_searcher.targets import NO_DURATION_S, steps_to_voxels, stop_class
from models.metrics.scanmatch import scanmatch
from models.scanpath import Scanpath
from models.volumes import CanonicalFrame

REWARD = "val/reward"
"""What early stopping and the best epoch of this stage go by; higher is better."""

Reward = Callable[[Scanpath, Sequence[Scanpath]], float]


class SelfCriticalTraining(SearcherTraining):
    """Policy gradient whose baseline is the mean reward of a case's own samples.

    Parameters
    ----------
    network
        After the first stage.
    settings, stage
        How.
    train, validation
        Each case's readers' paths, in the order of the prepared cases.
    reward
        Of one sampled path against the readers'; by default `scanmatch_reward`.
    """

    def __init__(
        self,
        network: CtSearcher,
        settings: TrainingTable,
        stage: SelfCriticalTable,
        *,
        train: Sequence[Sequence[Scanpath]],
        validation: Sequence[Sequence[Scanpath]],
        reward: Reward | None = None,
    ) -> None:
        super().__init__(network, settings, learning_rate_factor=stage.learning_rate_factor)
        self.stage, self.train_paths, self.validation_paths = stage, train, validation
        self.reward = reward or (lambda path, readers: scanmatch_reward(path, readers, stage.temporal_bin_s))

    def training_step(self, batch: Batch, number: int) -> Tensor:
        """Loss whose gradient raises the expected reward; samples and their scores are drawn without dropout."""
        self.network.eval()
        encoded = self.encode_cases(batch.inputs)
        # At temperature 1, whatever the model's own: the gradient is that of the distribution that was sampled.
        sampled, rewards = self._sampled(batch, encoded, self.train_paths, (self.current_epoch, number), 1.0)
        advantage = (rewards - rewards.mean(1, keepdim=True)).flatten()
        steps, fixated, scored = steps_of([path for paths in sampled for path in paths], self.network.settings)
        rows = torch.arange(len(sampled)).repeat_interleave(self.stage.samples)
        steps = Steps(*(part.to(self.device) for part in (steps.cells, steps.offset_kji, steps.duration_s)))
        outputs = self.network.decode(encoded.take(rows.to(self.device)), steps)
        likelihood = log_likelihood(
            outputs, steps, fixated.to(self.device), scored.to(self.device), self.stage.duration_weight
        )
        loss = -(advantage.to(self.device) * likelihood).sum() / scored.sum()
        self._check_finite(loss, number)
        self._log_value("train/total", loss, batch)
        self._log_value("train/reward", rewards.mean(), batch)
        return loss

    def validation_step(self, batch: Batch, number: int) -> None:
        """Logs the reward of samples, the same random numbers every epoch, beside the losses."""
        super().validation_step(batch, number)
        _, rewards = self._sampled(batch, self.encode_cases(batch.inputs), self.validation_paths, (0, number))
        self._log_value(REWARD, rewards.mean().to(self.device), batch)

    def _sampled(
        self,
        batch: Batch,
        encoded: Encoded,
        readers: Sequence[Sequence[Scanpath]],
        moment: tuple[int, int],
        temperature: float | None = None,
    ) -> tuple[list[list[SampledPath]], Tensor]:
        """Paths of every case, and (B, samples) rewards; without a temperature at the model's own."""
        paths, rewards = [], []
        for row, case in enumerate(batch.cases.tolist()):
            entropy = np.random.SeedSequence((self.table.seed, *moment, self.global_rank, row))
            one = _detached(encoded.take(torch.tensor([row], device=encoded.keys.device)))
            seed = int(entropy.generate_state(1)[0])
            drawn = sample_paths(self.network, one, count=self.stage.samples, seed=seed, temperature=temperature)
            real = readers[case]
            made = [as_scanpath(path, real[0], self.network.settings) for path in drawn]
            paths.append(drawn)
            rewards.append([self.reward(path, real) for path in made])
        return paths, torch.tensor(rewards)


def log_likelihood(
    outputs: StepOutputs, steps: Steps, fixated: Tensor, scored: Tensor, duration_weight: float = 1.0
) -> Tensor:
    """(B,) log-likelihood of paths: cells and the stop, durations, and offsets where the network has them."""
    cells = outputs.logits.float().log_softmax(-1).gather(-1, steps.cells[..., None])[..., 0]
    within = -log_normal_nll(steps.duration_s, outputs.duration_mu.float(), outputs.duration_log_variance.float())
    within = duration_weight * within
    if outputs.offset_mean is not None and outputs.offset_log_sd is not None:
        offsets = normal_nll(steps.offset_kji, outputs.offset_mean.float(), outputs.offset_log_sd.float())
        within = within - offsets.sum(-1)
    return torch.where(scored, cells, 0).sum(-1) + torch.where(fixated, within, 0).sum(-1)


def scanmatch_reward(path: Scanpath, readers: Sequence[Scanpath], temporal_bin_s: float) -> float:
    """Mean over the readers of the harmonic mean of ScanMatch with and without duration, 0 to 1."""
    scores = []
    for reader in readers:
        without, with_duration = (
            scanmatch(path, reader, temporal_bin_s=bin_s).score for bin_s in (None, temporal_bin_s)
        )
        both = without + with_duration
        scores.append(2 * without * with_duration / both if both > 0 else 0.0)
    return float(np.mean(scores))


def as_scanpath(path: SampledPath, like: Scanpath, settings: SearcherSettings) -> Scanpath:
    """A sampled path in the voxels of a reader's volume."""
    frame = CanonicalFrame.of(like.shape_kji, like.affine_lps)
    voxel = steps_to_voxels(path.cells.numpy(), path.offset_kji.numpy(), frame, settings)
    return Scanpath.from_voxels(
        voxel, path.duration_s.numpy(), shape_kji=like.shape_kji, who="sample", case=like.case, patient=like.patient,
        affine_lps=like.affine_lps, source="model",
    )  # fmt: skip


def steps_of(paths: Sequence[SampledPath], settings: SearcherSettings) -> tuple[Steps, Tensor, Tensor]:
    """Sampled paths as steps, with which of them are fixations, and which count (those and the stop)."""
    longest = min(max(len(path.cells) for path in paths) + 1, settings.max_steps)
    lengths = torch.tensor([[len(path.cells)] for path in paths])
    cells = torch.full((len(paths), longest), stop_class(settings), dtype=torch.int64)
    offset = torch.zeros(len(paths), longest, 3)
    duration = torch.full((len(paths), longest), NO_DURATION_S)
    for row, path in enumerate(paths):
        count = len(path.cells)
        cells[row, :count], offset[row, :count], duration[row, :count] = path.cells, path.offset_kji, path.duration_s
    step = torch.arange(longest)
    return Steps(cells, offset, duration), step < lengths, step <= lengths


def _detached(encoded: Encoded) -> Encoded:
    told = None if encoded.told is None else encoded.told.detach()
    return Encoded(encoded.keys.detach(), encoded.memory.detach(), told)
