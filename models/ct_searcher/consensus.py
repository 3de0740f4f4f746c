"""Of several sampled paths the one that agrees most with the others: a path that few chance events have led astray.

Choosing by the expected score under the model's own samples is minimum Bayes risk decoding (Kumar and Byrne 2004); the
score is ScanMatch in three dimensions, without durations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from models.ct_searcher.decoding import SampledPath
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.targets import steps_to_voxels
from models.metrics.extent import Extent
from models.metrics.measures import MeasureParameters, usual_grid
from models.metrics.scanmatch import scanmatch
from models.scanpath import Scanpath
from models.volumes import CanonicalFrame


def most_agreed(paths: Sequence[SampledPath], frame: CanonicalFrame, settings: SearcherSettings) -> SampledPath:
    """The path with the highest mean ScanMatch with all others; the first of equals.

    Parameters
    ----------
    paths
        At least one, each with a fixation, on one volume.
    frame
        Of that volume.
    """
    if len(paths) < 3:
        return paths[0]
    placed = [_placed(path, frame, settings) for path in paths]
    grid = usual_grid(Extent.shared_by(placed[0], placed[0]))
    scores = np.zeros((len(placed), len(placed)))
    for row, one in enumerate(placed):
        for column in range(row):
            match = scanmatch(
                one, placed[column], grid=grid, threshold=MeasureParameters().threshold_bins, outside="clamp"
            )
            scores[row, column] = scores[column, row] = match.score
    return paths[int(scores.sum(axis=1).argmax())]


def _placed(path: SampledPath, frame: CanonicalFrame, settings: SearcherSettings) -> Scanpath:
    shape_kji = frame.canonical_shape_kji
    voxel = steps_to_voxels(path.cells.numpy(), path.offset_kji.numpy(), frame, settings)
    canonical = frame.to_shares(voxel) * np.array(shape_kji[::-1]) - 0.5
    return Scanpath.from_voxels(
        canonical, path.duration_s.numpy(), shape_kji=shape_kji, affine_lps=np.diag([*frame.spacing_ijk_mm, 1.0])
    )
