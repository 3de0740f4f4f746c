"""What a prediction is asked for with, where a session keeps it, and when nobody may see any."""

from __future__ import annotations

import ast
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest

from ctgaze_app.study.predictions import PredictionRequest, predicted_series, prediction_path, why_hidden
from ctgaze_app.study.session import PartRecord, SessionManifest, TrialRecord
from tests.factories.volumes import make_volume
from tests.ui.review.scene import manifest

WEIGHTS = "a" * 64
REQUEST = PredictionRequest("ct-searcher", "1.0", WEIGHTS, 5, 0)


class BlindedTrial(TrialRecord):
    """A trial as a later study protocol may record it."""

    blinded: bool = False


@pytest.fixture
def closed() -> SessionManifest:
    return manifest(make_volume(slices=4), 2).model_copy(update={"state": "complete"})


def _part(state: str) -> PartRecord:
    return PartRecord(number=1, file="part1.xdf", boot_id="b", utc_start="t", lsl_start=0.0, state=state)  # type: ignore[arg-type]


def test_a_closed_sessions_trial_may_show_predictions(closed: SessionManifest) -> None:
    for state in ("complete", "interrupted", "salvaged"):
        assert why_hidden(closed.model_copy(update={"state": state, "parts": [_part(state)]}), closed.trials[0]) == ""


@pytest.mark.parametrize("change", [{"state": "open"}, {"parts": [_part("recording")]}])
def test_nothing_is_shown_while_a_session_is_recorded_or_was_never_closed(
    closed: SessionManifest, change: dict[str, object]
) -> None:
    assert "until the session is closed" in why_hidden(closed.model_copy(update=change), closed.trials[0])


def test_nothing_is_shown_of_a_trial_that_runs(closed: SessionManifest) -> None:
    assert "until this trial is over" in why_hidden(closed, closed.trials[0].model_copy(update={"state": "running"}))


@pytest.mark.parametrize("blinded", [True, False])
def test_nothing_is_shown_of_a_reading_that_is_called_blinded(closed: SessionManifest, blinded: bool) -> None:
    trial = BlindedTrial(number=1, case="case01", series=[0], state="complete", blinded=blinded)
    assert bool(why_hidden(closed, trial)) is blinded


def test_the_reading_room_knows_of_no_predictions() -> None:
    rooms = [*Path(str(files("ctgaze_app.ui.reading"))).glob("*.py"), Path(str(files("ctgaze_app.ui"))) / "journey.py"]
    assert len(rooms) > 2
    for room in rooms:
        for node in ast.walk(ast.parse(room.read_text(encoding="utf-8"))):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
            assert not [name for name in names if "predict" in name or "review" in name], room.name


def test_the_files_name_says_trial_model_version_and_a_digest_of_everything_that_matters(
    closed: SessionManifest,
) -> None:
    path = prediction_path(Path("s"), closed, closed.trials[1], REQUEST)
    assert path.parent == Path("s") / "derived" / "predictions"
    assert path.name == f"2_ct-searcher-1.0_{REQUEST.digest(closed.series[0].digest)}.json"
    assert len(REQUEST.digest("")) == 8
    others = [replace(REQUEST, **change) for change in ({"count": 4}, {"seed": 1}, {"model_sha256": "c"})]
    assert len({one.digest("v") for one in (REQUEST, *others)} | {REQUEST.digest("w")}) == 5


def test_a_models_name_cannot_lead_out_of_the_folder(closed: SessionManifest) -> None:
    path = prediction_path(Path("s"), closed, closed.trials[0], replace(REQUEST, model="../../x y", version=".."))
    assert path.parent == Path("s") / "derived" / "predictions" and path.name.startswith("1_x-y-model_")


def test_predictions_are_about_the_current_series(closed: SessionManifest) -> None:
    prior = closed.series[0].model_copy(update={"role": "prior"})
    two = closed.model_copy(update={"series": [prior, closed.series[0]]})
    trial = closed.trials[0]
    assert predicted_series(two, trial.model_copy(update={"series": [0, 1]})) == 1
    assert predicted_series(two, trial.model_copy(update={"series": [0]})) == 0
    assert predicted_series(two, trial.model_copy(update={"series": []})) == -1


def test_the_digest_of_a_scan_path_request_is_as_it_always_was() -> None:
    assert REQUEST.digest("v") == "52cd191a"


def test_tasks_and_options_give_other_digests_and_other_arguments() -> None:
    mask = PredictionRequest("m", "1", WEIGHTS, task="segmentation", options=(("slices", "1-3"), ("average", "logits")))
    others = [replace(mask, **change) for change in ({"options": ()}, {"task": "saliency"}, {"model_sha256": "c"})]
    assert len({one.digest("v") for one in (mask, *others)} | {mask.digest("w")}) == 5
    assert mask.digest("v") == replace(mask, seed=7).digest("v")
    assert mask.arguments() == ("--option", "slices=1-3", "--option", "average=logits")
    assert REQUEST.arguments() == ("--count", "5", "--seed", "0")
