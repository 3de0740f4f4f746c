"""What a stream states about itself decides its latency and whether its gaze is made up."""

from __future__ import annotations

import pytest

from ctgaze_app.acquisition.inlet import GazeStreamInfo
from ctgaze_app.ui.gaze_source import is_simulated, stated_latency


def _stream(description: str) -> GazeStreamInfo:
    xml = f"<info><name>x</name><desc>{description}</desc></info>"
    return GazeStreamInfo("x", "Gaze", "x-1", "host", "uid", 600.0, 8, xml, None)


@pytest.mark.parametrize(
    ("model", "made_up"), [("simulated", True), ("mouse", True), ("replay", False), ("Spectrum", False)]
)
def test_our_own_eye_and_mouse_are_made_up_whoever_started_them(model: str, made_up: bool) -> None:
    description = f"<manufacturer>CTGaze</manufacturer><acquisition><model>{model}</model></acquisition>"
    assert is_simulated(_stream(description)) is made_up


def test_another_makers_model_is_never_taken_for_ours() -> None:
    description = "<manufacturer>Maker</manufacturer><acquisition><model>simulated</model></acquisition>"
    assert not is_simulated(_stream(description))


def test_a_stated_latency_is_used_and_an_unstated_or_impossible_one_is_not() -> None:
    stated = stated_latency(_stream("<synchronization><offset_mean>0.012</offset_mean></synchronization>"))
    assert (stated.latency_s, stated.uncertainty_s) == (0.012, 0.005)
    for description in (
        "",
        "<synchronization><offset_mean>soon</offset_mean></synchronization>",
        "<synchronization><offset_mean>-3</offset_mean></synchronization>",
    ):
        assert stated_latency(_stream(description)).latency_s == 0.0
        assert stated_latency(_stream(description)).uncertainty_s == 0.010
