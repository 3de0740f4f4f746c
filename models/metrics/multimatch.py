"""MultiMatch: how alike two scan paths are in shape, direction, length, position and duration.

The saccades of both paths are aligned along the cheapest way through the matrix of their vector differences; each
measure is 1 minus the median difference along it, over the largest possible.

Source: Jarodzka, Holmqvist & Nystrom 2010, doi 10.1145/1743666.1743718; Dewhurst et al. 2012, doi
10.3758/s13428-012-0212-2; numbers as multimatch-gaze 0.1.3 (Wagner, Halchenko & Hanke 2019, doi 10.21105/joss.01525)
but for the direction of saccades without length (see `angle_between`) and equally cheap alignments.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from models.metrics.compiled import compiled
from models.metrics.extent import Extent, Outside, Unit
from models.metrics.saccades import Saccades, Simplification, angle_between, saccades_between, simplified
from models.scanpath import Floats, Scanpath

FEWEST_FIXATIONS = 3
PUBLISHED_DIAGONAL = 512 * 3**0.5
PUBLISHED_PADDING_XYZT = (1.0, 1.0, 1.0, 0.001)
PUBLISHED_ORIGIN = 1.0  # published coordinates count from 1


@dataclass(frozen=True)
class MultiMatch:
    """Five similarities, 1 for the same path, and what they were made with.

    Attributes
    ----------
    vector
        Shape: difference of the aligned saccades as vectors, over twice the diagonal.
    direction
        Angle between them over pi: 0 for opposite directions.
    length
        Difference of their lengths over the diagonal.
    position
        Distance of their starts over the diagonal.
    duration
        Difference of the fixations before them over the longer of the two.
    saccades_a, saccades_b
        Saccades compared, after simplification or padding.
    unit, diagonal
        Unit of all lengths, and the volume's diagonal in it.
    mm_per_degree
        Scale used for degrees; NaN in other units.
    simplification
        Thresholds, or None.
    faithful
        Whether this is the published CT-ScanGaze form.
    """

    vector: float
    direction: float
    length: float
    position: float
    duration: float
    saccades_a: int
    saccades_b: int
    unit: Unit
    diagonal: float
    mm_per_degree: float = float("nan")
    simplification: Simplification | None = None
    faithful: bool = False

    @property
    def values(self) -> tuple[float, float, float, float, float]:
        """Vector (shape), direction, length, position, duration: the order of the literature."""
        return self.vector, self.direction, self.length, self.position, self.duration

    @property
    def mean(self) -> float:
        """Mean of the five, as CT-ScanGaze reports it; the measures are not on one scale, so report them singly."""
        return sum(self.values) / 5


def multimatch(
    a: Scanpath,
    b: Scanpath,
    *,
    unit: Unit = "voxels",
    mm_per_degree: float | None = None,
    simplification: Simplification | None = None,
    outside: Outside = "raise",
    faithful: bool = False,
    pad_prediction: bool = False,
) -> MultiMatch:
    """Compare two scan paths through one volume or picture; symmetric, and 1 throughout for the same path.

    Parameters
    ----------
    a, b
        Paths through the same volume, of at least three fixations each. A picture is a volume of one slice.
    unit
        Lengths in voxels, in patient millimetres or in degrees of visual angle. Voxels that are not cubes weigh axes
        unequally; a CT is best compared in mm.
    mm_per_degree
        Scale for degrees; by default the mean of the two readings' own.
    simplification
        Merge small saccades first; by default none.
    outside
        What happens with a fixation outside the volume: an error, or the nearest point inside.
    faithful
        The numbers of the published CT-ScanGaze code, defects included: direction as the sum of the differences in
        azimuth and in polar angle, folded at pi ((1, 0, -3) against (-1, 0, 3) scores .80 there and 0 here); a path
        of fewer than three fixations padded to three with fixations of 1 ms at (1, 1, 1); every diagonal that of a
        512-cube; fixations outside taken as they are; equally cheap alignments settled so that a path whose saccades
        repeat does not match itself. `unit` must be voxels.
    pad_prediction
        With `faithful` only: what the published evaluation does before it calls the metric. A prediction `b` shorter
        than the human path `a` is padded to its length with fixations of 1 ms at (1, 1, 1); not symmetric.

    Raises
    ------
    ValueError
        When a path has fewer than three fixations, a fixation lies outside, or the volumes differ.
    """
    if pad_prediction and not faithful:
        raise ValueError("padding the prediction belongs to the published form: faithful=True")
    if faithful:
        if unit != "voxels":
            raise ValueError(f"the published form measures in voxels, not in {unit}")
        xyzt = [np.column_stack([path.voxel_ijk + PUBLISHED_ORIGIN, path.duration_s]) for path in (a, b)]
        human = _padded(xyzt[0], FEWEST_FIXATIONS)
        prediction = _padded(xyzt[1], len(human) if pad_prediction else FEWEST_FIXATIONS)
        first, second = (saccades_between(path[:, :3], path[:, 3]) for path in (human, prediction))
        diagonal, per_degree = PUBLISHED_DIAGONAL, float("nan")
    else:
        extent = Extent.shared_by(a, b, mm_per_degree=mm_per_degree)
        for name, path in (("first", a), ("second", b)):
            if len(path) < FEWEST_FIXATIONS:
                raise ValueError(
                    f"MultiMatch needs {FEWEST_FIXATIONS} fixations; the {name} path ({path.who}, {path.case}) has "
                    f"{len(path)}"
                )
        points = [extent.in_unit(extent.inside(path.voxel_ijk, outside), unit) for path in (a, b)]
        first, second = (saccades_between(p, path.duration_s) for p, path in zip(points, (a, b), strict=True))
        diagonal, per_degree = extent.diagonal(unit), extent.mm_per_degree if unit == "degrees" else float("nan")
    if simplification is not None:
        first, second = simplified(first, simplification), simplified(second, simplification)
    values = similarities(first, second, diagonal, published=faithful)
    return MultiMatch(
        *values, len(first), len(second), unit, diagonal, per_degree, simplification=simplification, faithful=faithful
    )


def similarities(
    a: Saccades, b: Saccades, diagonal: float, *, published: bool = False
) -> tuple[float, float, float, float, float]:
    """Vector, direction, length, position and duration similarity of two lists of saccades.

    The first saccade of one is always paired with the first of the other, the last with the last. Where two ways are
    equally cheap, the diagonal step is taken; between the other two the choice follows from the paths' content, not
    from their order, so the result is symmetric. `published` takes the way and the angle of the published 3-D code.
    """
    if not published and _comes_later(a, b):
        a, b = b, a
    i, j = aligned_saccades(a.step, b.step, diagonal_first=not published)
    step_a, step_b = a.step[i], b.step[j]
    longer = np.maximum(a.duration_s[i], b.duration_s[j])
    apart_s = np.abs(a.duration_s[i] - b.duration_s[j])
    angle = _published_angle(step_a, step_b) if published else angle_between(step_a, step_b)
    differences = (
        np.linalg.norm(step_a - step_b, axis=1) / (2 * diagonal),
        angle / np.pi,
        np.abs(np.linalg.norm(step_a, axis=1) - np.linalg.norm(step_b, axis=1)) / diagonal,
        np.linalg.norm(a.start[i] - b.start[j], axis=1) / diagonal,
        np.divide(apart_s, longer, out=np.zeros(len(longer)), where=longer > 0),
    )
    vector, direction, length, position, duration = (1 - float(np.median(values)) for values in differences)
    return vector, direction, length, position, duration


def aligned_saccades(
    step_a: ArrayLike, step_b: ArrayLike, *, diagonal_first: bool = True
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Indices of the paired saccades, (P,) each: the way of least total vector difference from first to last pair.

    Steps go right, down or diagonally. The published code finds the way with Dijkstra's algorithm; with differences
    that are never negative, row-by-row dynamic programming finds the same one. Of equally cheap ways the diagonal step
    is the first choice, so that a path whose saccades repeat still matches itself; the published search makes it the
    last (`diagonal_first` False), and such a path does not score 1 with itself there. Where several ways tie, its heap
    now and then chooses another (in 3 of 100 pairs of paths on a lattice of few places). Memory: one byte per pair of
    saccades.
    """
    first, second = (np.array(steps, dtype=np.float64, order="C") for steps in (step_a, step_b))
    return _cheapest_way(first, second, diagonal_first)


