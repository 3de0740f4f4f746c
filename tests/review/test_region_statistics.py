"""The published tests exactly, the better ones beside them, and one table of all."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from statsmodels.stats.multitest import multipletests

from ctgaze_app.review.crossed_designs import crossed_mixed_model
from ctgaze_app.review.region_statistics import PUBLISHED_PAIRS, SUM, published_t_test, region_statistics

REGIONS = ("left lung", "right lung", "heart")


def one_reader(images: int = 20, seed: int = 0) -> pd.DataFrame:
    """Counts as in the chest X-ray set: one reader, three conditions, pneumonia with two more fixations a lung."""
    random = np.random.default_rng(seed)
    rows = []
    for number in range(3 * images):
        condition = ("normal", "pneumonia", "CHF")[number % 3]
        for region in REGIONS:
            mean = 3.0 + 2.0 * (condition == "pneumonia" and region != "heart")
            rows.append(("s", "r1", number + 1, f"c{number}", region, int(random.poisson(mean)), condition))
    return pd.DataFrame(rows, columns=["session", "reader", "trial", "case", "region", "n_fixations", "condition"])


def row_of(table: pd.DataFrame, region: str, pair: tuple[str, str]) -> pd.Series:
    found = table[(table["region"] == region) & (table["first"] == pair[0]) & (table["second"] == pair[1])]
    assert len(found) == 1
    return found.iloc[0]


def test_the_published_test_by_hand() -> None:
    # Images without a hit drop out: (2, 4, 6) against (5, 7, 9). Means 4 and 7, pooled variance 4, t = -3 / sqrt(8/3).
    found = published_t_test([2, 0, 4, 6], [5, 7, 0, 9, 0])
    assert (found.n_first, found.n_second, found.mean_first, found.mean_second) == (3, 3, 4.0, 7.0)
    assert found.t == pytest.approx(-3 / np.sqrt(8 / 3))
    assert found.p_value == pytest.approx(2 * stats.t.sf(3 / np.sqrt(8 / 3), 4))


def test_the_published_test_without_enough_images_is_unknown() -> None:
    for first, second in (([0, 0], [1, 2]), ([1], [2]), ([], []), ([2, 2], [2, 2])):
        assert np.isnan(published_t_test(first, second).p_value)


def test_the_three_published_pairs_are_tested_per_box_and_on_the_sum() -> None:
    data = one_reader()
    result = region_statistics(data, resamples=200)
    assert result.pairs == PUBLISHED_PAIRS
    assert len(result.table) == 3 * (1 + len(REGIONS))
    assert result.table["region"].tolist()[:3] == [SUM] * 3
    wide = data.pivot(index="case", columns="region", values="n_fixations").assign(
        condition=data.drop_duplicates("case").set_index("case")["condition"]
    )
    wide[SUM] = wide[list(REGIONS)].sum(axis=1)
    for region in (*REGIONS, SUM):
        for pair in PUBLISHED_PAIRS:
            a, b = (wide.loc[(wide["condition"] == name) & (wide[region] > 0), region] for name in pair)
            expected = stats.ttest_ind(a, b, equal_var=True)
            found = row_of(result.table, region, pair)
            assert found["published_t"] == pytest.approx(expected.statistic)
            assert found["published_p_value"] == pytest.approx(expected.pvalue)
            assert (found["published_n_first"], found["n_first"]) == (len(a), 20)


def test_the_corrected_tests_keep_images_without_a_hit() -> None:
    data = one_reader()
    data.loc[data["condition"] == "normal", "n_fixations"] = [0, 2, 5] * 20
    found = row_of(region_statistics(data, resamples=100).table, REGIONS[0], ("normal", "pneumonia"))
    assert (found["published_n_first"], found["n_first"]) == (0, 20)
    assert np.isnan(found["published_p_value"]) and found["mean_first"] == 0.0


def test_moments_are_neither_summed_nor_put_to_the_published_test() -> None:
    data = one_reader().rename(columns={"n_fixations": "first_entry_s"}).astype({"first_entry_s": float})
    data.loc[data["region"] == "heart", "first_entry_s"] = [np.nan, 1.0, 2.0] * 20
    data.loc[0, "first_entry_s"] = np.nan
    table = region_statistics(data, measure="first_entry_s", pairs=[("normal", "pneumonia")], resamples=100).table
    assert table["region"].tolist() == ["left lung", "right lung", "heart"]
    assert table["published_p_value"].isna().all()
    assert (table["published_n_first"] == 0).all()
    assert table["n_first"].tolist() == [19, 20, 0]
    assert np.isfinite(table["bootstrap_p_value"][0]) and np.isfinite(table["model_p_value"][0])


def test_corrections_take_boxes_as_one_family_and_sums_as_another() -> None:
    table = region_statistics(one_reader(), resamples=100).table
    for rows in (table[table["region"] == SUM], table[table["region"] != SUM]):
        for kind in ("published", "model", "bootstrap"):
            p = rows[f"{kind}_p_value"].to_numpy()
            assert rows[f"{kind}_p_holm"].to_numpy() == pytest.approx(multipletests(p, method="holm")[1])
            assert rows[f"{kind}_p_fdr"].to_numpy() == pytest.approx(multipletests(p, method="fdr_bh")[1])


def test_a_known_effect_is_found_where_it_is_and_nowhere_else() -> None:
    table = region_statistics(one_reader(images=40, seed=3), resamples=500).table
    for region in REGIONS:
        found = row_of(table, region, ("normal", "pneumonia"))
        real = region != "heart"
        assert (found["bootstrap_p_holm"] < 0.05) == real
        assert (found["model_p_holm"] < 0.05) == real
        assert (found["hedges_g_low"] > 0) == real
        assert found["bootstrap_low"] < 2.0 * real < found["bootstrap_high"]
    assert "one reader only" in row_of(table, "heart", ("normal", "CHF"))["model_note"]


def many_readers(seed: int) -> pd.DataFrame:
    """Six readers, three of them experts, each reads the same twenty cases; dwell share as the measure."""
    random = np.random.default_rng(seed)
    skill, hard = random.normal(0, 0.05, 6), random.normal(0, 0.05, 20)
    return pd.DataFrame(
        [
            (f"r{r}", f"c{c}", region, 0.3 + skill[r] + hard[c] + 0.2 * (r >= 3) + random.normal(0, 0.05),
             "expert" if r >= 3 else "novice")
            for r in range(6) for c in range(20) for region in ("lung", "heart")
        ],
        columns=["reader", "case", "region", "dwell_per_reading_s", "experience"],
    )  # fmt: skip


def test_groups_of_readers_are_compared_over_readers_and_cases() -> None:
    data = many_readers(1)
    result = region_statistics(data, measure="dwell_per_reading_s", group="experience", resamples=300)
    assert result.pairs == (("expert", "novice"),)
    found = row_of(result.table, "lung", ("expert", "novice"))
    lung = data[data["region"] == "lung"]
    expected = crossed_mixed_model(
        lung["dwell_per_reading_s"], lung["experience"] == "novice", lung["reader"], lung["case"]
    )
    assert found["model_difference"] == pytest.approx(expected.difference)
    assert found["model_converged"] and found["model_difference"] == pytest.approx(-0.2, abs=0.12)
    assert found["bootstrap_low"] < -0.2 < found["bootstrap_high"]


def test_the_result_goes_to_json_and_the_model_can_be_left_out() -> None:
    result = region_statistics(one_reader(), resamples=100, model=False, pairs=[("CHF", "normal")])
    plain = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    assert len(plain["tests"]) == 4 and plain["resamples"] == 100
    assert "model_p_value" not in plain["tests"][0]


def test_what_is_missing_is_named() -> None:
    data = one_reader()
    with pytest.raises(ValueError, match="no column dwell_s"):
        region_statistics(data, measure="dwell_s")
    with pytest.raises(ValueError, match="there is no group covid"):
        region_statistics(data, pairs=[("normal", "covid")])
