"""What the tests of training share: a tiny network, its configuration, and random cases."""

from __future__ import annotations

import json

from models.ct_searcher.config import SearcherConfig
from models.ct_searcher.settings import SearcherSettings
from models.datasets.case import TrainingCase
from models.datasets.splits import Split
from models.training.recipes import parse_recipe
from tests.models.datasets.training_cases import a_case, a_path

TINY = """
[model]
name = "tiny"
version = "1"
limits = ["a test"]
licence = "Apache-2.0"
[model.settings]
grid_kji = [2, 2, 2]
max_steps = 16
width = 12
heads = 2
encoder_layers = 1
decoder_layers = 1
feed_forward = 12
feature_channels = 4
encoder = "small"
input_shape_kji = [4, 4, 4]
autoregressive = true
offsets = true
dwell_head = true
readers = ["r1", "r2"]
[[data.source]]
kind = "simulated"
count = 4
"""


def tiny(rest: str = "", **training: object) -> SearcherConfig:
    """With these fields of the training table, and further tables."""
    fields = {"epochs": 2, "cases_per_batch": 1, "learning_rate": 0.01, **training}
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in fields.items())
    return parse_recipe(f"{TINY}[training]\n{lines}\n{rest}".encode(), SearcherConfig, place="tiny.toml")


def tiny_settings(**changes: object) -> SearcherSettings:
    return tiny().model.settings.model_copy(update=changes)


def patients(count: int, first: int = 0) -> tuple[TrainingCase, ...]:
    """Cases of one patient each, two readers on each."""
    return tuple(
        a_case(
            f"p{number}",
            seed=number,
            paths=[a_path(10 * number + n, who=f"r{n}", case=f"p{number}", count=6 + n) for n in (1, 2)],
        )
        for number in range(first, first + count)
    )


def a_split() -> Split[TrainingCase]:
    """Three patients to train, two to validate; the test part's volume cannot be opened."""
    return Split(patients(3), patients(2, 3), (unopened(),), seed=1)


def unopened() -> TrainingCase:
    def refuse() -> None:
        raise AssertionError("the test part was opened")

    case = patients(1, 9)[0]
    object.__setattr__(case, "load", refuse)
    return case
