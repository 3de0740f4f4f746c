"""A run learns what shows, chooses epoch and thresholds on validation patients, and goes on as if never stopped."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from models.card import read_card
from models.ct_scroll import family
from models.ct_scroll.config import ScrollAugmentationTable, ScrollConfig
from models.ct_scroll.lightning_module import augmented
from models.ct_scroll.prepared import PreparedVolumes, truth_of
from models.ct_scroll.preprocessing import scroll_input
from models.ct_scroll.training import chosen_thresholds
from models.datasets.splits import Split
from models.errors import Cancelled, ModelError
from models.training.card import training_card
from models.training.recipes import config_text, parse_recipe
from tests.models.ct_scroll.made_chests import LABELS, labelled, saved_model, tiny_network, tiny_settings


def config(**training) -> ScrollConfig:
    table = {"epochs": 2, "volumes_per_batch": 2, "learning_rate": 2e-3, "accelerator": "cpu", **training}
    return ScrollConfig.model_validate(
        {
            "model": {"name": "tiny", "version": "1", "limits": ("A test.",), "licence": "none",
                      "settings": tiny_settings(projection_dropout=0.0, classifier_dropout=0.0)},
            "data": {"source": ({"kind": "simulated", "count": 1},)},
            "training": table,
        }
    )  # fmt: skip


def split() -> Split:
    return Split(
        tuple(labelled(number) for number in range(12)),
        tuple(labelled(number) for number in range(20, 28)),
        (labelled(30),),
    )


@pytest.fixture(scope="module")
def prepared() -> tuple[PreparedVolumes, PreparedVolumes]:
    settings = config().model.settings
    return PreparedVolumes.of(split().train, settings), PreparedVolumes.of(split().validation, settings)


@pytest.fixture(scope="module")
def trained(tmp_path_factory, prepared):
    out = tmp_path_factory.mktemp("run") / "m"
    result = family.train(config(epochs=6), split(), out, prepared=prepared)
    return out, result


def test_a_run_writes_a_model_with_its_card(trained):
    out, result = trained
    card = read_card(out)
    assert (card.architecture, card.task, card.name) == ("ct_scroll", "classification", "tiny")
    assert card.training.patients == {"train": 12, "validation": 8, "test": 1}
    assert f"Epoch {result.best_epoch} was the best on 8 validation volumes" in card.training.data
    assert card.training.seeds == (0, 1, 1)
    model = family.load(out)
    assert len(model.network.settings.thresholds) == 2
    assert {"config.toml", "split.csv", "card.toml", "model.safetensors"} <= {path.name for path in out.iterdir()}


def test_what_shows_is_learned(trained):
    _, result = trained
    assert result.figures["val/auroc"] > 0.8


def test_thresholds_are_the_validation_parts_best(trained, prepared):
    from models.ct_scroll.training import probabilities

    model = family.load(trained[0])
    found, unseen = chosen_thresholds(prepared[1].truth, probabilities(model.network, prepared[1]), LABELS)
    assert model.network.settings.thresholds == pytest.approx(found, abs=1e-6)
    assert unseen == ()


def test_a_label_that_no_validation_patient_has_is_said():
    truth = np.array([[1, 0], [0, 0]], np.float32)
    assert chosen_thresholds(truth, np.array([[0.8, 0.3], [0.2, 0.4]]), LABELS) == ((0.5, 0.5), ("effusion",))


def test_a_run_that_was_stopped_goes_on_as_if_never_stopped(tmp_path: Path, prepared):
    whole = family.train(config(epochs=3), split(), tmp_path / "whole", prepared=prepared)
    said: list[int] = []

    def stop() -> bool:
        return len(said) >= 1

    def watch(state) -> None:
        if state.validated:
            said.append(state.epoch)

    with pytest.raises(Cancelled):
        family.train(config(epochs=3), split(), tmp_path / "cut", prepared=prepared, progress=watch, cancelled=stop)
    again = family.train(config(epochs=3), split(), tmp_path / "cut", prepared=prepared, resume=True)
    assert again.best_epoch == whole.best_epoch
    ours, theirs = (family.load(tmp_path / name).network.state_dict() for name in ("cut", "whole"))
    assert all(torch.equal(value, theirs[name]) for name, value in ours.items())


def test_one_seed_one_result(tmp_path: Path, prepared, trained):
    family.train(config(epochs=6), split(), tmp_path / "m", prepared=prepared)
    ours, theirs = (family.load(folder).sha256 for folder in (tmp_path / "m", trained[0]))
    assert ours == theirs


def test_a_run_can_start_from_another_model(tmp_path: Path, prepared):
    saved_model(tmp_path / "start", projection_dropout=0.0, classifier_dropout=0.0, labels=("x", "y"))
    slow = config(epochs=1, learning_rate=1e-12, weight_decay=0.0)
    family.train(slow, split(), tmp_path / "m", prepared=prepared, initial=tmp_path / "start")
    wanted = tiny_network().state_dict()["blocks.0.global_block.attention.in_proj_weight"]
    found = family.load(tmp_path / "m").network.state_dict()["blocks.0.global_block.attention.in_proj_weight"]
    torch.testing.assert_close(found, wanted, atol=1e-8, rtol=0)
    saved_model(tmp_path / "wide", embedding=32)
    with pytest.raises(ModelError, match="is another network: embedding 32, not 16"):
        family.train(slow, split(), tmp_path / "n", prepared=prepared, initial=tmp_path / "wide")


def test_a_folder_that_is_taken_is_refused_before_anything_is_prepared(tmp_path: Path):
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "notes.txt").write_text("mine")
    told: list[int] = []
    with pytest.raises(ModelError, match="is not empty"):
        family.train(config(), split(), tmp_path / "m", preparing=lambda done, _: told.append(done))
    assert told == []


def test_more_than_memory_is_kept_in_the_users_cache_where_no_folder_is_named(tmp_path: Path, monkeypatch):
    monkeypatch.setattr("models.ct_scroll.training.user_cache_path", lambda name: tmp_path / name)
    monkeypatch.setitem(PreparedVolumes.of.__func__.__kwdefaults__, "memory_bytes", 1000)
    seen: list[int] = []
    family.train(
        config(epochs=1), split(), tmp_path / "m",
        preparing=lambda *_: seen.append(len(list((tmp_path / "ctgaze" / "training").glob("inputs_*.npy")))),
    )  # fmt: skip
    assert max(seen) == 2


def test_a_leak_between_parts_is_refused(tmp_path: Path):
    leaking = Split((labelled(1), labelled(2)), (labelled(2),), ())
    with pytest.raises(ModelError, match="patient p2 is in train"):
        family.train(config(), leaking, tmp_path / "m")


def test_a_loss_that_is_no_number_is_one_line(tmp_path: Path, prepared):
    with pytest.raises(ModelError, match="no number"):
        family.train(config(learning_rate=1e30), split(), tmp_path / "m", prepared=prepared)


def test_prepared_volumes_are_the_inputs_of_the_network(prepared):
    train, _ = prepared
    inputs, truth = train[3]
    wanted = scroll_input(labelled(3).load(), config().model.settings).values
    np.testing.assert_allclose(inputs, wanted, atol=3e-4)
    assert truth.tolist() == [1, 1]
    assert train.in_memory
    assert train.volume_sha256["c3"] == labelled(3).load().digest()


def test_more_than_memory_goes_to_a_file_that_is_deleted_afterwards(tmp_path: Path, prepared):
    cases = split().train[:2]
    found = PreparedVolumes.of(cases, config().model.settings, folder=tmp_path, memory_bytes=1000)
    assert not found.in_memory
    assert np.array_equal(found[1][0], prepared[0][1][0])
    del found
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ModelError, match="name a folder for them"):
        PreparedVolumes.of(cases, config().model.settings, memory_bytes=1000)


def test_cases_without_a_label_are_one_line():
    with pytest.raises(ModelError, match=r"made chest 4: nothing says whether case c4 has 'effusion'"):
        truth_of([labelled(3), labelled(4, {"nodule": 1})], LABELS)


def test_augmentation_moves_and_lightens_and_keeps_the_range():
    volumes = torch.full((2, 6, 20, 20), -0.449)
    volumes[:, 2:4, 8:12, 8:12] = 0.3
    assert augmented(volumes, ScrollAugmentationTable()) is volumes
    torch.manual_seed(1)
    moved = augmented(volumes, ScrollAugmentationTable(translate_voxels=2))
    assert moved.shape == volumes.shape
    assert not torch.equal(moved[0], moved[1])
    assert moved[0].sum() == pytest.approx(float(volumes[0].sum()), abs=1e-3)
    noisy = augmented(volumes, ScrollAugmentationTable(shift=0.2, noise=0.2))
    assert float(noisy.min()) >= -0.4491
    assert float(noisy.max()) <= 0.5511


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[model]", r"model\.name: Field required"),
        ('[training]\nmonitor = "test/auroc"', "the test part is never looked at"),
        ("[training]\nvolumes_per_batch = 0", "training.volumes_per_batch"),
        ("[data]\nshares = [0.5, 0.1, 0.1]", "must add up to 1"),
        ('[[data.source]]\nkind = "mimic"', "data.source.0"),
        ('[[data.source]]\nkind = "ct-rate"', "labels: Field required"),
        ("[model.settings]\nthresholds = [0.5]\nlabels = ['a']", "chosen on validation patients"),
    ],
)
def test_configurations_that_cannot_be_are_one_line(text: str, said: str):
    source = '[[data.source]]\nkind = "simulated"\ncount = 3\n'
    whole = f'[model]\nname = "a"\nversion = "1"\nlimits = ["x"]\nlicence = "x"\n[model.settings]\n[data]\n{source}'
    table = text.splitlines()[0]
    if table == "[[data.source]]":
        merged = whole.replace(source, text)
    elif table in whole and text != "[model]":
        merged = whole.replace(table, text, 1)
    else:
        merged = whole.replace("[model]\nname", "[model]\nnom", 1) if text == "[model]" else whole + text
    with pytest.raises(ModelError, match=said) as caught:
        parse_recipe(merged.encode(), ScrollConfig, place="r.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["ct_scroll_small", "ct_scroll_published"])
def test_shipped_recipes_are_read_and_survive_their_text(name: str):
    recipe = family.read_recipe(name)
    assert parse_recipe(config_text(recipe).encode(), ScrollConfig, place=name) == recipe
    if name == "ct_scroll_published":
        assert recipe.model.settings == recipe.model.settings.__class__()


def test_the_recipes_digest_on_a_card_is_the_same_on_every_computer(tmp_path: Path):
    recipe = family.read_recipe("ct_scroll_small")
    elsewhere = recipe.model_copy(update={"data": recipe.data.model_copy(update={"cache": tmp_path})})
    ours, theirs = (training_card(one, split(), data="Made.", seeds=()) for one in (recipe, elsewhere))
    assert config_text(recipe) != config_text(elsewhere)
    assert ours.recipe_sha256 == theirs.recipe_sha256


def test_made_patients_are_dealt_by_their_bands(tmp_path: Path, monkeypatch):
    from models.ct_scroll import cases as module

    def fake(count, *, first_seed, draws, folder, workers, progress):
        assert draws == (3 if first_seed == 0 else 1)
        progress(count, count)
        part = {0: "train", 1: "validation", 2: "test"}[first_seed // 1_000_000]
        assert folder == tmp_path / "patients"
        return [labelled(first_seed + number, part=part) for number in range(count)]

    monkeypatch.setattr(module, "labelled_cases", fake)
    told: list[tuple[int, int]] = []
    dealt = family.cases_of(family.read_recipe("ct_scroll_small"), cache=tmp_path, progress=lambda *d: told.append(d))
    counts = [len(dealt.part(part)) for part in ("train", "validation", "test")]
    assert [done for done, _ in told] == [counts[0], counts[0] + counts[1], sum(counts)]
    assert dealt.validation[0].case == "c1000000"
