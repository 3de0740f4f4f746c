"""Every measure of the comparison of one scan path with another, under one set of parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from models.metrics import saliency
from models.metrics.binning import BinGrid, usual_grid
from models.metrics.edit_distance import CELLS_PER_AXIS, edit_distance
from models.metrics.extent import Extent
from models.metrics.heat_map import CENTRE_SIGMA_SHARE, HeatMap, MapParameters, centre_map, heat_map, with_uniform
from models.metrics.length_matching import Method, matched_paths
from models.metrics.multimatch import FEWEST_FIXATIONS, multimatch
from models.metrics.scanmatch import PUBLISHED_THRESHOLD_BINS, scanmatch
from models.scanpath import Scanpath

Group = Literal["strings", "multimatch", "multimatch_matched", "maps"]


@dataclass(frozen=True)
class Measure:
    """One column of the report; `unit` is empty for shares between 0 and 1 and for correlations."""

    key: str
    label: str
    group: Group
    unit: str = ""
    higher_is_better: bool = True


MEASURES: Final = (
    Measure("scanmatch", "ScanMatch", "strings"),
    Measure("scanmatch_duration", "ScanMatch, durations", "strings"),
    Measure("edit_similarity", "1 - edit, distance", "strings"),
    Measure("scanmatch_matched", "ScanMatch, matched", "strings"),
    Measure("scanmatch_duration_matched", "ScanMatch, durations, matched", "strings"),
    Measure("edit_similarity_matched", "1 - edit, distance, matched", "strings"),
    *(Measure(key, key, "multimatch") for key in ("vector", "direction", "length", "position", "duration")),
    *(
        Measure(f"{key}_matched", key, "multimatch_matched")
        for key in ("vector", "direction", "length", "position", "duration")
    ),
    Measure("cc", "CC", "maps"),
    Measure("sim", "SIM", "maps"),
    Measure("nss", "NSS", "maps", "sd"),
    Measure("auc_judd", "AUC-Judd", "maps"),
    Measure("kl_divergence", "KL div.", "maps", "nat", higher_is_better=False),
    Measure("information_gain", "Inform., gain", "maps", "bit"),
)
"""In the order of the report. ``_matched``: after both paths were brought to one length."""


@dataclass(frozen=True)
class Bins:
    """Cells for ScanMatch and edit distance, as a user states them.

    `kind` None: each measure's own default (30 mm cubes where the spacing is known; 5 cells along each axis).
    """

    kind: Literal["counts", "voxels", "mm", "degrees"] | None = None
    size_ijk: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @classmethod
    def parse(cls, text: str) -> Bins:
        """``6x4x8`` cells, or edges: ``30mm``, ``30x30x20mm``, ``5deg``, ``64vox``.

        Raises
        ------
        ValueError
            For any other text.
        """
        number = r"\d+(?:\.\d+)?"
        found = re.fullmatch(rf"({number})(?:x({number})x({number}))?\s*(mm|deg|vox)?", text.strip().lower())
        if found is None or (found[4] is None and (found[2] is None or "." in text)):
            raise ValueError(f"{text!r} states no cells: write 6x4x8 (cells), 30mm, 5deg, 64vox or 30x30x20mm (edges)")
        first = float(found[1])
        size = (first, float(found[2] or first), float(found[3] or first))
        if min(size) <= 0:
            raise ValueError(f"{text!r} states cells of no size")
        kinds: dict[str | None, Literal["counts", "voxels", "mm", "degrees"]] = {
            None: "counts", "mm": "mm", "deg": "degrees", "vox": "voxels",
        }  # fmt: skip
        return cls(kinds[found[4]], size)

    def grid(self, extent: Extent) -> BinGrid | None:
        """The cells in one volume; None: the measure's own."""
        if self.kind is None:
            return None
        if self.kind == "counts":
            i, j, k = (int(value) for value in self.size_ijk)
            return BinGrid.from_counts(extent, (i, j, k))
        makers = {"voxels": BinGrid.from_voxels, "mm": BinGrid.from_mm, "degrees": BinGrid.from_degrees}
        return makers[self.kind](extent, self.size_ijk)

    def sentence(self) -> str:
        """For the footnote of a table."""
        if self.kind is None:
            unknown = "where the spacing is not known 8 along each axis, in a picture 12 x 8"
            return f"cells of 30 mm, {unknown} (ScanMatch); {CELLS_PER_AXIS} along each axis (edit distance)"
        text = " x ".join(f"{value:g}" for value in self.size_ijk)
        return f"{text} cells" if self.kind == "counts" else f"cells of {text} {self.kind}"


@dataclass(frozen=True)
class MeasureParameters:
    """How two scan paths are compared.

    Attributes
    ----------
    temporal_bin_s
        A symbol of ScanMatch with durations (50 to 100 ms, Cristino et al. 2010).
    threshold_bins
        ScanMatch's distance at which two symbols score 0.
    matching
        How paths are brought to one length, see `length_matching`.
    map
        The heat maps; None: as `usual_map_parameters`.
    uniform_share
        Share of the uniform map mixed into a prediction for KL divergence and information gain alone.
    epsilon
        Of KL divergence and information gain.
    """

    bins: Bins = Bins()
    temporal_bin_s: float = 0.05
    threshold_bins: float = PUBLISHED_THRESHOLD_BINS
    matching: Method = "cut"
    map: MapParameters | None = None
    uniform_share: float = 0.01
    epsilon: float = saliency.EPSILON

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **asdict(self),
            "map": None if self.map is None else self.map.to_dict(),
            "baseline": "centre prior",
            "baseline_sigma_share": CENTRE_SIGMA_SHARE,
        }


