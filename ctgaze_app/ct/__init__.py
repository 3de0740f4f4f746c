"""Files to `Volume`: grouping, sorting, decoding, geometry and VOI windows. Nothing here knows of Qt or gaze."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ctgaze_app.ct.volume import Finding, VoiWindow, Volume

if TYPE_CHECKING:
    from ctgaze_app.ct.series import SeriesSummary, list_series, load_series

__all__ = ["Finding", "SeriesSummary", "VoiWindow", "Volume", "list_series", "load_series"]


def __getattr__(name: str) -> Any:
    """Import the loader on first use: it brings pydicom and its decoders, which start-up does without."""
    if name in ("SeriesSummary", "list_series", "load_series"):
        from ctgaze_app.ct import series

        return getattr(series, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
