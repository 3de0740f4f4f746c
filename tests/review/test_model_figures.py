"""The few figures of one model beside one reading, from a real comparison's report."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from ctgaze_app.review.model_figures import CEILINGS, SHOWN, ModelFigures, model_figures
from models.metrics import comparison
from models.metrics.measures import MEASURES
from models.scanpath import Scanpath, Source

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])


def _path(who: str, trial: str, seed: int, source: Source = "reader") -> Scanpath:
    rng = np.random.default_rng(seed)
    voxel = np.column_stack([rng.uniform(5, 35, 12), rng.uniform(5, 35, 12), rng.uniform(0, 11, 12)])
    return Scanpath.from_voxels(
        voxel, rng.uniform(0.1, 0.6, 12), shape_kji=(12, 40, 40), who=who, case="c1", affine_lps=AFFINE, trial=trial,
        source=source,
    )  # fmt: skip


def _report(*paths: Scanpath) -> dict[str, object]:
    return json.loads(json.dumps(comparison.compare(paths).to_dict()))  # type: ignore[no-any-return]


MODEL = (_path("m", "sample 1", 3, "model"), _path("m", "sample 2", 4, "model"))


@pytest.fixture(scope="module")
def two_readers() -> ModelFigures:
    return model_figures(_report(_path("r1", "s1:1", 1), _path("r2", "s2:1", 2), *MODEL), "s1:1", "m")


def test_every_measure_has_the_mean_of_the_sampled_paths_against_this_reading(two_readers: ModelFigures) -> None:
    assert [row.key for row in two_readers.rows] == [shown[0] for shown in SHOWN]
    for row in two_readers.rows:
        assert len(row.of_each_path) == 2
        assert row.model == pytest.approx(sum(row.of_each_path) / 2)
    direct = comparison.compare([_path("r1", "s1:1", 1), *MODEL])
    expected = [pair.scores["scanmatch"] for pair in direct.pairs if pair.candidate == "m (model)"]
    assert two_readers.rows[0].of_each_path == pytest.approx(expected)


def test_the_ceiling_is_the_other_reader_beside_this_one(two_readers: ModelFigures) -> None:
    assert two_readers.ceiling_name == "between readers" and two_readers.ceiling_note == ""
    pairs = comparison.compare([_path("r1", "s1:1", 1), _path("r2", "s2:1", 2)]).pairs
    assert two_readers.rows[0].ceiling == pytest.approx(pairs[0].scores["scanmatch"])


def test_with_one_reader_there_is_no_ceiling_and_the_reason_is_said() -> None:
    found = model_figures(_report(_path("r1", "s1:1", 1), *MODEL), "s1:1", "m")
    assert math.isnan(found.rows[0].ceiling)
    assert found.ceiling_note == "not available: only r1 read these cases, each once"


def test_the_highest_floor_is_named_and_missing_floors_say_why(two_readers: ModelFigures) -> None:
    row = two_readers.rows[0]
    name, value = row.highest_floor
    assert value == max(value for value in row.floors.values() if math.isfinite(value)) == row.floors[name]
    assert "another patient" in two_readers.floor_notes["Markov reader"]
    assert "Markov reader" not in row.floors


def test_another_reading_or_no_report_is_refused() -> None:
    report = _report(_path("r1", "s1:1", 1), *MODEL)
    with pytest.raises(ValueError, match="nothing compares m with s9:1"):
        model_figures(report, "s9:1", "m")
    with pytest.raises(ValueError, match="no report"):
        model_figures({"pairs": [{}]}, "s1:1", "m")


def test_keys_and_ceilings_are_those_of_the_comparison() -> None:
    known = {measure.key for measure in MEASURES if measure.higher_is_better}
    assert {shown[0] for shown in SHOWN} <= known
    assert set(CEILINGS) <= set(comparison.CEILINGS)
