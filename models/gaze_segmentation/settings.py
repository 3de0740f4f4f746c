"""Sizes and switches of a segmentation network with several levels; no torch.

The defaults are the published network for polyps (reference: GazeMedSeg, B5 to B8).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

STEP_PX = 16
"""The network halves its input four times."""
LARGEST_SIDE_PX = 4096
Positive = Annotated[float, Field(gt=0)]
Side = Annotated[int, Field(ge=2 * STEP_PX, le=LARGEST_SIDE_PX, multiple_of=STEP_PX)]
Channels = Annotated[int, Field(ge=1, le=4096)]
Share = Annotated[float, Field(gt=0, lt=1)]
ThousandthShare = Annotated[float, Field(ge=0.001, le=0.999)]


class SegmentationSettings(BaseModel):
    """What a card says of the network.

    Attributes
    ----------
    structure
        What is segmented, in plain words.
    values
        Of the pictures: Hounsfield units, grey values without a unit, or red, green and blue.
    window_hu
        Lower and higher HU that are scaled to 0 and 1; for ``hu`` alone.
    normalisation
        ``imagenet``: ImageNet's mean and deviation of each colour. ``z-score``: of each picture. ``window``: the HU
        window alone.
    region
        ``chest``: a CT without lungs is refused; for ``hu`` alone. None: any part of the body.
    input_rows_columns_px
        Size of the picture that the network is trained on.
    spacing_mm
        None: every picture is resized to the input's size, as published. A number: slices are resampled to this
        distance of pixels; smaller ones are filled up around, of larger ones a part is looked at at a time.
    features, feature_channels
        Of MONAI's BasicUNet, and what it hands to the classifier.
    groups
        Of its group normalisation.
    mode
        ``gaze``: levels learn from pseudo-masks. ``full``: one level learns from true masks.
    thresholds
        Of the pseudo-mask map for each level; one that is not used for ``full``.
    consistency, consistency_weight
        Between levels: none, on their predictions (``pure``), or on predictions from propagated features.
    faithful
        As the published code: levels begin as copies of the first, their logits are averaged (else their
        probabilities), and pictures are resized without a filter against aliasing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)

    structure: str = Field(default="polyp", min_length=1, max_length=60)
    values: Literal["hu", "grey", "rgb"] = "rgb"
    window_hu: tuple[float, float] | None = None
    normalisation: Literal["imagenet", "z-score", "window"] = "imagenet"
    region: Literal["chest"] | None = None
    input_rows_columns_px: tuple[Side, Side] = (224, 224)
    spacing_mm: Annotated[float, Field(ge=0.01, le=100)] | None = None
    features: tuple[Channels, Channels, Channels, Channels, Channels, Channels] = (64, 128, 256, 512, 1024, 128)
    feature_channels: Channels = 128
    groups: int = Field(default=4, ge=1, le=64)
    mode: Literal["gaze", "full"] = "gaze"
    thresholds: tuple[ThousandthShare, ...] = Field(default=(0.5, 0.3), min_length=1, max_length=8)
    consistency: Literal["none", "pure", "propagated"] = "propagated"
    consistency_weight: Positive = 3.0
    faithful: bool = False

    @property
    def levels(self) -> int:
        """Networks that learn side by side."""
        return len(self.thresholds)

    @property
    def channels(self) -> int:
        """Of the input."""
        return 3 if self.values == "rgb" else 1

    @property
    def level_names(self) -> tuple[str, ...]:
        """For people: ``level 1 (from 0.5)``."""
        if self.mode == "full":
            return ("true masks",)
        return tuple(f"level {number} (from {share:g})" for number, share in enumerate(self.thresholds, start=1))

    @model_validator(mode="after")
    def _fits(self) -> SegmentationSettings:
        wanted = {"hu": "window", "grey": "z-score", "rgb": "imagenet"}[self.values]
        if self.normalisation != wanted:
            raise ValueError(f"normalisation {self.normalisation} with values {self.values}; it takes {wanted}")
        if (self.window_hu is None) != (self.values != "hu"):
            raise ValueError('window_hu belongs to values = "hu", and only to it')
        if self.window_hu is not None and not self.window_hu[0] < self.window_hu[1]:
            raise ValueError("window_hu needs a lower and a higher value")
        if self.region is not None and self.values != "hu":
            raise ValueError('region belongs to values = "hu", and only to it')
        if any(width % self.groups for width in self.features):
            raise ValueError(f"features must divide into {self.groups} groups")
        if self.mode == "full" and self.levels > 1:
            raise ValueError('mode = "full" has one level: name one threshold')
        if self.consistency != "none" and self.levels < 2:
            raise ValueError("consistency needs two levels or more")
        return self
