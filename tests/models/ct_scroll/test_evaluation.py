"""Models beside floors: figures counted by hand, intervals over patients, nothing where nothing can be said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from models.card import Figure
from models.ct_scroll import family
from models.errors import ModelError
from models.metrics.classification import accuracy, auroc, f1_score
from tests.models.ct_scroll.made_chests import LABELS, labelled, saved_model

CASES = [labelled(number) for number in range(8)]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("models")
    return [saved_model(folder / str(seed), seed, thresholds=(0.45, 0.5)) for seed in (1, 2)]


@pytest.fixture(scope="module")
def evaluation(models):
    return family.evaluate(models, CASES, resamples=300, device="cpu")


def answers(model) -> np.ndarray:
    found = [family.predict(model, case.load(), options={"evidence": "none"}, device="cpu") for case in CASES]
    return np.array([one.findings.probabilities for one in found])


TRUTH = np.array([[case.labels[label] for label in LABELS] for case in CASES])


def test_figures_are_those_of_the_predictions(models, evaluation):
    probability = answers(models[0])
    whole, by_label = evaluation.tables
    row = whole.rows["tiny 1.0 (1)"].measures
    areas = [float(auroc(TRUTH[:, one], probability[:, one])) for one in range(2)]
    assert row["AUROC"].value == pytest.approx(np.mean(areas))
    named = probability >= [0.45, 0.5]
    assert row["accuracy"].value == pytest.approx(
        np.mean([float(accuracy(TRUTH[:, one], named[:, one])) for one in range(2)])
    )
    figures = by_label.rows["tiny 1.0 (1)"].measures
    assert figures["effusion, AUROC"].value == pytest.approx(areas[1])
    score = float(f1_score(TRUTH[:, 1], named[:, 1]))
    assert ("effusion, F1" in figures) == bool(np.isfinite(score))
    assert row["AUROC"].low <= row["AUROC"].value <= row["AUROC"].high


def test_several_seeds_have_a_mean_and_a_range(evaluation):
    rows = evaluation.tables[0].rows
    each = [rows[f"tiny 1.0 ({number})"].measures["AUROC"].value for number in (1, 2)]
    assert rows["mean of 2 tiny"].measures["AUROC"].value == pytest.approx(np.mean(each))
    assert f"mean of 2 tiny: mean AUROC from {min(each):.3f} to {max(each):.3f}." in evaluation.sentences


def test_floors_know_nothing_of_the_case(evaluation):
    rows = evaluation.tables[0].rows
    assert rows["prevalence alone"].role == rows["shuffled labels"].role == "floor"
    assert rows["prevalence alone"].measures["AUROC"] == Figure(value=0.5, low=0.5, high=0.5)
    assert rows["prevalence alone"].measures["accuracy"].value == pytest.approx(0.5)
    assert rows["everything found"].measures["F1"].value == pytest.approx(2 / 3)


def test_it_says_on_what(evaluation):
    assert evaluation.on == "8 volumes of 8 patients, 2 labels"
    assert evaluation.parameters["prevalence"] == {"nodule": 0.5, "effusion": 0.5}
    assert evaluation.to_dict()["tables"][0]["columns"] == ["AUROC", "F1", "accuracy"]


def test_without_thresholds_there_is_neither_f1_nor_accuracy(tmp_path: Path):
    found = family.evaluate([saved_model(tmp_path)], CASES, resamples=20, device="cpu")
    assert set(found.tables[0].rows["tiny 1.0"].measures) == {"AUROC"}
    assert "tiny 1.0: no thresholds, so neither F1 nor accuracy." in found.sentences


def test_a_label_that_nobody_has_has_no_auroc(tmp_path: Path):
    cases = [labelled(number, {"nodule": number % 2, "effusion": 0}) for number in range(4)]
    found = family.evaluate([saved_model(tmp_path)], cases, resamples=20, device="cpu")
    assert "effusion, AUROC" not in found.tables[1].rows["tiny 1.0"].measures
    assert "All or none of the cases have effusion: no AUROC there." in found.sentences


def test_labels_that_the_cases_say_nothing_of_are_left_out_and_named(models, evaluation):
    cases = [replace(case, labels={"effusion": case.labels["effusion"], "other": 1}) for case in CASES]
    found = family.evaluate(models, cases, resamples=300, device="cpu")
    assert found.on == "8 volumes of 8 patients, 1 labels"
    assert "Nothing says whether the cases have nodule: left out of every figure." in found.sentences
    assert found.parameters["thresholds"] == {name: {"effusion": 0.5} for name in ("tiny 1.0 (1)", "tiny 1.0 (2)")}
    whole = evaluation.tables[1].rows["tiny 1.0 (1)"].measures
    assert found.tables[1].rows["tiny 1.0 (1)"].measures == {
        name: figure for name, figure in whole.items() if name.startswith("effusion")
    }
    assert not any("left out" in sentence for sentence in evaluation.sentences)


def test_two_patients_have_no_interval(tmp_path: Path):
    found = family.evaluate([saved_model(tmp_path)], CASES[:2], resamples=20, device="cpu")
    assert found.tables[0].rows["tiny 1.0"].measures["AUROC"].low is None
    assert "2 patients: too few for intervals." in found.sentences


def test_progress_counts_cases_and_one_seed_gives_one_result(models):
    told: list[tuple[int, int]] = []
    first = family.evaluate(models[:1], CASES[:3], resamples=20, device="cpu", progress=lambda *d: told.append(d))
    assert told == [(1, 3), (2, 3), (3, 3)]
    assert family.evaluate(models[:1], CASES[:3], resamples=20, device="cpu").to_dict() == first.to_dict()


def test_models_of_other_labels_and_no_cases_are_one_line(models, tmp_path: Path):
    other = saved_model(tmp_path / "o", labels=("a", "b"))
    with pytest.raises(ModelError, match="finds other labels than tiny"):
        family.evaluate([models[0], other], CASES, device="cpu")
    with pytest.raises(ModelError, match="no model or no case"):
        family.evaluate(models, [], device="cpu")
    with pytest.raises(ModelError, match="nothing says whether case c0 has 'a'"):
        family.evaluate([other], CASES, device="cpu")
    with torch.no_grad():
        other.network.classifier[3].bias.fill_(torch.nan)
    renamed = [labelled(1, {"a": 1, "b": 0})]
    with pytest.raises(ModelError, match="probabilities are no numbers"):
        family.evaluate([other], renamed, device="cpu")
