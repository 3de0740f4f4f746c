"""The scripted reading covers the stack twice and leaves enough still dwells."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.simulation.script import ReadingPlan, ScriptedScroll, plan_reading


def test_forty_seconds_on_a_chest_plan_more_than_forty_dwells_on_the_slice_scrolled_to() -> None:
    plan = plan_reading((143, 512, 512), seconds=40, seed=1)
    assert len(plan.dwells) >= 44
    current = 0
    for step in plan.steps:
        if isinstance(step, ScriptedScroll):
            current = step.to_slice
        elif not step.drill:
            assert step.voxel_ijk[2] == current
    assert plan.steps[-1].onset_s < 40


def test_both_ends_of_the_stack_are_reached_and_it_is_crossed_twice() -> None:
    scrolls = [
        step.to_slice
        for step in plan_reading((143, 512, 512), seconds=40, seed=1).steps
        if isinstance(step, ScriptedScroll)
    ]
    assert max(scrolls) == 142
    assert scrolls[-1] == 0
    assert sum(abs(b - a) for a, b in zip([0, *scrolls], scrolls, strict=False)) == 2 * 142


def test_steps_are_ordered_and_successive_points_lie_apart() -> None:
    plan = plan_reading((30, 512, 512), seconds=20, seed=3)
    onsets = [step.onset_s for step in plan.steps]
    assert onsets == sorted(onsets)
    for first, second in zip(plan.dwells, plan.dwells[1:], strict=False):
        di = (first.voxel_ijk[0] - second.voxel_ijk[0]) / 512
        dj = (first.voxel_ijk[1] - second.voxel_ijk[1]) / 512
        assert (di**2 + dj**2) ** 0.5 >= 1 / 6 - 1e-3 or first.voxel_ijk[2] != second.voxel_ijk[2]


def test_the_plan_survives_its_file(tmp_path: Path) -> None:
    plan = plan_reading((20, 64, 64), seconds=12, seed=5)
    plan.write(tmp_path / "plan.json")
    assert ReadingPlan.read(tmp_path / "plan.json") == plan
    with pytest.raises(FileExistsError):
        plan.write(tmp_path / "plan.json")


def test_too_short_a_time_is_refused_with_the_time_needed() -> None:
    with pytest.raises(ValueError, match="at least"):
        plan_reading((143, 512, 512), seconds=5, seed=1)
