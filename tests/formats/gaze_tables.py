"""A small data set with everything in it, made from nothing: two readers, two volumes, samples, events, words."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from ctgaze_app.formats.dataset import (
    EVENT_COLUMNS,
    FIXATION_COLUMNS,
    SAMPLE_COLUMNS,
    WORD_COLUMNS,
    CaseRecord,
    DataSet,
)

SCREEN = {
    "width_px": 1920.0, "height_px": 1080.0, "width_mm": 527.0, "height_mm": 296.0, "distance_mm": 650.0,
    "rate_hz": 60.0,
}  # fmt: skip
AFFINE = np.array([[0.7, 0, 0, -150.0], [0, 0.7, 0, -150.0], [0, 0, -2.5, 300.0], [0, 0, 0, 1]])


def make_dataset(seed: int = 1, n_fixations: int = 12, n_samples: int = 90, **changes: Any) -> DataSet:
    """Four trials: readers r01 and r02 on cases case-1 and case-2."""
    random = np.random.default_rng(seed)
    tables: dict[str, list[pd.DataFrame]] = {"fix": [], "gaze": [], "event": [], "word": []}
    for reader in ("r01", "r02"):
        for trial, case in enumerate(("case-1", "case-2"), start=1):
            keys = {"session": f"{reader}_20260102T030405Z", "reader": reader, "trial": trial, "case": case}
            tables["fix"].append(_fixations(random, keys, n_fixations))
            tables["gaze"].append(_samples(random, keys, n_samples))
            event = {
                "event": ["saccade", "blink", "message"],
                "onset_s": [0.4, 0.9, 1.2],
                "duration_s": [0.03, 0.1, 0.0],
            }
            tables["event"].append(
                pd.DataFrame({**keys, **event, "value": ["", "", "answer yes"]})[list(EVENT_COLUMNS)]
            )
            words = {"text": ["left", "nodule"], "start_s": [0.5, 0.8], "end_s": [0.7, 1.2], "source": "typed"}
            tables["word"].append(pd.DataFrame({**keys, **words})[list(WORD_COLUMNS)])
    joined = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    content: dict[str, Any] = {
        "cases": (
            CaseRecord("case-1", (40, 512, 512), "p1", AFFINE, report={"r01": "No nodule.", "r02": "One nodule."}),
            CaseRecord("case-2", (143, 512, 512), "p2", AFFINE),
        ),
        "fixations": joined["fix"],
        "samples": joined["gaze"],
        "events": joined["event"],
        "words": joined["word"],
        "screen": SCREEN,
        "provenance": {"format": "made", "options": {}, "files": {}, "notes": []},
    }
    return DataSet(**{**content, **changes})


def _fixations(random: np.random.Generator, keys: dict[str, Any], count: int) -> pd.DataFrame:
    onset = np.round(np.cumsum(random.uniform(0.2, 0.4, count)), 6)
    shown = np.ones(count, dtype=bool)
    shown[3] = False
    voxel = np.round(random.uniform(0, [511, 511, 39], (count, 3)), 3)
    voxel[:, 2] = np.round(voxel[:, 2])
    voxel[~shown] = np.nan
    return pd.DataFrame(
        {
            **keys,
            "fixation": np.arange(1, count + 1),
            "kind": np.where(np.arange(count) % 5 == 4, "drill", "fixation"),
            "onset_s": onset,
            "duration_s": np.round(random.uniform(0.1, 0.2, count), 6),
            "x_voxel": voxel[:, 0],
            "y_voxel": voxel[:, 1],
            "z_voxel": voxel[:, 2],
            "on_image": shown,
            "x_screen_norm": np.round(random.uniform(0.1, 0.9, count), 6),
            "y_screen_norm": np.round(random.uniform(0.1, 0.9, count), 6),
            "pupil": np.round(random.uniform(2, 4, count), 4),
            "pupil_unit": "mm",
            "uncertainty_mm": 3.5,
        }
    )[list(FIXATION_COLUMNS)]


def _samples(random: np.random.Generator, keys: dict[str, Any], count: int) -> pd.DataFrame:
    valid = np.ones(count, dtype=bool)
    valid[10:15] = False
    place = np.where(valid[:, None], np.round(random.uniform(0.1, 0.9, (count, 2)), 6), np.nan)
    shown = valid & (np.arange(count) % 7 != 0)
    voxel = np.where(shown[:, None], np.round(random.uniform(0, 39, (count, 3)), 3), np.nan)
    return pd.DataFrame(
        {
            **keys,
            "onset_s": np.round(np.arange(count) / 60, 6),
            "valid": valid,
            "x_screen_norm": place[:, 0],
            "y_screen_norm": place[:, 1],
            "x_voxel": voxel[:, 0],
            "y_voxel": voxel[:, 1],
            "z_voxel": voxel[:, 2],
            "on_image": shown,
            "pupil": np.where(valid, 3.0, np.nan),
            "pupil_unit": "mm",
            "kind": "gaze",
        }
    )[list(SAMPLE_COLUMNS)]
