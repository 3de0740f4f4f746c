"""Figures with their intervals, floors and paired differences, from scores whose AUROC is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from models.errors import ModelError
from models.evaluations import TableEvaluation
from models.gaze_classifier.areas import areas_of, mean_of, shuffled_areas
from models.gaze_classifier.evaluation import evaluate
from models.gaze_classifier.gaze_map_fit import fit_rows, readers_maps
from models.gaze_classifier.prepared_pictures import prepare
from tests.models.gaze_classifier.saved_classifiers import saved_classifier, tiny_settings
from tests.models.gaze_classifier.trained_cases import SIDES, spotted_case

TRUTH = np.array([[1, 0], [1, 0], [0, 1], [0, 1]] * 10)
PATIENTS = [f"p{n}" for n in range(40)]


def test_perfect_and_useless_scores() -> None:
    perfect = areas_of(TRUTH, TRUTH.astype(float), PATIENTS, seed=1, resamples=100)
    useless = areas_of(TRUTH, np.zeros((40, 2)), PATIENTS, seed=1, resamples=100)

    assert perfect.values.tolist() == [1, 1, 1]
    assert useless.values.tolist() == [0.5, 0.5, 0.5]
    figure = perfect.less(useless)
    assert figure is not None
    assert (figure.value, figure.low, figure.high) == (0.5, 0.5, 0.5)


def test_differences_are_paired_on_the_same_drawn_patients() -> None:
    scores = np.random.default_rng(0).random((40, 2)) + 0.3 * TRUTH
    areas = areas_of(TRUTH, scores, PATIENTS, seed=1, resamples=100)

    figure = areas.less(areas_of(TRUTH, 2 * scores, PATIENTS, seed=1, resamples=100))

    assert figure is not None
    assert (figure.value, figure.low, figure.high) == (0, 0, 0)


def test_the_mean_is_over_findings_and_seeds() -> None:
    half = np.stack([TRUTH[:, 0], np.zeros(40)], axis=1).astype(float)
    one = areas_of(TRUTH, half, PATIENTS, seed=1, resamples=50)
    other = areas_of(TRUTH, np.zeros((40, 2)), PATIENTS, seed=1, resamples=50)

    assert one.values.tolist() == [1, 0.5, 0.75]
    assert mean_of([one, other]).values.tolist() == [0.75, 0.5, 0.625]


def test_all_pictures_of_a_patient_are_drawn_together() -> None:
    random = np.random.default_rng(0).random((40, 2)) + 0.3 * TRUTH
    apart = areas_of(TRUTH, random, PATIENTS, seed=1, resamples=400).figure()
    few = areas_of(TRUTH, random, [f"p{n // 10}" for n in range(40)], seed=1, resamples=400).figure()

    assert apart is not None
    assert few is not None
    assert apart.value == few.value
    assert (apart.low, apart.high) != (few.low, few.high)


def test_shuffled_labels_are_chance() -> None:
    figure = shuffled_areas(TRUTH, TRUTH.astype(float), seed=1, shuffles=200).figure()

    assert figure is not None
    assert figure.value == pytest.approx(0.5, abs=0.02)


def evaluated(tmp_path: Path) -> TableEvaluation:
    models = [
        saved_classifier(tmp_path / kind, kind, name=kind, labels=SIDES)
        for kind in ("baseline", "temporal", "static", "static_baseline")
    ]
    return evaluate(models, [spotted_case(seed) for seed in range(12)], resamples=30)


def test_models_stand_beside_floors_and_the_temporal_one_beside_itself_with_other_gaze(tmp_path: Path) -> None:
    found = evaluated(tmp_path)

    findings, differences, *maps = found.tables
    assert list(findings.rows) == [
        "baseline", "temporal, its reader's gaze", "temporal, another patient's gaze", "static", "static_baseline",
        "shuffled labels",
    ]  # fmt: skip
    assert [row.role for row in findings.rows.values()] == ["candidate"] * 5 + ["floor"]
    assert findings.columns == ("mean AUROC", "AUROC left", "AUROC right")
    assert list(differences.rows) == [
        "temporal, its reader's gaze minus baseline", "temporal, another patient's gaze minus baseline",
        "static minus baseline", "static_baseline minus baseline",
        "temporal, its reader's gaze minus temporal, another patient's gaze",
    ]  # fmt: skip
    assert [list(table.rows) for table in maps] == [
        ["predicted gaze", "Grad-CAM", "centre bias", "gaze on another patient"],
        ["Grad-CAM", "centre bias", "gaze on another patient"],
    ]
    assert found.on == "12 pictures of 12 patients (6 left, 6 right), 12 with a reader's gaze"
    assert found.to_dict()["parameters"]["resamples"] == 30


def test_one_static_model_has_no_differences_and_its_maps_are_explained(tmp_path: Path) -> None:
    model = saved_classifier(tmp_path / "static", "static", name="static", labels=SIDES)
    found = evaluate([model], [spotted_case(seed) for seed in range(6)], resamples=30)

    assert [table.title for table in found.tables] == ["Findings", "static: maps beside the reader's gaze"]
    assert any("KL a divergence" in sentence for sentence in found.sentences)


def test_models_of_one_name_in_folders_of_one_name_are_all_there(tmp_path: Path) -> None:
    models = [saved_classifier(tmp_path / part / "m", "baseline", name="b", labels=SIDES) for part in ("one", "two")]
    found = evaluate(models, [spotted_case(seed) for seed in range(6)], resamples=30)

    assert list(found.tables[0].rows) == ["b (m) 1", "b (m) 2", "shuffled labels"]
    assert not any("KL a divergence" in sentence for sentence in found.sentences)


def test_the_same_seed_gives_the_same_figures(tmp_path: Path) -> None:
    first, second = evaluated(tmp_path / "a").to_dict(), evaluated(tmp_path / "b").to_dict()

    assert first == second


def test_the_readers_own_map_fits_best_and_an_empty_one_has_no_correlation() -> None:
    settings = tiny_settings("static", labels=SIDES)
    pictures = prepare([spotted_case(seed) for seed in range(6)], settings)
    own = readers_maps(pictures, 32, "duration")

    rows = fit_rows(
        {"own": own, "empty": np.zeros_like(own)}, pictures, size_px=32, weighting="duration", seed=1, resamples=50
    )

    assert rows["own"].measures["CC"].value == pytest.approx(1)
    assert "CC" not in rows["empty"].measures
    kl = {name: row.measures["KL"].value for name, row in rows.items()}
    assert kl["own"] < 0.1 < kl["centre bias"]
    assert kl["own"] < kl["gaze on another patient"]


def test_what_cannot_be_evaluated_is_one_line(tmp_path: Path) -> None:
    model = saved_classifier(tmp_path / "a", "baseline", labels=SIDES)
    other = saved_classifier(tmp_path / "b", "baseline", labels=("up", "down"), name="other")
    cases = [spotted_case(seed) for seed in range(4)]

    for models, given, said in (
        ([], cases, "needs a model and a case"),
        ([model], [], "needs a model and a case"),
        ([model, other], cases, "other: knows up, down, not left, right as tiny"),
        ([model], [replace(cases[0], labels={})], "spot 0: has the labels none, not left, right"),
    ):
        with pytest.raises(ModelError, match=said) as caught:
            evaluate(models, given)
        assert "\n" not in str(caught.value)
