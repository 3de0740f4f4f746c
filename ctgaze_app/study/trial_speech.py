"""What was said in a trial and what was looked at before it: windows, mentions of regions, the reader's own lag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ctgaze_app.ct.labelled_region import LabelledRegion
from ctgaze_app.review.lungs import Lungs
from ctgaze_app.review.regions import membership
from ctgaze_app.review.speech_lag import SpeechLag, speech_lag
from ctgaze_app.review.spoken_words import WindowEffect, effects_to_dict, find_mentions, window_sensitivity
from ctgaze_app.study.session_words import session_words
from ctgaze_app.study.trial_tables import SessionTables, TrialTables


@dataclass(frozen=True, eq=False)
class TrialSpeech:
    """Speech and gaze of one trial.

    Attributes
    ----------
    n_words, n_mentions
        Spoken words, and how many times a region was named.
    windows
        What different look-back windows give, so that no conclusion hangs on one.
    lag
        From looking at a region to naming it.
    """

    n_words: int
    n_mentions: int
    windows: tuple[WindowEffect, ...]
    lag: SpeechLag

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "n_words": self.n_words,
            "n_mentions": self.n_mentions,
            "windows": effects_to_dict(self.windows),
            "lag": self.lag.to_dict(),
        }


def lung_regions(lungs: Lungs | None) -> tuple[LabelledRegion, ...]:
    """Left and right lung as regions that can be named; none where they are not told apart."""
    if lungs is None or lungs.left is None or lungs.right is None:
        return ()
    return tuple(
        LabelledRegion.from_mask(name, mask, "lung")
        for name, mask in (("left lung", lungs.left), ("right lung", lungs.right))
    )


def trial_speech(
    session: SessionTables,
    trial: TrialTables,
    regions: Sequence[LabelledRegion],
    phrases: Mapping[str, Sequence[str]] | None = None,
) -> TrialSpeech | None:
    """Relate the words of a trial to its fixations; None without a transcript.

    Parameters
    ----------
    regions
        Places that may be named.
    phrases
        How they are spoken, by region; a region that is not here is called by its own name.

    Raises
    ------
    SessionError
        When the transcript cannot be read.
    """
    rows = trial.rows["fixations"]
    if rows.empty:
        return None
    number = trial.record.number
    origin_lsl = float((rows["onset_lsl"] - rows["onset_s"]).median())
    words, _ = session_words(session.folder, session.manifest, [trial.record], {number: origin_lsl})
    if words is None or words.empty:
        return None
    names = [region.name for region in regions]
    spoken = {name: (phrases or {}).get(name, (name,)) for name in names}
    mentions = find_mentions(words, spoken)
    voxel = rows[["x_voxel", "y_voxel", "z_voxel"]].to_numpy(np.float64)
    inside = membership(voxel, regions)
    windows = window_sensitivity(rows, words, mentions=mentions, regions=names, inside=inside)
    return TrialSpeech(len(words), len(mentions), windows, speech_lag(mentions, rows, names, inside))
