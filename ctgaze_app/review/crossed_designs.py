"""Differences between groups when readers and cases are both samples: a mixed model and a two-way bootstrap.

Fixations of one reader, and fixations on one case, are not independent: a t-test over them takes each for new
evidence. Here readers and cases vary, both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

MOST_MODEL_ROWS = 800
"""The model matrices are dense: 480 rows take 0.1 s, 1,500 take 14 s."""

DEFAULT_RESAMPLES = 2000


@dataclass(frozen=True)
class MixedModel:
    """value ~ group + (1 | reader) + (1 | case), by restricted maximum likelihood.

    `difference` is second group minus first, with standard error, 95 % interval and p value of Wald's z (it does not
    know how few readers there are: with fewer than about ten it is too sure). `reader_sd`, `case_sd` and
    `residual_sd`; NaN for a factor that the data cannot tell from the residual, which `note` then says. Not converged
    or not fitted: `converged` False, and `note` says why.
    """

    difference: float
    standard_error: float
    low: float
    high: float
    p_value: float
    reader_sd: float
    case_sd: float
    residual_sd: float
    converged: bool
    note: str


@dataclass(frozen=True)
class ClusterBootstrap:
    """Second group's mean minus first's, with the percentile interval and p value of resampled readers and cases."""

    difference: float
    low: float
    high: float
    p_value: float
    resamples: int
    note: str


def codes_of(labels: ArrayLike) -> Codes:
    """(N,) each label as a number from 0, in sorted order."""
    return np.asarray(np.unique(np.asarray(labels).astype(str), return_inverse=True)[1], dtype=np.int64).ravel()


def crossed_mixed_model(
    value: ArrayLike, second_group: ArrayLike, reader: ArrayLike, case: ArrayLike, confidence: float = 0.95
) -> MixedModel:
    """Fit the crossed model with statsmodels' variance components.

    Parameters
    ----------
    value
        (N,) one number a reading (of a region).
    second_group
        (N,) False for the first group, True for the second.
    reader, case
        (N,) labels. A factor takes part when it has at least two levels and fewer levels than there are rows.
    """
    y, group = np.asarray(value, dtype=np.float64), np.asarray(second_group, dtype=bool)
    reader_code, case_code = codes_of(reader), codes_of(case)
    if len(y) < 4 or group.all() or not group.any() or np.ptp(y) == 0:
        return _no_model("too few values, or all the same")
    if len(y) > MOST_MODEL_ROWS:
        return _no_model(f"{len(y)} rows: more than {MOST_MODEL_ROWS}, the bootstrap stands instead")
    notes, components = [], {}
    for name, code in (("reader", reader_code), ("case", case_code)):
        levels = int(code.max()) + 1
        if levels < 2:
            notes.append(f"one {name} only: {name}s are not varied")
        elif levels == len(y):
            notes.append(f"one value a {name}: part of the residual")
        else:
            components[name] = code
    if not components:
        return _least_squares(y, group, confidence, "; ".join(notes))
    return _fitted(y, group, components, confidence, notes)


def _fitted(
    y: Floats, group: NDArray[np.bool_], components: dict[str, Codes], confidence: float, notes: list[str]
) -> MixedModel:
    import warnings

    import pandas as pd
    from scipy import stats
    from statsmodels.regression.mixed_linear_model import MixedLM
    from statsmodels.tools.sm_exceptions import ConvergenceWarning

    frame = pd.DataFrame({"y": y, "g": group.astype(float), **components})
    # One group holds all rows: only so can two factors cross.
    model = MixedLM.from_formula(
        "y ~ g",
        frame,
        groups=np.ones(len(y)),
        re_formula="0",
        vc_formula={name: f"0 + C({name})" for name in components},
    )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # told by `converged` and by the note
            fit = model.fit(reml=True, method=["lbfgs", "powell"])
    except (np.linalg.LinAlgError, ValueError, ConvergenceWarning) as reason:
        return _no_model(f"not fitted: {' '.join(str(reason).split())[:80]}")
    difference, error = float(fit.params["g"]), float(fit.bse["g"])
    if not fit.converged or not np.isfinite(error) or error <= 0:
        return _no_model("; ".join([*notes, "the model did not converge"]))
    variances = dict(zip(model.exog_vc.names, np.asarray(fit.vcomp, dtype=np.float64), strict=True))
    for name, variance in variances.items():
        if variance <= 1e-8 * float(fit.scale):
            notes.append(f"the variance of {name}s is estimated as zero")
    half = float(stats.norm.ppf((1 + confidence) / 2)) * error
    return MixedModel(
        difference, error, difference - half, difference + half, float(2 * stats.norm.sf(abs(difference / error))),
        _sd(variances.get("reader")), _sd(variances.get("case")), float(np.sqrt(fit.scale)), True, "; ".join(notes),
    )  # fmt: skip


def _sd(variance: float | None) -> float:
    return float("nan") if variance is None else float(np.sqrt(max(variance, 0.0)))


def _least_squares(y: Floats, group: NDArray[np.bool_], confidence: float, note: str) -> MixedModel:
    """Without a factor that can be varied the model is the t-test with equal variances."""
    from scipy import stats

    first, second = y[~group], y[group]
    difference = float(second.mean() - first.mean())
    degrees = len(y) - 2
    residual = np.sqrt((((first - first.mean()) ** 2).sum() + ((second - second.mean()) ** 2).sum()) / degrees)
    error = float(residual * np.sqrt(1 / len(first) + 1 / len(second)))
    if error <= 0:
        return _no_model("no variation within the groups")
    half = float(stats.t.ppf((1 + confidence) / 2, degrees)) * error
    p_value = float(2 * stats.t.sf(abs(difference / error), degrees))
    return MixedModel(
        difference, error, difference - half, difference + half, p_value,
        float("nan"), float("nan"), float(residual), True, f"{note}; an ordinary t-test",
    )  # fmt: skip


def _no_model(note: str) -> MixedModel:
    nan = float("nan")
    return MixedModel(nan, nan, nan, nan, nan, nan, nan, nan, False, note)


def two_way_bootstrap(
    value: ArrayLike,
    second_group: ArrayLike,
    reader: ArrayLike,
    case: ArrayLike,
    *,
    resamples: int = DEFAULT_RESAMPLES,
    confidence: float = 0.95,
    seed: int = 0,
) -> ClusterBootstrap:
    """Pigeonhole bootstrap (Owen 2007, doi 10.1214/07-AOAS122): readers and cases drawn with replacement, at once.

    A row weighs the number of times that its reader was drawn times the number that its case was. A factor that lies
    within groups (a case belongs to one group) is drawn within each group, so that no group is ever empty. The p value
    is twice the smaller share of resampled differences on either side of zero. The method errs towards wide intervals.
    """
    y, group = np.asarray(value, dtype=np.float64), np.asarray(second_group, dtype=bool)
    if group.all() or not group.any():
        return _no_bootstrap(float("nan"), ["one group is empty"])
    difference = float(y[group].mean() - y[~group].mean())
    random = np.random.default_rng(seed)
    notes = []
    weight = np.ones((resamples, len(y)))
    varied = False
    for name, labels in (("reader", reader), ("case", case)):
        code = codes_of(labels)
        levels = int(code.max()) + 1
        if levels < 2:
            notes.append(f"one {name} only: {name}s are not varied")
            continue
        drawn = np.zeros((resamples, levels))
        for stratum in _strata(code, group, levels):
            if len(stratum) < 2:
                notes.append(f"a group has one {name} only")
            draws = random.multinomial(len(stratum), np.full(len(stratum), 1 / len(stratum)), size=resamples)
            drawn[:, stratum] = draws
        weight *= drawn[:, code]
        varied = True
    if not varied:
        return _no_bootstrap(difference, notes)
    sums = [(weight[:, rows] @ y[rows], weight[:, rows].sum(axis=1)) for rows in (group, ~group)]
    usable = (sums[0][1] > 0) & (sums[1][1] > 0)
    if not usable.any():
        return _no_bootstrap(difference, notes)
    resampled = sums[0][0][usable] / sums[0][1][usable] - sums[1][0][usable] / sums[1][1][usable]
    tail = (1 - confidence) / 2
    low, high = np.quantile(resampled, [tail, 1 - tail])
    count = len(resampled)
    # One more on each side: no p value of zero out of a finite number of draws.
    below, above = np.count_nonzero(resampled <= 0) + 1, np.count_nonzero(resampled >= 0) + 1
    p = min(1.0, 2 * min(below, above) / (count + 1))
    return ClusterBootstrap(difference, float(low), float(high), float(p), count, "; ".join(dict.fromkeys(notes)))


def _no_bootstrap(difference: float, notes: list[str]) -> ClusterBootstrap:
    return ClusterBootstrap(difference, float("nan"), float("nan"), float("nan"), 0, "; ".join(notes))


def _strata(code: Codes, group: NDArray[np.bool_], levels: int) -> list[Codes]:
    """Levels to draw from together: all, or those of each group when no level occurs in both."""
    in_second = np.bincount(code[group], minlength=levels) > 0
    in_first = np.bincount(code[~group], minlength=levels) > 0
    if (in_first & in_second).any():
        return [np.arange(levels, dtype=np.int64)]
    return [np.flatnonzero(in_first), np.flatnonzero(in_second)]
