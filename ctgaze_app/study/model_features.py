"""Where features of models' frozen encoders are kept: with the session whose CT they were made from."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path

FEATURE_FOLDER = "features"


def feature_folder(session: Path | None = None) -> Path:
    """``derived/features`` of a session, or the user's cache for a CT that belongs to none; may not be there yet.

    For `models.features.cache.FeatureCache`. Features can be made again from the CT, and hold nothing that names the
    patient.
    """
    if session is None:
        return user_cache_path("ctgaze") / FEATURE_FOLDER
    return Path(session) / "derived" / FEATURE_FOLDER