def usual_map_parameters(references: Sequence[Scanpath]) -> MapParameters:
    """One sigma for all: 1 degree where every reference knows its mm per degree, else 10 mm, else 20 voxels."""
    if any(path.affine_lps is None for path in references):
        return MapParameters(20.0, "voxel")
    if all(math.isfinite(path.mm_per_degree) for path in references):
        return MapParameters(1.0, "degree")
    return MapParameters(10.0, "mm")


@dataclass(frozen=True, eq=False)
class ReferenceScorer:
    """Scores candidates against one reference; its maps are made once."""

    reference: Scanpath
    parameters: MeasureParameters
    map_parameters: MapParameters
    heat: HeatMap = field(repr=False)
    baseline: HeatMap = field(repr=False)
    cells: NDArray[np.intp] = field(repr=False)

    @classmethod
    def of(
        cls, reference: Scanpath, parameters: MeasureParameters, body_kji: NDArray[np.bool_] | None = None
    ) -> ReferenceScorer:
        """Prepare one reference; `body_kji` limits the maps."""
        chosen = parameters.map or usual_map_parameters([reference])
        heat = heat_map(reference, chosen, mask_kji=body_kji)
        baseline = centre_map(reference.shape_kji, heat.cell_voxels, inside_kji=heat.inside_kji)
        return cls(reference, parameters, chosen, heat, baseline, heat.cells_of(reference))

    def scores(self, candidate: Scanpath) -> dict[str, float]:
        """Every measure by key; NaN where it does not exist (fewer than three fixations for MultiMatch, none for any).

        Fixations outside of the volume count at its border.
        """
        found = {measure.key: float("nan") for measure in MEASURES}
        if len(candidate) == 0 or len(self.reference) == 0:
            return found
        # A prediction without a geometry of its own was made on the reference's volume and is seen at its zoom.
        own_scale = candidate.mm_per_degree
        placed = replace(
            candidate,
            affine_lps=self.reference.affine_lps if candidate.affine_lps is None else candidate.affine_lps,
            mm_per_degree=own_scale if math.isfinite(own_scale) else self.reference.mm_per_degree,
        )
        found.update(self._path_scores(placed, self.reference, ""))
        first, second = matched_paths(placed, self.reference, self.parameters.matching)
        found.update(self._path_scores(first, second, "_matched"))
        # Two maps are compared at one sigma, the reference's.
        found.update(self._map_scores(replace(placed, mm_per_degree=self.reference.mm_per_degree)))
        return found

    def _path_scores(self, a: Scanpath, b: Scanpath, suffix: str) -> dict[str, float]:
        extent = Extent.shared_by(a, b)
        stated = self.parameters.bins.grid(extent)
        grid = usual_grid(extent) if stated is None else stated
        match: Callable[..., Any] = scanmatch
        options: Mapping[str, Any] = {
            "grid": grid, "threshold": self.parameters.threshold_bins, "outside": "clamp",
        }  # fmt: skip
        scores = {
            "scanmatch": match(a, b, **options).score,
            "scanmatch_duration": match(a, b, temporal_bin_s=self.parameters.temporal_bin_s, **options).score,
            "edit_similarity": edit_distance(a, b, grid=stated, outside="clamp").similarity,
        }
        if min(len(a), len(b)) >= FEWEST_FIXATIONS and max(extent.shape_kji) > 1:
            unit: Literal["mm", "voxels"] = "voxels" if extent.axes_mm is None else "mm"
            found = multimatch(a, b, unit=unit, outside="clamp")
            names = ("vector", "direction", "length", "position", "duration")
            scores.update(zip(names, found.values, strict=True))
        return {f"{key}{suffix}": float(value) for key, value in scores.items()}

    def _map_scores(self, candidate: Scanpath) -> dict[str, float]:
        heat = heat_map(candidate, self.map_parameters, cell_voxels=self.heat.cell_voxels)
        if self.heat.inside_kji is not None:
            heat = HeatMap(heat.density_kji * self.heat.inside_kji, heat.cell_voxels, self.heat.inside_kji)
        mask, truth, made = self.heat.inside_kji, self.heat.density_kji, heat.density_kji
        if made.sum() <= 0 or truth.sum() <= 0:
            return {}
        mixed = with_uniform(replace(heat, density_kji=made / made.sum()), self.parameters.uniform_share).density_kji
        epsilon = self.parameters.epsilon
        return {
            "cc": saliency.cc(made, truth, mask=mask),
            "sim": saliency.similarity(made, truth, mask=mask),
            "nss": saliency.nss(made, self.cells, mask=mask),
            "auc_judd": saliency.auc_judd(made, self.cells, mask=mask),
            "kl_divergence": saliency.kl_divergence(truth, mixed, mask=mask, epsilon=epsilon),
            "information_gain": saliency.information_gain(
                mixed, self.baseline.density_kji, self.cells, mask=mask, epsilon=epsilon
            ),
        }
