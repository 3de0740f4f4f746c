"""Training configurations: shipped recipes, published constants, and one line for everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.ct_searcher.config import LossTable, SearcherConfig, read_recipe
from models.ct_searcher.losses import LossWeights
from models.errors import ModelError
from models.training.recipes import config_text, parse_recipe, read_recipe_file
from models.training.run_folder import differences

SMALLEST = """
[model]
name = "tiny"
version = "1"
limits = ["a test"]
licence = "Apache-2.0"
[model.settings]
encoder = "small"
[[data.source]]
kind = "simulated"
count = 4
"""


def parsed(text: str) -> SearcherConfig:
    return parse_recipe(text.encode(), SearcherConfig, place="run.toml")


def test_the_defaults_are_the_published_constants() -> None:
    table = parsed(SMALLEST).training
    assert (table.learning_rate, table.betas, table.eps, table.weight_decay) == (1e-4, (0.9, 0.98), 1e-9, 5e-5)
    assert (table.epochs, table.gradient_clip, table.schedule) == (40, None, "linear")
    assert table.warm_up_share == 1 / table.epochs
    assert table.monitor == "val/place"


def test_loss_weights_have_one_default() -> None:
    assert LossWeights(**LossTable().model_dump()) == LossWeights()


@pytest.mark.parametrize("name", ["ct_searcher_small", "ct_searcher_published"])
def test_every_shipped_recipe_is_valid_and_research_only(name: str) -> None:
    recipe = read_recipe(name)
    assert any("research only" in limit for limit in recipe.model.limits)


def test_the_published_recipe_is_the_published_network() -> None:
    recipe = read_recipe("ct_searcher_published")
    settings, table = recipe.model.settings, recipe.training
    assert settings.faithful
    assert (settings.grid_kji, settings.max_steps, settings.width) == ((8, 8, 8), 400, 768)
    assert (settings.encoder_layers, settings.decoder_layers, settings.dropout) == (6, 6, 0.2)
    assert (table.precision, table.epochs, table.schedule) == ("16-mixed", 40, "linear")


def test_a_configuration_survives_writing_and_reading(tmp_path: Path) -> None:
    text = SMALLEST + '[[data.source]]\nkind = "sessions"\nfolders = ["a b"]\n[self_critical]\nepochs = 2\n'
    (tmp_path / "run.toml").write_text(text)
    config = read_recipe_file(tmp_path / "run.toml", SearcherConfig)
    again = parsed(config_text(config))
    assert again == config
    assert differences(again, config) == []


def test_paths_count_from_the_files_folder(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(SMALLEST + '[[data.source]]\nkind = "lifted"\ncount = 1\nfolder = "egd"\n')
    source = read_recipe_file(tmp_path / "run.toml", SearcherConfig).data.source[1]
    assert source.folder == tmp_path / "egd"  # type: ignore[union-attr]


def test_differences_name_what_a_resumed_run_must_not_change() -> None:
    before = parsed(SMALLEST + "[training]\nepochs = 2\nlearning_rate = 0.1\n")
    now = parsed(SMALLEST.replace("count = 4", "count = 5") + "[training]\nepochs = 9\nlearning_rate = 0.2\n")
    assert differences(before, now) == ["data.source", "training.learning_rate"]


TRAINING = SMALLEST + "[training]\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "model: Field required (1 more)"),
        ("[model", "is no TOML: Expected ']' at the end of a table declaration"),
        ("a = '\udcff'", "is no TOML: 'utf-8' codec can't decode"),
        ("x = " + "[" * 9000, "is no TOML: "),
        (SMALLEST.replace('version = "1"', ""), "model.version: Field required"),
        (SMALLEST.replace('"tiny"', '"../tiny"'), "model.name: String should match pattern"),
        (SMALLEST.replace("count = 4", 'count = "4"'), "data.source.0.simulated.count: Input should be a valid i"),
        (SMALLEST.replace("count = 4", "count = 0"), "data.source.0.simulated.count: Input should be greater than or"),
        (SMALLEST.replace('"simulated"', '"made up"'), "data.source.0: Input tag 'made up'"),
        (SMALLEST.replace('encoder = "small"', "width = 100"), "model.settings: width 100 must divide by 6"),
        (SMALLEST.replace('encoder = "small"', ""), 'the file: encoder = "given" needs a table data.feat'),
        (
            SMALLEST.replace('encoder = "small"', "") + '[data.features]\nweights = "w.pt"\nfaithful = true\n',
            "the file: data.features.faithful must be as model.settings.faithful",
        ),
        (TRAINING + "epoch = 3", "training.epoch: Extra inputs are not permitted"),
        (TRAINING + "learning_rate = nan", "training.learning_rate: Input should be"),
        (TRAINING + "learning_rate = inf", "training.learning_rate: Input should be"),
        (TRAINING + "epochs = true", "training.epochs: Input should be a valid integer"),
        (TRAINING + "betas = [0.9, 1.0]", "training.betas: (0.9, 1.0) must lie from 0 to under 1"),
        (TRAINING + 'monitor = "test/place"', "training.monitor: 'test/place' is not among val/total"),
        (TRAINING + 'monitor = "val/dwell"', "the file: training.monitor val/dwell is not computed"),
        (TRAINING + "reader_dropout = 0.5", "the file: training.reader_dropout has no use"),
        (TRAINING + "seed = 2020-01-01", "training.seed: Input should be a valid integer"),
        (SMALLEST + "[data]\nshares = [0.5, 0.6, 0.0]", "data: shares (0.5, 0.6, 0.0) must add up to 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_one_line_with_file_and_field(text: str, said: str) -> None:
    with pytest.raises(ModelError) as raised:
        parse_recipe(text.encode("utf-8", "surrogateescape"), SearcherConfig, place="run.toml")
    assert str(raised.value).startswith(f"run.toml: {said}")
    assert "\n" not in str(raised.value)
