"""Features of models lie with the session that their CT belongs to."""

from __future__ import annotations

from pathlib import Path

from platformdirs import user_cache_path

from ctgaze_app.study.model_features import feature_folder


def test_a_sessions_features_are_derived_data_of_the_session():
    assert feature_folder(Path("S1")) == Path("S1", "derived", "features")


def test_features_of_a_ct_without_a_session_are_in_the_users_cache():
    assert feature_folder() == user_cache_path("ctgaze") / "features"
