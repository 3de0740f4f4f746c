"""The measures of one pair: the same numbers as each metric alone, its limits, and cells as a user states them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from models.metrics.binning import BinGrid, usual_grid
from models.metrics.edit_distance import edit_distance
from models.metrics.extent import Extent
from models.metrics.heat_map import MapParameters, heat_map
from models.metrics.measures import MEASURES, Bins, MeasureParameters, ReferenceScorer, usual_map_parameters
from models.metrics.multimatch import multimatch
from models.metrics.saliency import cc, nss
from models.metrics.scanmatch import scanmatch
from models.scanpath import Scanpath

AFFINE = np.diag([2.0, 2.0, 5.0, 1.0])


def path_of(count: int, seed: int, **fields: object) -> Scanpath:
    random = np.random.default_rng(seed)
    fields.setdefault("affine_lps", AFFINE)
    fields.setdefault("mm_per_degree", 10.0)
    return Scanpath.from_voxels(
        random.uniform(0, (63, 63, 19), (count, 3)),
        random.lognormal(-1.4, 0.4, count),
        shape_kji=(20, 64, 64),
        **fields,
    )  # type: ignore[arg-type]


def test_every_number_is_that_of_its_metric() -> None:
    reference, candidate = path_of(40, 1), path_of(25, 2)
    scores = ReferenceScorer.of(reference, MeasureParameters()).scores(candidate)
    assert list(scores) == [measure.key for measure in MEASURES]
    grid = usual_grid(Extent.of(reference))
    assert scores["scanmatch"] == scanmatch(candidate, reference, grid=grid).score
    assert scores["scanmatch_duration"] == scanmatch(candidate, reference, grid=grid, temporal_bin_s=0.05).score
    assert scores["edit_similarity"] == edit_distance(candidate, reference).similarity
    assert scores["direction"] == multimatch(candidate, reference, unit="mm").direction
    cut = reference.part(slice(0, 25))
    assert scores["scanmatch_matched"] == scanmatch(candidate, cut, grid=grid).score
    assert scores["position_matched"] == multimatch(candidate, cut, unit="mm").position
    maps = [heat_map(path, MapParameters(1.0, "degree")) for path in (candidate, reference)]
    assert scores["cc"] == pytest.approx(cc(maps[0].density_kji, maps[1].density_kji))
    assert scores["nss"] == pytest.approx(nss(maps[0].density_kji, maps[1].cells_of(reference)))


def test_the_same_path_scores_best_everywhere() -> None:
    path = path_of(40, 1)
    scores = ReferenceScorer.of(path, MeasureParameters(uniform_share=0.0)).scores(path)
    for measure in MEASURES:
        if measure.group != "maps":
            assert scores[measure.key] == pytest.approx(1.0), measure.key
    assert scores["cc"] == pytest.approx(1.0)
    assert scores["sim"] == pytest.approx(1.0)
    assert scores["kl_divergence"] == pytest.approx(0.0, abs=1e-9)
    assert scores["information_gain"] > 0


def test_a_prediction_without_a_scale_is_seen_at_the_references_zoom() -> None:
    reference, candidate = path_of(40, 1), path_of(40, 2)
    bare = path_of(40, 2, affine_lps=None, mm_per_degree=float("nan"))
    scorer = ReferenceScorer.of(reference, MeasureParameters())
    assert scorer.scores(bare) == scorer.scores(candidate)


def test_short_and_empty_paths_have_the_measures_that_exist() -> None:
    scorer = ReferenceScorer.of(path_of(40, 1), MeasureParameters())
    two = scorer.scores(path_of(2, 2))
    assert math.isnan(two["direction"])
    assert math.isfinite(two["scanmatch"])
    assert math.isfinite(two["auc_judd"])
    assert all(math.isnan(value) for value in scorer.scores(path_of(0, 2)).values())


def test_fixations_beyond_the_volume_count_at_its_border() -> None:
    scorer = ReferenceScorer.of(path_of(10, 1), MeasureParameters())
    inside = path_of(10, 3)
    voxels = inside.voxel_ijk.copy()
    voxels[0] = (70, 80, 30)
    outside = Scanpath.from_voxels(
        voxels, inside.duration_s, shape_kji=inside.shape_kji, affine_lps=AFFINE, mm_per_degree=10.0
    )
    voxels[0] = (63.5, 63.5, 19.5)
    border = Scanpath.from_voxels(
        voxels, inside.duration_s, shape_kji=inside.shape_kji, affine_lps=AFFINE, mm_per_degree=10.0
    )
    a, b = scorer.scores(outside), scorer.scores(border)
    assert all(a[m.key] == b[m.key] for m in MEASURES if m.group != "maps")


def test_a_body_mask_limits_the_maps() -> None:
    reference, candidate = path_of(40, 1), path_of(40, 2)
    body = np.zeros((20, 64, 64), dtype=bool)
    body[:, 10:50, 12:52] = True
    scorer = ReferenceScorer.of(
        reference, MeasureParameters(map=MapParameters(2.0, "voxel", cell_voxels=(1, 1, 1))), body
    )
    maps = [
        heat_map(p, MapParameters(2.0, "voxel", cell_voxels=(1, 1, 1))).density_kji[body]
        for p in (candidate, reference)
    ]
    assert scorer.scores(candidate)["cc"] == pytest.approx(np.corrcoef(*maps)[0, 1])


def test_two_maps_have_one_sigma_that_of_the_references_zoom() -> None:
    scorer = ReferenceScorer.of(path_of(40, 1), MeasureParameters())
    near, far = scorer.scores(path_of(40, 2)), scorer.scores(path_of(40, 2, mm_per_degree=25.0))
    assert all(near[measure.key] == far[measure.key] for measure in MEASURES if measure.group == "maps")


def test_divergence_and_gain_are_their_definitions_within_the_body() -> None:
    """Voxel by voxel, with the uniform share in the candidate alone and the centre prior cut to the body."""
    reference, candidate = path_of(30, 1), path_of(25, 2)
    body = np.zeros((20, 64, 64), dtype=bool)
    body[:, 10:50, 12:52] = True
    chosen = MapParameters(3.0, "voxel", cell_voxels=(1, 1, 1))
    scores = ReferenceScorer.of(reference, MeasureParameters(map=chosen, uniform_share=0.05), body).scores(candidate)
    truth, made = (heat_map(path, chosen).density_kji * body for path in (reference, candidate))
    truth, made = truth / truth.sum(), made / made.sum()
    mixed = 0.95 * made + 0.05 / body.sum() * body
    assert scores["kl_divergence"] == pytest.approx(
        (truth[truth > 0] * np.log(truth[truth > 0] / mixed[truth > 0])).sum()
    )
    # A Gaussian of a quarter of 64 columns and rows about 31.5, integrated over each voxel.
    edges = np.array([math.erf((edge - 32) / 16 / math.sqrt(2)) for edge in range(65)])
    prior = np.broadcast_to(np.outer(np.diff(edges), np.diff(edges)), body.shape) * body
    i, j, k = np.floor(reference.voxel_ijk + 0.5).astype(int).T
    inside = body[k, j, i]
    gain = np.log2(mixed[k, j, i][inside]) - np.log2((prior / prior.sum())[k, j, i][inside])
    assert scores["information_gain"] == pytest.approx(gain.mean())
    z = (made[body] - made[body].mean()) / made[body].std()
    at = np.zeros(body.shape)
    at[body] = z
    assert scores["nss"] == pytest.approx(at[k, j, i][inside].mean())
    free = body.copy()
    free[k, j, i] = False
    cells = sorted({(c, b, a) for c, b, a, within in zip(k, j, i, inside, strict=True) if within})
    rank = np.mean([(made[cell] > made[free]).mean() + 0.5 * (made[cell] == made[free]).mean() for cell in cells])
    assert scores["auc_judd"] == pytest.approx(rank, abs=0.5 / len(cells))


def test_the_usual_sigma_is_one_that_every_reference_knows() -> None:
    assert usual_map_parameters([path_of(1, 1)]) == MapParameters(1.0, "degree")
    assert usual_map_parameters([path_of(1, 1), path_of(1, 1, mm_per_degree=np.nan)]) == MapParameters(10.0, "mm")
    assert usual_map_parameters([path_of(1, 1), path_of(1, 1, affine_lps=None)]) == MapParameters(20.0, "voxel")


def test_cells_are_stated_as_counts_or_edges() -> None:
    extent = Extent.of(path_of(1, 1))
    assert Bins.parse("6x4x8").grid(extent) == BinGrid.from_counts(extent, (6, 4, 8))
    assert Bins.parse("30mm").grid(extent) == BinGrid.from_mm(extent, 30.0)
    assert Bins.parse("30x30x20mm").grid(extent) == BinGrid.from_mm(extent, (30.0, 30.0, 20.0))
    assert Bins.parse(" 2.5DEG ").grid(extent) == BinGrid.from_degrees(extent, 2.5)
    assert Bins.parse("16vox").grid(extent) == BinGrid.from_voxels(extent, 16.0)
    assert Bins().grid(extent) is None


@pytest.mark.parametrize("text", ["", "6", "6x4", "6.5x4x8", "30 cm", "0mm", "-3mm", "axbxc", "6x4x8x2"])
def test_other_words_are_no_cells(text: str) -> None:
    with pytest.raises(ValueError, match="states"):
        Bins.parse(text)


def test_scores_of_paths_do_not_depend_on_who_is_the_reference() -> None:
    near, far = path_of(30, 1, mm_per_degree=8.0), path_of(22, 2, mm_per_degree=14.0)
    parameters = MeasureParameters(Bins.parse("2deg"))
    forth = ReferenceScorer.of(near, parameters).scores(far)
    back = ReferenceScorer.of(far, parameters).scores(near)
    for measure in MEASURES:
        if measure.group != "maps":
            assert forth[measure.key] == pytest.approx(back[measure.key]), measure.key
