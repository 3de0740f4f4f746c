"""How a gaze stream's channels are read: which eye, which unit, which way is up."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class EyeChannels(BaseModel):
    """Channel numbers (from 0) of one eye; None where the stream has no such channel."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    x: int
    y: int
    validity: int | None = None
    pupil: int | None = None


class GazeLayout(BaseModel):
    """The reading of one stream, guessed by `guess_layout`, confirmed by the coordinator, stored in session.json."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dialect: str
    eyes: dict[Literal["left", "right", "combined"], EyeChannels]
    unit: Literal["normalized", "pixel"]
    y_up: bool = False
    pupil_unit: str = ""
    frame_number: int | None = None
    zero_means_missing: bool = False
    width_px: int | None = Field(default=None, description="screen size that pixels refer to")
    height_px: int | None = None
    origin_px: tuple[float, float] = (0.0, 0.0)
    warnings: list[str] = []
