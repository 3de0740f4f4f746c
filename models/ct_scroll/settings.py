"""What a CT-Scroll network is: everything that decides its parameters' shapes, what it is given and what they mean."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

CT_RATE_LABELS = (
    "Medical material",
    "Arterial wall calcification",
    "Cardiomegaly",
    "Pericardial effusion",
    "Coronary artery wall calcification",
    "Hiatal hernia",
    "Lymphadenopathy",
    "Emphysema",
    "Atelectasis",
    "Lung nodule",
    "Lung opacity",
    "Pulmonary fibrotic sequela",
    "Pleural effusion",
    "Mosaic attenuation pattern",
    "Peribronchial thickening",
    "Consolidation",
    "Bronchiectasis",
    "Interlobular septal thickening",
)
"""Column order of CT-RATE's tables of labels (reference: CT-Scroll, A4)."""

SLICES_PER_TOKEN = 3
"""Consecutive slices that become the three channels of one image."""
MEAN_OF_IMAGENET = 0.449
"""Mean of the three ImageNet means, taken off values 0..1 (A1)."""
MOST_VOXELS = 1 << 28
"""Of an input: 1 GiB as float32, five times the published one."""

Name = Annotated[str, Field(min_length=1, max_length=100)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Dropout = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Size = Annotated[int, Field(ge=1, le=4096)]
Millimetres = Annotated[float, Field(gt=0.05, le=50, allow_inf_nan=False)]


class ScrollSettings(BaseModel):
    """One network; the defaults are the published constants (reference: CT-Scroll, A1 and A2).

    Axes of the input are S-L-P: caudal to cranial, right to left, anterior to posterior.

    Attributes
    ----------
    labels
        What it finds, in the order of its outputs.
    thresholds
        From which probability on a label counts as found, chosen on validation patients; empty where nobody chose.
    input_shape_slp, spacing_slp_mm
        Voxels and their distance; the first number of voxels divides by three.
    hu_range
        Hounsfield units that become 0 and 1.
    trunk_width
        Channels of the residual trunk's first stage; its last has eight times as many.
    embedding
        Of a token.
    windows
        Tokens (of three slices) that a token sees along each local direction, itself included; one for each block.
    heads
        Of every attention.
    classifier_width
        Hidden units of the last layers.
    local_attention
        False leaves the two local parts out of every block: an ablation.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    labels: tuple[Name, ...] = Field(default=CT_RATE_LABELS, min_length=1, max_length=1000)
    thresholds: tuple[Share, ...] = ()
    input_shape_slp: tuple[Size, Size, Size] = (240, 480, 480)
    spacing_slp_mm: tuple[Millimetres, Millimetres, Millimetres] = (1.5, 0.75, 0.75)
    hu_range: tuple[float, float] = (-1000.0, 200.0)
    trunk_width: int = Field(default=64, ge=2, le=512)
    embedding: int = Field(default=512, ge=2, le=8192)
    windows: tuple[Size, ...] = Field(default=(16,), max_length=24)
    heads: int = Field(default=8, ge=1, le=64)
    classifier_width: int = Field(default=128, ge=1, le=8192)
    local_attention: bool = True
    projection_dropout: Dropout = 0.2
    attention_dropout: Dropout = 0.1
    classifier_dropout: Dropout = 0.5

    @model_validator(mode="after")
    def _fits(self) -> ScrollSettings:
        slices = self.input_shape_slp[0]
        if slices % SLICES_PER_TOKEN:
            raise ValueError(f"{slices} slices must divide by {SLICES_PER_TOKEN}: three make a token")
        if min(self.input_shape_slp[1:]) < 16:
            raise ValueError(f"slices of {self.input_shape_slp[1]} x {self.input_shape_slp[2]}: 16 x 16 are the least")
        s, l, p = self.input_shape_slp  # noqa: E741 - the axes' letters
        if s * l * p > MOST_VOXELS:
            raise ValueError(f"an input of {s} x {l} x {p} voxels fits no memory")
        if self.embedding % self.heads:
            raise ValueError(f"an embedding of {self.embedding} must divide by {self.heads} heads")
        if len(set(self.labels)) != len(self.labels):
            raise ValueError("two labels have one name")
        if len(self.thresholds) not in (0, len(self.labels)):
            raise ValueError(f"{len(self.thresholds)} thresholds for {len(self.labels)} labels")
        if not -1e5 < self.hu_range[0] < self.hu_range[1] < 1e5:
            raise ValueError("hu_range needs a lower and a higher value")
        return self

    @property
    def tokens(self) -> int:
        """Triplets of slices."""
        return self.input_shape_slp[0] // SLICES_PER_TOKEN
