"""The second stage: rewards, log-likelihoods of what was sampled, and that the reward rises."""

from __future__ import annotations

from dataclasses import replace
from math import log, pi

import numpy as np
import pytest
import torch

from models.ct_searcher import self_critical
from models.ct_searcher.batches import Batch, loader
from models.ct_searcher.config import SelfCriticalTable, TrainingTable
from models.ct_searcher.decoding import SampledPath, sample_paths
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.self_critical import (
    SelfCriticalTraining,
    as_scanpath,
    log_likelihood,
    scanmatch_reward,
    steps_of,
)
from models.ct_searcher.steps import StepOutputs
from models.datasets.case import TrainingCase
from models.datasets.prepared import PreparedCases
from models.scanpath import Scanpath
from tests.models.ct_searcher.trained_cases import patients, tiny_settings
from tests.models.datasets.training_cases import AXIAL_LPS, SHAPE_KJI, a_path


def sampled(*cells: int) -> SampledPath:
    return SampledPath(torch.tensor(cells), torch.zeros(len(cells), 3), torch.full((len(cells),), 0.2))


def test_sampled_paths_become_steps_with_one_stop_unless_they_fill_them() -> None:
    settings = tiny_settings(max_steps=4)
    steps, fixated, scored = steps_of([sampled(3), sampled(0, 1, 2, 3)], settings)
    assert steps.cells.tolist() == [[3, 8, 8, 8], [0, 1, 2, 3]]
    assert fixated.sum(1).tolist() == [1, 4]
    assert scored.sum(1).tolist() == [2, 4]


def test_the_likelihood_of_a_path_is_that_of_its_cells_stop_durations_and_offsets() -> None:
    steps, fixated, scored = steps_of([sampled(3), sampled(0, 1)], tiny_settings())
    zeros = torch.zeros(2, 3)
    places = torch.zeros(2, 3, 9)
    uniform, normal = -log(9), -0.5 * log(2 * pi)
    duration = -log(0.2) + normal - 0.5 * log(0.2) ** 2
    found = log_likelihood(StepOutputs(places, zeros, zeros), steps, fixated, scored)
    assert found.tolist() == pytest.approx([2 * uniform + duration, 3 * uniform + 2 * duration], rel=1e-5)
    with_offsets = StepOutputs(places, zeros, zeros, torch.zeros(2, 3, 3), torch.zeros(2, 3, 3))
    more = log_likelihood(with_offsets, steps, fixated, scored, duration_weight=0.0)
    assert more.tolist() == pytest.approx([2 * uniform + 3 * normal, 3 * uniform + 6 * normal], rel=1e-5)


def test_the_reward_is_one_for_the_readers_path_and_less_for_another() -> None:
    path = a_path(1)
    assert scanmatch_reward(path, [path], 0.05) == pytest.approx(1)
    other = a_path(2, count=30)
    both = scanmatch_reward(path, [path, other], 0.05)
    assert both == pytest.approx((1 + scanmatch_reward(path, [other], 0.05)) / 2)
    assert 0 <= both < 1


def test_a_sampled_path_lies_in_the_readers_volume() -> None:
    made = as_scanpath(sampled(0, 7), a_path(), tiny_settings())
    assert made.voxel_ijk.tolist() == [[9.5, 7.5, 4.5], [29.5, 23.5, 14.5]]
    assert made.duration_s == pytest.approx([0.2, 0.2])


def one_cell_cases() -> tuple[TrainingCase, ...]:
    """Readers who look at the first cell eight times."""
    rng = np.random.default_rng(1)
    voxel = rng.uniform(0, np.array(SHAPE_KJI[::-1]) / 2 - 1, size=(8, 3))
    path = Scanpath.from_voxels(voxel, np.full(8, 0.3), shape_kji=SHAPE_KJI, who="r1", affine_lps=AXIAL_LPS)
    return tuple(replace(case, paths=(replace(path, case=case.case, patient=case.patient),)) for case in patients(2))


def test_the_reward_rises_and_the_same_seed_gives_the_same_rise() -> None:
    cases = one_cell_cases()
    settings = tiny_settings(offsets=False, dropout=0.0)
    batch: Batch = next(iter(loader(PreparedCases(cases, settings), paths_per_case=1, cases_per_batch=2, seed=1)))
    paths = [cases[case].paths for case in range(2)]

    def rewards(steps: int) -> list[float]:
        torch.manual_seed(0)
        module = SelfCriticalTraining(
            CtSearcher(settings), TrainingTable(learning_rate=0.1), SelfCriticalTable(samples=8),
            train=paths, validation=paths, reward=lambda path, readers: scanmatch_reward(path, readers, 0.1),
        )  # fmt: skip
        logged: dict[str, list[float]] = {}
        module.log = lambda name, value, **_: logged.setdefault(name, []).append(float(value))  # type: ignore[method-assign]
        optimizer = torch.optim.Adam(module.parameters(), module.learning_rate)
        for number in range(steps):
            optimizer.zero_grad()
            module.training_step(batch, number).backward()
            optimizer.step()
        return logged["train/reward"]

    first = rewards(40)
    assert np.mean(first[-5:]) > np.mean(first[:5]) + 0.15
    assert rewards(3) == first[:3]


def test_samples_to_learn_from_are_drawn_at_temperature_1_and_validated_at_the_models_own(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cases = one_cell_cases()
    settings = tiny_settings(temperature=0.5)
    batch: Batch = next(iter(loader(PreparedCases(cases, settings), paths_per_case=1, cases_per_batch=2, seed=1)))
    paths = [cases[case].paths for case in range(2)]
    module = SelfCriticalTraining(
        CtSearcher(settings), TrainingTable(), SelfCriticalTable(samples=2), train=paths, validation=paths
    )
    monkeypatch.setattr(module, "log", lambda *_, **__: None)
    asked: list[float | None] = []

    def recorded(*args: object, temperature: float | None, **options: object) -> list[SampledPath]:
        asked.append(temperature)
        return sample_paths(*args, temperature=temperature, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(self_critical, "sample_paths", recorded)
    module.training_step(batch, 0)
    module.validation_step(batch, 0)
    assert asked == [1.0, 1.0, None, None]
