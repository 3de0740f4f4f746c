"""Do groups of cases (or of readers) differ in how regions were looked at: the published test, and better ones.

The published analysis of the chest X-ray gaze data (Karargyris et al. 2021, reference C8) compares three pairs of
conditions by a t-test on the number of fixations per image, once summed over all boxes and once per box. Its rule that
an image without a hit drops out is kept there, and only there. Beside it stand, on all readings: a crossed reader x
case mixed model, a two-way bootstrap, effect sizes, and corrections for the number of tests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np

from ctgaze_app.review.crossed_designs import DEFAULT_RESAMPLES, crossed_mixed_model, two_way_bootstrap
from ctgaze_app.review.effect_sizes import false_discovery_rate, hedges_g, holm
from ctgaze_app.review.plain_json import plain_json

if TYPE_CHECKING:
    import pandas as pd

PUBLISHED_PAIRS = (("normal", "pneumonia"), ("normal", "CHF"), ("pneumonia", "CHF"))
SUM = "sum over regions"
MOMENTS = ("first_entry_s",)
"""Measures that do not add up over regions and readings: no sum, and no published test, which is one of sums."""


@dataclass(frozen=True)
class PublishedTest:
    """`scipy.stats.ttest_ind` with equal variances, two-sided, on images with at least one hit."""

    n_first: int
    n_second: int
    mean_first: float
    mean_second: float
    t: float
    p_value: float


@dataclass(frozen=True)
class RegionStatistics:
    """The tests as a table, with what made it.

    Attributes
    ----------
    table
        One row a region (and `SUM`) and pair of groups: region, measure, first, second; ``published_*``; n, mean and
        SD of both groups on all readings; ``hedges_g`` with interval; ``model_*`` (`crossed_designs.MixedModel`);
        ``bootstrap_*``; and Holm's and Benjamini-Hochberg's p values of the published, model and bootstrap p values,
        taken over the regions and pairs as one family, the sums as another.
    """

    table: pd.DataFrame
    measure: str
    pairs: tuple[tuple[str, str], ...]
    resamples: int
    seed: int

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; what is not known is None."""
        return {
            "measure": self.measure,
            "pairs": [list(pair) for pair in self.pairs],
            "resamples": self.resamples,
            "seed": self.seed,
            "tests": plain_json(self.table.astype(object).to_dict("records")),
        }


def published_t_test(first: Sequence[float], second: Sequence[float]) -> PublishedTest:
    """The published test: images whose number is zero have dropped out; NaN with fewer than two images in a group."""
    import warnings

    from scipy import stats

    a, b = (np.asarray(each, dtype=np.float64) for each in (first, second))
    a, b = a[a > 0], b[b > 0]
    means = [float(each.mean()) if len(each) else float("nan") for each in (a, b)]
    if min(len(a), len(b)) < 1 or len(a) + len(b) < 3 or (np.ptp(a) == 0 and np.ptp(b) == 0):
        return PublishedTest(len(a), len(b), means[0], means[1], float("nan"), float("nan"))
    with warnings.catch_warnings():
        # Counts that are all the same in one group are exact, not imprecise.
        warnings.filterwarnings("ignore", message="Precision loss occurred", category=RuntimeWarning)
        result = stats.ttest_ind(a, b, equal_var=True)
    return PublishedTest(len(a), len(b), means[0], means[1], float(result.statistic), float(result.pvalue))


