"""A seeded sample of `python -m tests.journeys.chaos`: kill -9 of everything loses at most the last second."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.journeys.chaos import LAST_SECOND_S, ctgaze, run_all

SAMPLE = [1, 2, 3]
"""Reading, calibrating, and closing, with this seed."""
SEED = 7


@pytest.mark.slow
def test_a_kill_of_every_process_loses_at_most_the_last_second(tmp_path: Path) -> None:
    outcomes = run_all(SAMPLE, SEED, tmp_path)
    assert [fault for outcome in outcomes for fault in outcome.faults] == []
    assert all(outcome.salvage_code == 0 and outcome.verify_code == 0 for outcome in outcomes)
    assert all(outcome.gaze_lost_s is not None and outcome.gaze_lost_s <= LAST_SECOND_S for outcome in outcomes)
    heard = [outcome.sound_lost_s for outcome in outcomes if outcome.sound_lost_s is not None]
    assert heard, "no kill fell into a trial, so nothing was shown about sound"
    assert max(heard) <= LAST_SECOND_S


@pytest.mark.parametrize("made", [(), ("calibration", "dictation", "derived", "private")])
def test_a_kill_before_the_recording_began_gives_one_clear_line(tmp_path: Path, made: tuple[str, ...]) -> None:
    for name in made:
        (tmp_path / name).mkdir()
    done = ctgaze("session", "salvage", str(tmp_path))
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "no session here" in done.stderr
