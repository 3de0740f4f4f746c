"""The evaluation: candidates at one length, exchanged CT, floors, oracles, which floors are beaten, spread, errors."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.card import NOT_SAVED, Card, InputCard, TrainingCard, read_card, write_card
from models.ct_searcher import evaluation as module
from models.ct_searcher.bodies import BodyFrame
from models.ct_searcher.candidates import Predictor, lenders_of
from models.ct_searcher.evaluation import evaluate_predictors
from models.ct_searcher.evaluation_report import (
    BEATEN_BY,
    PERMUTED,
    SWAPPED,
    TOLD,
    EvaluatedModel,
    Evaluation,
    card_with,
    spread_of,
)
from models.errors import Cancelled, ModelError
from models.metrics.floors import FLOORS, OTHER_PATIENT, UNIFORM
from models.scanpath import Scanpath
from models.simulation.markov_reader import Box
from models.volumes import CtVolume
from tests.models.ct_searcher.evaluated_cases import QUICK, SHAPE_KJI, Blind, Seer, case_of, predictor, target_of

CASES = [case_of(number) for number in range(7)]
TRAINING = [case_of(number) for number in range(10, 13)]
CARD = Card(
    name="seer", version="1", task="scanpath", architecture="ct_searcher", licence="Apache-2.0",
    weights_sha256=NOT_SAVED, limits=("None of it is true.",), settings={},
    input=InputCard(orientation="canonical", hu_windows=(), spacing="any"), training=TrainingCard(data="nothing"),
)  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Evaluation:
    models = [predictor("seer"), predictor("blind", Blind)]
    return evaluate_predictors(models, CASES, training=TRAINING, count=2, parameters=QUICK)


def means(found: Evaluation, measure: str = "nss") -> dict[str, float]:
    return {row.name: row.scores[measure].mean for row in found.comparison.rows if row.role == "candidate"}


def test_every_model_stands_there_in_its_four_kinds_beside_the_oracles(found: Evaluation) -> None:
    kinds = ("", ", told the length", ", another patient's CT", ", tokens permuted")
    models = [f"{name}{kind} (model)" for name in ("seer", "blind") for kind in kinds]
    assert list(means(found)) == [*models, "lesion centres (oracle) (model)", "fixed average path (model)"]
    pairs = {row.name: row.n_pairs for row in found.comparison.with_role("candidate")}
    assert [pairs[name] for name in models] == [7 * 2 * 2] * 8  # cases x readers x samples
    assert pairs["fixed average path (model)"] == 7 * 2


def test_told_paths_have_the_length_of_the_one_reference_that_they_are_scored_against(found: Evaluation) -> None:
    own = [pair for pair in found.comparison.pairs if pair.candidate == "seer (model)"]
    assert {(pair.n_candidate, pair.n_reference) for pair in own} == {(16, 14), (16, 18)}
    for name in (TOLD, SWAPPED, PERMUTED):
        told = [pair for pair in found.comparison.pairs if pair.candidate == f"seer{name} (model)"]
        assert {(pair.n_candidate, pair.n_reference) for pair in told} == {(14, 14), (18, 18)}
    assert all(pair.n_candidate == pair.n_reference for pair in found.comparison.pairs if "oracle" in pair.candidate)


def test_another_ct_and_permuted_tokens_cost_a_model_that_sees_and_none_that_is_blind(found: Evaluation) -> None:
    for kind in (SWAPPED, PERMUTED):
        lost = found.difference("seer, told the length (model)", f"seer{kind} (model)")
        same = found.difference("blind, told the length (model)", f"blind{kind} (model)")
        assert lost is not None and same is not None
        assert lost.scores["nss"].low > 1
        assert abs(same.scores["nss"].mean) < 0.5


def test_the_table_of_beaten_floors_follows_the_intervals(found: Evaluation) -> None:
    assert len(found.beating) == 10 * len(FLOORS) * len(BEATEN_BY)
    for each in found.beating:
        assert each.beats == (each.difference.low > 0 and each.difference.p < 0.05)
    assert found.beats_every_floor("seer, told the length (model)", ["nss", "cc"])
    assert not found.beats_every_floor("blind (model)")
    assert not found.beats_every_floor("nobody")
    difference = found.difference("seer (model)", UNIFORM)
    assert difference is not None
    row = next(b for b in found.beating if (b.candidate, b.floor, b.measure) == ("seer (model)", UNIFORM, "nss"))
    assert row.difference == difference.scores["nss"]


def test_three_patients_beat_nothing_however_far_they_are_above() -> None:
    few = evaluate_predictors([predictor("seer")], CASES[:3], count=1, parameters=QUICK)
    row = next(each for each in few.beating if (each.floor, each.measure) == (UNIFORM, "nss"))
    assert row.difference.low > 1
    assert row.beats is False


def test_the_ceiling_and_the_other_patient_are_named_what_they_are(found: Evaluation) -> None:
    assert found.simulated
    assert [row.name for row in found.comparison.with_role("ceiling")] == ["between simulated readers"]
    notes = {row.name: row.note for row in found.comparison.with_role("floor")}
    assert notes[OTHER_PATIENT] == "lent by simulated readers, as its references are"
    people = [case_of(number, source="reader") for number in range(3)]
    human = evaluate_predictors([predictor("seer")], people, count=1, parameters=QUICK)
    assert not human.simulated
    assert [row.name for row in human.comparison.with_role("ceiling")] == ["between readers"]
    assert human.notes == ("fixed average path: not available, there are no training cases",)


def test_several_models_have_a_spread(found: Evaluation) -> None:
    own = next(each for each in found.spread if (each.kind, each.measure) == ("", "nss"))
    scores = means(found)
    both = scores["seer (model)"], scores["blind (model)"]
    assert (own.mean, own.low, own.high, own.n_models) == (np.mean(both), min(both), max(both), 2)


def test_continuity_stands_beside_the_readers(found: Evaluation) -> None:
    names = [row.name for row in found.continuity.rows]
    assert names[:3] == ["simulated readers", "seer (model)", "seer, told the length (model)"]
    assert found.continuity.rows[0].n_steps == 7 * (13 + 17)
    assert found.continuity.rows[1].n_steps == 7 * 2 * 15


def test_the_report_is_json_with_and_without_single_scores(found: Evaluation) -> None:
    whole = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert len(whole["comparison"]["pairs"]) == len(found.comparison.pairs)
    short = found.to_dict(pairs=False)
    assert set(whole["comparison"]) - set(short["comparison"]) == {"pairs", "floor_pairs"}
    assert whole["models"][0] == {"name": "seer", "version": "1", "sha256": ""}


def test_the_card_gets_floors_ceiling_and_every_kind_of_the_one_model(found: Evaluation, tmp_path: Path) -> None:
    card = card_with(CARD, found)
    kinds = ["own length", "told the length", "another patient's CT", "tokens permuted"]
    oracles = ["lesion centres (oracle)", "fixed average path"]
    assert list(card.metrics) == [*kinds, *oracles, *FLOORS, "between simulated readers"]
    figure = card.metrics["own length"].measures["nss"]
    assert figure.value == round(means(found)["seer (model)"], 4)
    assert figure.low is not None and figure.low < figure.value
    assert card.metrics["between simulated readers"].role == "ceiling"
    assert "14 readings by simulated readers (r0 (simulated), r1 (simulated)) of 7 cases, 7 patients" in card.metrics_on
    assert card.metrics_on.endswith(
        " Floors borrow and learn from the training cases alone, not from the readings under test."
        " This proves the code, not radiology."
    )
    other = card_with(CARD, found, found.models[1])
    assert other.metrics["own length"].measures["nss"].value == round(means(found)["blind (model)"], 4)
    assert "with no kind of its paths" in other.metrics_on
    write_card(tmp_path, card)
    assert read_card(tmp_path) == card


def test_what_could_not_be_measured_is_null_in_the_report_and_not_on_the_card(found: Evaluation) -> None:
    rows = [
        replace(row, scores={**row.scores, "position": replace(row.scores["position"], mean=float("nan"))})
        for row in found.comparison.rows
        if row.role == "candidate"
    ]
    comparison = replace(found.comparison, rows=tuple(rows))
    without = replace(found, comparison=comparison, spread=tuple(spread_of(found.models, comparison)))
    spread = json.loads(json.dumps(without.to_dict(), allow_nan=False))["spread"]
    position = next(each for each in spread if each["measure"] == "position")
    assert (position["mean"], position["low"], position["high"], position["n_models"]) == (None, None, None, 2)
    assert set(BEATEN_BY) - set(card_with(CARD, without).metrics["own length"].measures) == {"position"}


def test_the_same_seed_gives_the_same_report() -> None:
    made = [
        evaluate_predictors([predictor("seer")], CASES[:3], seed=seed, count=1, parameters=QUICK).to_dict()
        for seed in (4, 4, 5)
    ]
    for each in made:
        del each["seconds"], each["seed"]
    assert made[0] == made[1] != made[2]


def test_lent_paths_move_from_body_to_body_and_never_within_a_patient() -> None:
    asked: list[tuple[str, int]] = []

    class Watched(Seer):
        def paths(
            self, *, count: int, seed: int, length: int | None = None, permuted: bool = False, reader: str = ""
        ) -> list[Scanpath]:
            asked.append((self.volume.case, seed))
            return super().paths(count=count, seed=seed, length=length, permuted=permuted)

    lenders = lenders_of(CASES, 1)
    assert all(lender.patient != case.patient for case in CASES if (lender := lenders[case.case]))
    assert len({lender.case for lender in lenders.values()}) == 7
    bodies = {"c0": Box((1.5, 2.5, -0.5), (21.5, 20.5, 19.5)), "c1": Box((5.5, 5.5, 4.5), (15.5, 14.5, 14.5))}

    def body(volume: CtVolume) -> np.ndarray:
        box, mask = bodies[volume.case], np.zeros(SHAPE_KJI, dtype=bool)
        (i, j, k), (right, back, feet) = (np.array(edge) + 0.5 for edge in (box.low_ijk, box.high_ijk))
        mask[int(k) : int(feet), int(j) : int(back), int(i) : int(right)] = True
        return mask

    seen: list[Scanpath] = []
    compare = module.compare
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "compare", lambda paths, **rest: seen.extend(paths) or compare(paths, **rest))
        evaluate_predictors(
            [Predictor(EvaluatedModel("seer"), Watched)], CASES[:2], count=1, parameters=QUICK, body_of=body
        )
    assert len(asked) == 2 * 4
    lent = [path for path in seen if path.case == "c1" and SWAPPED in path.who]
    frames = [BodyFrame.of(case.paths[0], bodies[case.case]) for case in CASES[:2]]
    expected = frames[1].to_voxels(frames[0].to_shares([target_of("c0")]))[0]
    np.testing.assert_allclose(lent[0].voxel_ijk.mean(axis=0), expected, atol=0.6)


def test_who_is_told_the_reader_and_whom_floors_know_is_said() -> None:
    asked: list[str] = []

    class Told(Seer):
        def paths(
            self, *, count: int, seed: int, length: int | None = None, permuted: bool = False, reader: str = ""
        ) -> list[Scanpath]:
            asked.append(reader)
            return super().paths(count=count, seed=seed, length=length, permuted=permuted)

    told = Predictor(EvaluatedModel("told"), Told, readers=("r1", "r9"))
    found = evaluate_predictors([told], CASES[:3], training=TRAINING, count=1, parameters=QUICK)
    assert set(asked) == {"", "r1"}
    assert found.notes == (
        "model told is told the reader of 3 of the 6 readings; floors are not told it and borrow from any reader",
        "floors borrow and learn from the training cases alone, not from the readings under test",
    )
    own = [pair for pair in found.comparison.pairs if pair.candidate == "told (model)"]
    assert {(pair.reference, pair.candidate_trial.endswith("as r1")) for pair in own} == {
        ("r0 (simulated)", False), ("r1 (simulated)", True),
    }  # fmt: skip


def test_one_patient_alone_has_no_other_ct_and_a_short_model_is_told_of() -> None:
    class Short(Seer):
        def paths(
            self, *, count: int, seed: int, length: int | None = None, permuted: bool = False, reader: str = ""
        ) -> list[Scanpath]:
            made = super().paths(count=count, seed=seed, length=15 if length else None, permuted=permuted)
            return [made[0].part(slice(0, 0)), *made[1:]] if length is None else made

    alone = evaluate_predictors([predictor("short", Short)], CASES[:1], count=2, parameters=QUICK)
    assert alone.notes == (
        "fixed average path: not available, there are no training cases",
        "another patient's CT: not available, all cases are of one patient",
        "2 paths of short, told the length end before the length that they were told",
        "2 paths of short, tokens permuted end before the length that they were told",
        "1 paths of short have no fixation and are not scored",
    )
    assert all(each.beats is None for each in alone.beating)


def test_a_case_without_a_body_leaves_all_to_their_whole_volumes() -> None:
    found = evaluate_predictors([predictor("seer")], CASES[:2], count=1, parameters=QUICK, body_of=lambda volume: None)
    assert found.notes[0] == "whole volumes stand for the bodies: none was found in case c0"
    assert not found.comparison.masked


def test_progress_ends_and_a_cancelled_evaluation_stops() -> None:
    said: list[tuple[int, int, str]] = []
    evaluate_predictors(
        [predictor("seer")], CASES[:2], training=TRAINING[:1], count=1, parameters=QUICK,
        progress=lambda done, total, what: said.append((done, total, what)),
    )  # fmt: skip
    assert [done for done, _, _ in said] == list(range(1 + 2 * 2 + 4))
    assert {total for _, total, _ in said} == {9}
    assert list(dict.fromkeys(what for *_, what in said)) == ["Finding bodies", "Predicting with seer", "Scoring"]
    with pytest.raises(Cancelled):
        evaluate_predictors([predictor("seer")], CASES[:2], parameters=QUICK, cancelled=lambda: len(said) == 9)


def test_what_cannot_be_evaluated_is_one_line() -> None:
    seer = predictor("seer")
    empty = replace(CASES[0], paths=(CASES[0].paths[0].part(slice(0, 0)),))
    with pytest.raises(ModelError, match="nothing to evaluate"):
        evaluate_predictors([], CASES)
    with pytest.raises(ModelError, match="model seer comes twice"):
        evaluate_predictors([seer, seer], CASES)
    with pytest.raises(ModelError, match="case c0 comes twice"):
        evaluate_predictors([seer], [CASES[0], CASES[0]])
    with pytest.raises(ModelError, match="seed 1: patient patient c1 is among the training cases"):
        evaluate_predictors([seer], CASES, training=[replace(CASES[1], case="other")])
    with pytest.raises(ModelError, match="no reading has a fixation"):
        evaluate_predictors([seer], [empty])
    single = replace(CASES[0], paths=(CASES[0].paths[0].part(slice(0, 1)),))
    with pytest.raises(ModelError, match="no reading has two fixations"):
        evaluate_predictors([seer], [single])
