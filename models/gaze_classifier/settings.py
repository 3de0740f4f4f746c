"""What a gaze classifier is: everything that decides its parameters' shapes and what they mean."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Kind = Literal["baseline", "temporal", "static", "static_baseline"]
Label = Annotated[str, Field(min_length=1, max_length=100)]
Channels = Annotated[int, Field(ge=1, le=2048)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]

STRIDE_OF_EFFICIENTNET = 32


class GazeClassifierSettings(BaseModel):
    """Architecture of one network; the defaults are the published constants (reference: chest X-ray study, C9, C10).

    Attributes
    ----------
    kind
        ``baseline``: image CNN. ``temporal``: the same CNN, and a reader's gaze as a sequence of heat maps.
        ``static``: U-Net that predicts findings and where a reader looks. ``static_baseline``: its encoder alone.
    labels
        Findings in the order of the outputs; they do not exclude each other.
    size_px
        Pictures and heat maps are stretched to this square.
    intensity, percentiles, window
        What becomes 0 and 1: ``percentile`` of each picture's own values, a fixed ``window``, or as published
        (``maximum``) 0 and the picture's largest value.
    channels, hidden, embedding
        Of the image CNN (`models.gaze_classifier.image_cnn`); the recurrent layer has `embedding` units a direction.
    dropout
        Before the last linear layer.
    faithful
        The published temporal network with its defects: padded frames count like fixations, and the query's halves
        stand in the reverse order of the outputs'. Without a meaning for the other kinds.
    without_gaze
        What the temporal network does with a picture that nobody looked at: it refuses, or goes by the picture alone
        (it must have been trained for that: `gaze_dropout`).
    most_frames
        Of a sequence; of more fixations each frame holds several consecutive ones.
    weighting
        A frame's height: the time looked there as a share of the longest frame's, or as published always 1.
    sigma, sigma_unit
        Of a fixation's Gaussian: as a share of the picture's longer side, or in pixels of the picture as it was taken.
    encoder, encoder_channels
        Of the U-Net: EfficientNet-b0, or a small one with a stage for each number of channels.
    decoder_channels
        One number a stage of the encoder.
    thresholds
        From which probability on each label counts as found, chosen on validation patients; empty: nobody chose.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Kind
    labels: tuple[Label, ...] = Field(min_length=1, max_length=200)
    size_px: int = Field(default=224, ge=32, le=1024, multiple_of=4)
    intensity: Literal["percentile", "window", "maximum"] = "percentile"
    percentiles: tuple[float, float] = (1.0, 99.0)
    window: tuple[float, float] = (0.0, 1.0)
    channels: Channels = 64
    hidden: Channels = 128
    embedding: Channels = 64
    dropout: float = Field(default=0.5, ge=0, lt=1, allow_inf_nan=False)
    faithful: bool = False
    without_gaze: Literal["refuse", "image_only"] = "refuse"
    most_frames: int = Field(default=64, ge=1, le=1024)
    weighting: Literal["duration", "count"] = "duration"
    sigma: float = Field(default=0.05, gt=0, le=10_000, allow_inf_nan=False)
    sigma_unit: Literal["share", "native_px"] = "share"
    encoder: Literal["efficientnet-b0", "small"] = "efficientnet-b0"
    encoder_channels: tuple[Channels, ...] = (16, 32, 64, 128)
    decoder_channels: tuple[Channels, ...] = (256, 128, 64, 32, 16)
    thresholds: tuple[Share, ...] = ()

    @model_validator(mode="after")
    def _fits(self) -> GazeClassifierSettings:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("a label is there twice")
        if len(self.thresholds) not in (0, len(self.labels)):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.labels)} labels")
        low, high = self.percentiles
        if not 0 <= low < high <= 100:
            raise ValueError(f"percentiles {self.percentiles} must ascend within 0 to 100")
        if not self.window[0] < self.window[1]:
            raise ValueError("the window needs a lower and a higher value")
        if self.sigma_unit == "share" and self.sigma > 1:
            raise ValueError(f"a sigma of {self.sigma} picture sides")
        if self.kind == "static" and len(self.decoder_channels) != self.stages:
            raise ValueError(f"{len(self.decoder_channels)} decoder_channels for an encoder of {self.stages} stages")
        if self.is_unet and self.size_px % self.stride:
            raise ValueError(f"size_px {self.size_px} must divide by {self.stride}, the encoder's stride")
        return self

    @property
    def is_unet(self) -> bool:
        """Whether it has the U-Net's encoder, and so Grad-CAM."""
        return self.kind in ("static", "static_baseline")

    @property
    def task(self) -> Literal["classification", "saliency"]:
        """Of the card."""
        return "saliency" if self.is_unet else "classification"

    @property
    def stages(self) -> int:
        """Of the U-Net's encoder."""
        return 5 if self.encoder == "efficientnet-b0" else len(self.encoder_channels)

    @property
    def stride(self) -> int:
        """Pixels of the input in one of the encoder's last features."""
        return STRIDE_OF_EFFICIENTNET if self.encoder == "efficientnet-b0" else 2**self.stages