def region_statistics(
    table: pd.DataFrame,
    *,
    measure: str = "n_fixations",
    group: str = "condition",
    pairs: Sequence[tuple[str, str]] | None = None,
    resamples: int = DEFAULT_RESAMPLES,
    seed: int = 0,
    model: bool = True,
) -> RegionStatistics:
    """Compare groups region by region.

    Parameters
    ----------
    table
        One row a reading and region: reader, case, region, `measure` and `group` (`regions.region_table` with the
        cases' conditions, or the readers' groups, joined). Rows with an unknown measure are left out.
    measure
        n_fixations for the published test; a rate or dwell for the better ones. Those in `MOMENTS` have neither sums
        nor published tests; readings that never entered a region are not in its tests.
    pairs
        (first, second) groups; differences are second minus first. None: the published pairs when all their groups
        are there, else every pair in sorted order.
    model
        False leaves the mixed model out (0.1 s for 480 readings; see `crossed_designs.MOST_MODEL_ROWS`).

    Raises
    ------
    ValueError
        When a column or a group is not in the table.
    """
    import pandas as pd

    for name in ("reader", "case", "region", measure, group):
        if name not in table.columns:
            raise ValueError(f"the table has no column {name}")
    rows = table[np.isfinite(table[measure].astype(float))]
    there = sorted(str(each) for each in rows[group].unique())
    if pairs is None:
        known = {name for pair in PUBLISHED_PAIRS for name in pair} <= set(there)
        pairs = PUBLISHED_PAIRS if known else tuple(combinations(there, 2))
    for name in dict.fromkeys(each for pair in pairs for each in pair):
        if name not in there:
            raise ValueError(f"there is no group {name} (groups: {', '.join(there)})")
    reading = [name for name in ("session", "reader", "trial", "case") if name in rows.columns]
    summed = rows.groupby([*reading, group], sort=False, as_index=False)[measure].sum().assign(region=SUM)
    results = []
    sums = [] if measure in MOMENTS else [SUM]
    for part, names in ((rows, list(table["region"].unique())), (summed, sums)):
        tests = [
            _compared(part[part["region"] == region], region, measure, group, pair, resamples, seed, model)
            for region in names
            for pair in pairs
        ]
        if tests:
            results.append(_corrected(pd.DataFrame(tests)))
    joined = pd.concat(results[::-1], ignore_index=True)
    return RegionStatistics(joined, measure, tuple((str(a), str(b)) for a, b in pairs), resamples, seed)


def _compared(
    rows: pd.DataFrame,
    region: str,
    measure: str,
    group: str,
    pair: tuple[str, str],
    resamples: int,
    seed: int,
    model: bool,
) -> dict[str, Any]:
    """One region and pair of groups."""
    of_group = rows[group].astype(str)
    chosen = rows[of_group.isin(pair)]
    second = (chosen[group].astype(str) == pair[1]).to_numpy()
    value = chosen[measure].to_numpy(np.float64)
    reader, case = chosen["reader"].to_numpy(), chosen["case"].to_numpy()
    row: dict[str, Any] = {"region": region, "measure": measure, "first": pair[0], "second": pair[1]}
    # The published unit is the image: its fixations of all readings together.
    counted = chosen.iloc[:0] if measure in MOMENTS else chosen
    images = counted.groupby(["case", group], sort=False)[measure].sum()
    image_group = images.index.get_level_values(1).astype(str)
    published = published_t_test(images[image_group == pair[0]].tolist(), images[image_group == pair[1]].tolist())
    row |= {f"published_{name}": each for name, each in asdict(published).items()}
    for name, mine in (("first", value[~second]), ("second", value[second])):
        row[f"n_{name}"] = len(mine)
        row[f"mean_{name}"] = float(mine.mean()) if len(mine) else float("nan")
        row[f"sd_{name}"] = float(mine.std(ddof=1)) if len(mine) > 1 else float("nan")
    effect = hedges_g(value[~second], value[second])
    row |= {"hedges_g": effect.g, "hedges_g_low": effect.low, "hedges_g_high": effect.high}
    if model:
        row |= {
            f"model_{name}": each for name, each in asdict(crossed_mixed_model(value, second, reader, case)).items()
        }
    bootstrap = two_way_bootstrap(value, second, reader, case, resamples=resamples, seed=seed)
    return row | {f"bootstrap_{name}": each for name, each in asdict(bootstrap).items()}


def _corrected(tests: pd.DataFrame) -> pd.DataFrame:
    """The same with corrected p values, as one family."""
    for kind in ("published", "model", "bootstrap"):
        if f"{kind}_p_value" in tests.columns:
            p = tests[f"{kind}_p_value"].to_numpy(np.float64)
            tests[f"{kind}_p_holm"] = holm(p)
            tests[f"{kind}_p_fdr"] = false_discovery_rate(p)
    return tests