def _comes_later(a: Saccades, b: Saccades) -> bool:
    """An order of paths by length, then content."""
    if len(a) != len(b):
        return len(a) > len(b)
    return (a.step.tobytes(), a.start.tobytes()) > (b.step.tobytes(), b.start.tobytes())


def _padded(xyzt: Floats, length: int) -> Floats:
    missing = max(length - len(xyzt), 0)
    return np.concatenate([xyzt, np.tile(PUBLISHED_PADDING_XYZT, (missing, 1))])


def _published_angle(a: Floats, b: Floats) -> Floats:
    """Radians: azimuth difference, folded at pi, + polar angle difference; the sum folded at pi again."""
    azimuth = np.abs(np.arctan2(a[:, 1], a[:, 0]) - np.arctan2(b[:, 1], b[:, 0]))
    polar_a, polar_b = (np.arctan2(np.hypot(v[:, 0], v[:, 1]), v[:, 2]) for v in (a, b))
    total = np.minimum(azimuth, 2 * np.pi - azimuth) + np.abs(polar_a - polar_b)
    return np.minimum(total, 2 * np.pi - total)


@compiled
def _cheapest_way(a: Floats, b: Floats, diagonal_first: bool) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    n, m = len(a), len(b)
    total = np.empty(m)
    came = np.empty((n, m), dtype=np.int8)  # 0 diagonally, 1 from the left, 2 from above
    for i in range(n):
        corner = np.inf  # total of (i - 1, j - 1)
        for j in range(m):
            x, y, z = a[i, 0] - b[j, 0], a[i, 1] - b[j, 1], a[i, 2] - b[j, 2]
            cost = np.sqrt(x * x + y * y + z * z)
            left = total[j - 1] if j > 0 else np.inf
            above = total[j] if i > 0 else np.inf
            least, way = (left, 1) if left <= above else (above, 2)
            if corner < least or (diagonal_first and corner == least):
                least, way = corner, 0
            if i == 0 and j == 0:
                least = 0.0
            corner = above
            total[j] = least + cost
            came[i, j] = way
    rows = np.empty(n + m - 1, dtype=np.intp)
    columns = np.empty(n + m - 1, dtype=np.intp)
    i, j = n - 1, m - 1
    at = n + m - 2
    while True:
        rows[at], columns[at] = i, j
        if i == 0 and j == 0:
            break
        way = came[i, j]
        if way != 1:
            i -= 1
        if way != 2:
            j -= 1
        at -= 1
    return rows[at:], columns[at:]
