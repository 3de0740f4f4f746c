"""What a recorder is told before it starts."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ctgaze_app.acquisition.microphone import AudioSource
from ctgaze_app.acquisition.streams import MARKER_STREAM_NAME

STEM_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,100}$"


class StreamChoice(BaseModel):
    """One stream to record.

    Without `source_id` it is found by name and type, and two that match are refused. `required`: recording is ready
    only when it is there. `stall_after_s`: silence that counts as a fault; None: 0.8 s for streams with a rate and
    gaze streams, 2.5 s for views (they repeat each second), never for others.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    type: str = ""
    source_id: str = ""
    required: bool = True
    stall_after_s: float | None = None


class RunningTrial(BaseModel):
    """The trial that runs while a recorder starts (again): its sound is recorded from now on."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    trial: int = Field(ge=1)
    stem: str = Field(pattern=STEM_PATTERN)


class RecorderConfig(BaseModel):
    """One recording part; the recorder's first line of input is this as JSON.

    `markers_name` is the recorded stream whose trial_start and trial_end begin and end the sound files.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    xdf_path: Path
    dictation_folder: Path
    part: int = Field(default=1, ge=1)
    streams: list[StreamChoice] = Field(min_length=1)
    audio: AudioSource | None = None
    audio_required: bool = False
    markers_name: str = MARKER_STREAM_NAME
    running_trial: RunningTrial | None = None
