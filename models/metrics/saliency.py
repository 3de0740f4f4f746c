"""How well one map of attention fits another map, or the fixations of somebody else.

Definitions of Bylinskii et al. 2018 (IEEE TPAMI 41:740, "What do different evaluation metrics tell us about saliency
models?"), on arrays of any number of dimensions. Maps are compared cell by cell on one grid (`heat_map`); a mask limits
every sum, mean and threshold to its cells. Fixations are flat indices of cells, one entry a fixation; those outside the
mask are left out.

``faithful=True`` computes NSS, CC and KL divergence as the helpers that came with CT-ScanGaze do (no code of that
publication ever called them): an epsilon of 1e-7 in every denominator and inside the logarithm, on sum-normalised maps
of the whole volume. On volumes that is a defect and not a safeguard: the product of the standard deviations of two maps
over millions of voxels is itself about 1e-7, so that CC shrinks towards 0, and a cell of less than 1e-7 counts as
empty.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
EPSILON = 2.2204e-16
"""Added in KL divergence and information gain, as in Bylinskii 2018 (the spacing of float64 at 1)."""
PUBLISHED_EPSILON = 1e-7


def cc(first: ArrayLike, second: ArrayLike, *, mask: ArrayLike | None = None, faithful: bool = False) -> float:
    """Pearson's linear correlation of two maps, -1 to 1 (Bylinskii 2018); symmetric.

    NaN when a map is constant within the mask: it has no correlation. Faithful: see the module.
    """
    a, b = _inside(first, mask), _inside(second, mask)
    if faithful:
        a, b = a / (a.sum() + PUBLISHED_EPSILON), b / (b.sum() + PUBLISHED_EPSILON)
    a, b = a - a.mean(), b - b.mean()
    # Sums of products and not dot products: those of a threaded BLAS wait longer for their threads than they compute.
    together = float((a * b).sum())
    scale = float(np.sqrt((a * a).sum()) * np.sqrt((b * b).sum()))
    if faithful:
        return together / (scale + PUBLISHED_EPSILON)
    return together / scale if scale > 0 else float("nan")


def similarity(first: ArrayLike, second: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """SIM: the sum of the smaller of both normalised maps, 0 (disjoint) to 1 (equal) (Bylinskii 2018); symmetric.
    NaN when a map is empty."""
    a, b = _inside(first, mask), _inside(second, mask)
    if a.sum() <= 0 or b.sum() <= 0:
        return float("nan")
    return float(np.minimum(a / a.sum(), b / b.sum()).sum())


def kl_divergence(
    truth: ArrayLike,
    prediction: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    epsilon: float = EPSILON,
    faithful: bool = False,
) -> float:
    """Kullback-Leibler divergence of the prediction from the truth in nats, 0 for equal maps; lower is better.

    sum of truth * ln(epsilon + truth / (prediction + epsilon)) over normalised maps (Bylinskii 2018). Not symmetric.
    Where the prediction is 0 and the truth is not, the epsilon decides: mix the prediction with a uniform map first
    (`heat_map.with_uniform`). NaN when a map is empty. Faithful: epsilon 1e-7, and in the normalisation too.
    """
    truth_in, predicted = _inside(truth, mask), _inside(prediction, mask)
    if faithful:
        epsilon = PUBLISHED_EPSILON
        truth_in = truth_in / (truth_in.sum() + epsilon)
        predicted = predicted / (predicted.sum() + epsilon)
    elif truth_in.sum() <= 0 or predicted.sum() <= 0:
        return float("nan")
    else:
        truth_in, predicted = truth_in / truth_in.sum(), predicted / predicted.sum()
    return float((truth_in * np.log(epsilon + truth_in / (predicted + epsilon))).sum())


def nss(
    saliency: ArrayLike,
    fixations: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    faithful: bool = False,
) -> float:
    """Normalised scan-path saliency: the mean of the z-scored map at the fixations; 0 is chance, higher is better.

    Bylinskii 2018, with the population's standard deviation over the cells of the mask. NaN for a constant map
    or without a fixation inside.

    Parameters
    ----------
    weight
        (N,) weights of the fixations, e.g. durations; None: each counts 1.
    faithful
        The map divided by its maximum, the sample's standard deviation, 1e-7 added to maximum, deviation and the sum of
        weights.
    """
    values, cells, weights = _at_fixations(saliency, fixations, mask, weight)
    if faithful:
        scaled = values / (values.max() + PUBLISHED_EPSILON)
        z = (scaled - scaled.mean()) / (scaled.std(ddof=1) + PUBLISHED_EPSILON)
        return float((z[cells] * weights).sum() / (weights.sum() + PUBLISHED_EPSILON))
    # The deviation of equal values is not exactly 0 after rounding.
    if np.ptp(values) == 0 or weights.sum() <= 0:
        return float("nan")
    return float(((values[cells] - values.mean()) * weights).sum() / weights.sum() / values.std())


def auc_judd(saliency: ArrayLike, fixations: ArrayLike, *, mask: ArrayLike | None = None) -> float:
    """AUC-Judd: the area under the ROC curve whose thresholds are the map's values at the fixated cells; 0.5 is chance.

    Bylinskii 2018: true positives are the fixated cells at or above a threshold, false positives the
    other cells at or above it. A cell fixated twice counts once. Equal values are one threshold (the published routine
    breaks ties by random jitter), so that a constant map scores 0.5. Straight lines between thresholds make it up to
    1 / (2 fixated cells) higher than the rank statistic. NaN without a fixated or without a free cell.
    """
    values, cells, _ = _at_fixations(saliency, fixations, mask, None)
    fixated = np.unique(cells)
    if len(fixated) == 0 or len(fixated) == len(values):
        return float("nan")
    at_fixated = np.sort(values[fixated])
    is_free = np.ones(len(values), dtype=bool)
    is_free[fixated] = False
    free = values[is_free]
    thresholds = np.unique(at_fixated)
    # Only values from the lowest threshold on count, and most cells of a volume's map lie below it.
    candidates = np.sort(free[free >= thresholds[0]])
    true_rate = (len(at_fixated) - np.searchsorted(at_fixated, thresholds[::-1], side="left")) / len(at_fixated)
    false_rate = (len(candidates) - np.searchsorted(candidates, thresholds[::-1], side="left")) / len(free)
    return float(np.trapezoid([0.0, *true_rate, 1.0], [0.0, *false_rate, 1.0]))


def information_gain(
    prediction: ArrayLike,
    baseline: ArrayLike,
    fixations: ArrayLike,
    *,
    mask: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    epsilon: float = EPSILON,
) -> float:
    """Bits a fixation by which the prediction tells more than the baseline; 0: no more, negative: less.

    Mean of log2(epsilon + prediction) - log2(epsilon + baseline) at the fixations, both maps normalised within the mask
    (Bylinskii 2018). A map that is 0 at a fixation loses 52 bits to the epsilon: mix it with a uniform map first
    (`heat_map.with_uniform`). NaN when a map is empty or without a fixation inside.
    """
    values, cells, weights = _at_fixations(prediction, fixations, mask, weight)
    base = _inside(baseline, mask)
    if values.sum() <= 0 or base.sum() <= 0 or weights.sum() <= 0:
        return float("nan")
    gain = np.log2(epsilon + values[cells] / values.sum()) - np.log2(epsilon + base[cells] / base.sum())
    return float((gain * weights).sum() / weights.sum())


def _inside(values: ArrayLike, mask: ArrayLike | None) -> Floats:
    """(M,) the map's cells within the mask.

    Raises
    ------
    ValueError
        For values that are no map (negative or not finite) or a mask of another shape.
    """
    array = np.asarray(values, dtype=np.float64)
    if mask is not None:
        inside = np.asarray(mask, dtype=bool)
        if inside.shape != array.shape:
            raise ValueError(f"the mask has the shape {inside.shape}, the map {array.shape}")
        array = array[inside]
    flat = array.ravel()
    if len(flat) == 0 or not np.isfinite(flat).all() or flat.min() < 0:
        raise ValueError("a map has cells, and all of them finite and not negative")
    return flat


def _at_fixations(
    values: ArrayLike, fixations: ArrayLike, mask: ArrayLike | None, weight: ArrayLike | None
) -> tuple[Floats, NDArray[np.intp], Floats]:
    """The map's cells within the mask, each fixation's place among them, and its weight."""
    flat = _inside(values, mask)
    cells = np.asarray(fixations, dtype=np.intp).ravel()
    weights = np.ones(len(cells)) if weight is None else np.asarray(weight, dtype=np.float64).ravel()
    if len(weights) != len(cells):
        raise ValueError(f"{len(cells)} fixations but {len(weights)} weights")
    size = np.asarray(values).size
    if len(cells) and (cells.min() < 0 or cells.max() >= size):
        raise ValueError(f"a fixation lies outside of the map of {size} cells")
    if mask is not None:
        inside = np.asarray(mask, dtype=bool).ravel()
        place = np.cumsum(inside) - 1
        kept = inside[cells]
        cells, weights = place[cells[kept]], weights[kept]
    return flat, cells, weights
