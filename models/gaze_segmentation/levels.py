"""From which value on each level of pseudo-masks counts as the structure (reference: gaze_segmentation B5)."""

from __future__ import annotations

from models.errors import ModelError

PUBLISHED: dict[str, dict[int, tuple[float, ...]]] = {
    "kvasir": {
        1: (0.5,),
        2: (0.5, 0.3),
        3: (0.5, 0.3, 0.4),
        4: (0.5, 0.3, 0.367, 0.433),
        5: (0.5, 0.3, 0.35, 0.4, 0.45),
    },
    "prostate": {2: (0.2, 0.4)},
}
"""By preset and number of levels, on the map after the random field, in the published order."""
MOST_LEVELS = 16


def thresholds(preset: str, count: int) -> tuple[float, ...]:
    """The published list.

    Raises
    ------
    ModelError
        When none was published.
    """
    if preset not in PUBLISHED or count not in PUBLISHED[preset]:
        known = "; ".join(f"{name}: {', '.join(map(str, lists))}" for name, lists in PUBLISHED.items())
        raise ModelError(
            f"no thresholds were published for {count} levels of {preset[:40]}",
            remedy=f"numbers of levels by preset: {known}; or give the thresholds themselves",
        )
    return PUBLISHED[preset][count]


def checked_thresholds(given: tuple[float, ...]) -> tuple[float, ...]:
    """The same when each lies above 0 and below 1 and none occurs twice; raises `ModelError`."""
    if not 1 <= len(given) <= MOST_LEVELS:
        raise ModelError(f"{len(given)} levels", remedy=f"give 1 to {MOST_LEVELS} thresholds")
    if not all(0 < each < 1 for each in given) or len(set(given)) < len(given):
        raise ModelError(
            f"thresholds {', '.join(f'{each:g}' for each in given)}", remedy="each above 0 and below 1, none twice"
        )
    return given
