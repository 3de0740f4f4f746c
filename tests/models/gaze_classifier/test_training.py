"""A whole run: learns what can be seen, chooses by validation, repeats, resumes, and refuses in one line."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from models.datasets.splits import Split
from models.errors import Cancelled, ModelError
from models.gaze_classifier import family
from models.gaze_classifier.inference import maps_of
from models.gaze_classifier.prepared_pictures import prepare
from models.gaze_classifier.training import train
from models.gaze_classifier.unet import GazeUnet
from models.predictions import SaliencyPrediction
from tests.models.gaze_classifier.trained_cases import SIDES, spotted_case, spotted_split, tiny_config


@pytest.mark.parametrize("kind", ["baseline", "temporal", "static", "static_baseline"])
def test_every_kind_learns_what_can_be_seen_and_leaves_a_model(tmp_path: Path, kind: str) -> None:
    share = {"classification_share": 0.5} if kind == "static" else {}
    split = spotted_split()

    result = train(tiny_config(kind, settings={"dropout": 0.0}, epochs=6, **share), split, tmp_path / "m")

    model = family.load(tmp_path / "m")
    assert result.figures["val/auroc"] > 0.9
    assert len(model.network.settings.thresholds) == len(SIDES)
    assert model.card.task == model.network.settings.task
    assert model.card.training.patients == {"train": 32, "validation": 8, "test": 8}
    row = family.evaluate([model], split.test, resamples=50).tables[0].rows
    assert next(iter(row.values())).measures["mean AUROC"].value > 0.9


def test_the_static_network_learns_where_readers_look(tmp_path: Path) -> None:
    split = spotted_split(48)
    train(tiny_config("static", classification_share=0.1, epochs=10, monitor="val/map"), split, tmp_path / "m")
    network = family.load(tmp_path / "m").network
    assert isinstance(network, GazeUnet)

    gaze, _ = maps_of(network, prepare(split.test, network.settings))

    assert gaze is not None
    across = np.array([one.sum(axis=0) for one in gaze])
    centres = (across * np.arange(32)).sum(axis=1) / across.sum(axis=1) / 32
    is_right = np.array([case.labels["right"] for case in split.test], dtype=bool)
    assert centres[is_right].min() > centres[~is_right].max()


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(tmp_path: Path) -> None:
    split = spotted_split(16, 4, 0)
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(tiny_config("temporal", epochs=2, seed=seed), split, tmp_path / name)

    a, b, c = (family.load(tmp_path / name).network.state_dict() for name in "abc")

    assert all(torch.equal(a[name], b[name]) for name in a)
    assert not all(torch.equal(a[name], c[name]) for name in a)


def test_a_stopped_run_goes_on_as_if_never_stopped(tmp_path: Path) -> None:
    split = spotted_split(16, 4, 0)
    config = tiny_config("baseline", epochs=3, augmentation={"shift": 0.1, "noise": 0.05})
    train(config, split, tmp_path / "whole")
    seen: list[int] = []
    with pytest.raises(Cancelled):
        train(
            config,
            split,
            tmp_path / "stopped",
            cancelled=lambda: len(seen) > 0,
            progress=lambda state: seen.extend([1] * state.validated),
        )

    train(config, split, tmp_path / "stopped", resume=True)

    whole, stopped = (family.load(tmp_path / name).network.state_dict() for name in ("whole", "stopped"))
    assert all(torch.equal(whole[name], stopped[name]) for name in whole)


def test_the_test_part_is_never_opened(tmp_path: Path) -> None:
    def never() -> Any:
        raise AssertionError("a test picture was loaded")

    split = spotted_split(16, 4, 4)
    closed = replace(split, test=tuple(replace(case, load=never) for case in split.test))

    train(tiny_config("baseline", epochs=1), closed, tmp_path / "m")


def test_gaze_dropout_gives_a_model_that_also_goes_by_the_picture_alone(tmp_path: Path) -> None:
    config = tiny_config(
        "temporal", settings={"without_gaze": "image_only", "dropout": 0.0}, gaze_dropout=0.5, epochs=6
    )
    split = spotted_split()
    train(config, split, tmp_path / "m")
    model = family.load(tmp_path / "m")

    rows = family.evaluate([model], split.test, resamples=20).tables[0].rows

    assert rows["tiny, no gaze"].measures["mean AUROC"].value > 0.9
    assert any("goes by the picture alone" in limit for limit in model.card.limits)


def test_borrowed_gaze_says_on_the_card_that_it_is_a_control(tmp_path: Path) -> None:
    train(tiny_config("temporal", borrowed_gaze=True, epochs=1), spotted_split(16, 4, 0), tmp_path / "m")

    assert (
        "A control: every picture had the gaze on another patient's" in family.load(tmp_path / "m").card.training.data
    )


def test_pictures_without_gaze_teach_the_static_network_their_findings_alone(tmp_path: Path) -> None:
    mixed = spotted_split(16, 4, 0)
    mixed = replace(
        mixed, train=tuple(replace(case, gaze=None) if n % 2 else case for n, case in enumerate(mixed.train))
    )

    train(tiny_config("static", classification_share=0.5, epochs=1), mixed, tmp_path / "m")

    found = family.predict(family.load(tmp_path / "m"), mixed.train[0].load(), options={})
    assert isinstance(found, SaliencyPrediction)
    assert "8 of them with gaze" in family.load(tmp_path / "m").card.training.data


def one_sided(split: Split[Any]) -> Split[Any]:
    return replace(split, validation=tuple(case for case in split.validation if case.labels["left"]))


@pytest.mark.parametrize(
    ("kind", "training", "change", "said"),
    [
        ("baseline", {}, one_sided, "every picture of the validation part has left"),
        (
            "temporal",
            {},
            lambda split: replace(split, train=(spotted_case(3, gaze=False), *split.train[:3])),
            "spot 3: no fixation lies on its picture",
        ),
        (
            "static",
            {"classification_share": 0.5},
            lambda _: spotted_split(8, 4, 0, gaze=False),
            "nobody looked at a picture of the training part",
        ),
        (
            "baseline",
            {},
            lambda split: replace(split, train=(replace(split.train[0], labels={"up": 1}), *split.train[1:])),
            "spot 0: has the labels up, not left, right",
        ),
        (
            "baseline",
            {},
            lambda split: replace(split, validation=(replace(split.validation[0], patient="s0001"), *split.validation)),
            "patient s0001 is in",
        ),
        ("baseline", {"learning_rate": 1e30, "epochs": 3}, lambda split: split, "the loss is|val/auroc is nan"),
    ],
)
def test_what_cannot_be_trained_on_is_one_line(
    tmp_path: Path, kind: str, training: dict[str, Any], change: Any, said: str
) -> None:
    with pytest.raises(ModelError, match=said) as caught:
        train(tiny_config(kind, **training), change(spotted_split(8, 4, 0)), tmp_path / "m")
    assert "\n" not in str(caught.value)


def test_a_model_to_start_from_must_be_of_the_same_network(tmp_path: Path) -> None:
    split = spotted_split(8, 4, 0)
    train(tiny_config("baseline", epochs=1), split, tmp_path / "a")

    train(tiny_config("baseline", epochs=1), split, tmp_path / "b", initial=tmp_path / "a")
    with pytest.raises(ModelError, match="is another network: hidden 8, not 9"):
        train(tiny_config("baseline", settings={"hidden": 9}), split, tmp_path / "c", initial=tmp_path / "a")
