"""What the card of a network that was just trained says of its training, whatever the architecture."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from models.card import TrainingCard
from models.datasets.case import PARTS
from models.datasets.splits import Split
from models.training.recipes import config_text

ALL_PARTS = "Sources of all parts, of which the test part was never opened: "


def training_card(config: BaseModel, cases: Split[Any], *, data: str, seeds: tuple[int, ...]) -> TrainingCard:
    """The card's table, dated today.

    Parameters
    ----------
    config
        Of the run; the card keeps the digest of its text, without the folder of its cache.
    data
        The cases, the split and the chosen epoch, in sentences.
    seeds
        That make the same cases and the same run again.
    """
    return TrainingCard(
        data=data,
        seeds=seeds,
        recipe_sha256=hashlib.sha256(config_text(config, with_cache=False).encode()).hexdigest(),
        patients={part: len(cases.patients(part)) for part in PARTS},
        date=datetime.now(UTC).date().isoformat(),
    )
