"""Recipes that are shipped, and configurations that cannot be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from models.errors import ModelError
from models.gaze_classifier import family
from models.gaze_classifier.config import EgdSource
from models.training.recipes import config_text, recipe_names
from tests.models.gaze_classifier.trained_cases import spotted_case, tiny_config

SHIPPED = (
    "gaze_classifier_small_static", "gaze_classifier_small_temporal", "gaze_classifier_static_published",
    "gaze_classifier_temporal_published",
)  # fmt: skip


def test_four_recipes_are_shipped() -> None:
    assert tuple(recipe_names("gaze_classifier")) == SHIPPED


def test_the_temporal_recipe_is_as_published() -> None:
    config = family.read_recipe("gaze_classifier_temporal_published")

    settings, training = config.model.settings, config.training
    assert (settings.size_px, settings.channels, settings.hidden, settings.embedding) == (224, 64, 128, 64)
    assert (training.epochs, training.cases_per_batch, training.learning_rate) == (20, 16, 1e-3)
    assert (training.schedule, training.cycle_epochs, training.cycle_floor) == ("cyclic", 5, 0.001)
    assert (settings.faithful, training.monitor) == (False, "val/auroc")


def test_the_static_recipe_is_as_published() -> None:
    config = family.read_recipe("gaze_classifier_static_published")

    settings, training = config.model.settings, config.training
    assert (settings.encoder, settings.size_px, settings.dropout) == ("efficientnet-b0", 224, 0.5)
    assert (training.epochs, training.cases_per_batch, training.learning_rate) == (35, 32, 0.0090552)
    assert (training.classification_share, training.gradient_clip_value) == (0.41731, 0.1)
    assert (training.schedule, training.cycle_epochs, training.cycle_floor) == ("cyclic", 2, 0.0090552)


def test_the_small_recipes_train_validate_and_test_on_bands_of_seeds_of_their_own() -> None:
    for name in SHIPPED[:2]:
        data = family.read_recipe(name).data
        assert data.split == "declared"
        assert [(one.first_seed, one.count) for one in data.source if one.kind == "simulated"] == [
            (0, 300), (1_000_000, 60), (2_000_000, 90)
        ]  # fmt: skip


def test_tables_that_only_the_application_reads_come_from_what_it_gives(tmp_path: Path) -> None:
    config = family.read_recipe("gaze_classifier_temporal_published")
    asked: list[Any] = []

    def read(source: EgdSource) -> list[Any]:
        asked.append(source.folder.name)
        return [spotted_case(seed) for seed in range(20)]

    split = family.cases_of(config, cache=tmp_path, sources={"egd": read})

    assert asked == ["1.0.0"]
    assert [len(split.patients(part)) for part in ("train", "validation", "test")] == [16, 2, 2]
    with pytest.raises(ModelError, match="nothing here reads sources of the kind egd"):
        family.cases_of(config, cache=tmp_path)


def test_progress_counts_the_patients_of_all_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from models.gaze_classifier import training_cases

    def fake(count: int, *, progress: Any, first_seed: int, **_: Any) -> list[Any]:
        progress(count, count)
        return [spotted_case(first_seed + number) for number in range(count)]

    monkeypatch.setattr(training_cases, "radiograph_cases", fake)
    recipe = family.read_recipe("gaze_classifier_small_temporal")
    dealt_by_shares = recipe.model_copy(update={"data": recipe.data.model_copy(update={"split": "patient"})})
    told: list[tuple[int, int]] = []

    family.cases_of(dealt_by_shares, cache=tmp_path, progress=lambda *done: told.append(done))

    assert told == [(300, 450), (360, 450), (450, 450)]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ('kind = "temporal"', 'kind = "static"', 'gaze_dropout and borrowed_gaze are for kind = "temporal"'),
        ("gaze_dropout = 0.0", "gaze_dropout = 0.2", 'gaze_dropout and without_gaze = "image_only" go together'),
        ('monitor = "val/auroc"', 'monitor = "test/auroc"', "the test part is never looked at"),
        ("classification_share = 1.0", "classification_share = 0.4", "which predicts a map"),
        ("epochs = 4", "epochs = 0", "training.epochs"),
        ("epochs = 4", 'epochs = "4"', "training.epochs"),
        ("epochs = 4", "epochs = 4\nrounds = 3", "training.rounds"),
        ('kind = "simulated"', 'kind = "dreamt"', "data.source"),
        ("count = 32", "count = 0", "data.source"),
        ("shares = [0.8, 0.1, 0.1]", "shares = [0.8, 0.1, 0.2]", "must add up to 1"),
        ('labels = ["left", "right"]', 'labels = ["left", "left"]', "a label is there twice"),
        ("thresholds = []", "thresholds = [0.5, 0.5]", "thresholds are chosen by the training"),
        ("epochs = 4", "epochs = = 4", "is no TOML"),
    ],
)
def test_a_configuration_that_cannot_be_is_one_line(tmp_path: Path, before: str, after: str, said: str) -> None:
    text = config_text(tiny_config("temporal", borrowed_gaze=True))
    assert before in text
    file = tmp_path / "c.toml"
    file.write_text(text.replace(before, after))

    with pytest.raises(ModelError, match=said) as caught:
        family.read_recipe(str(file))
    assert "\n" not in str(caught.value)


def test_a_recipe_that_is_not_there_is_one_line_with_those_that_are() -> None:
    with pytest.raises(ModelError, match="gaze_classifier_small_static"):
        family.read_recipe("gaze_classifier_huge")
