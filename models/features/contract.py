"""What every encoder outside the network does: a CT volume to features of each cell of its grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol

from numpy.typing import ArrayLike

from models.features.resampling import Image, Progress, Stop
from models.volumes import CtVolume

if TYPE_CHECKING:
    from models.features.devices import Device

CellOrder = Literal["canonical", "published"]


class Encoder(Protocol):
    """Makes the features that a network with ``encoder = "given"`` takes.

    Attributes
    ----------
    name
        As `models.features.encoders` lists it.
    channels
        Features of each cell: the network's `feature_channels`.
    cell_order
        Which cell a row of the features belongs to. ``canonical``: (k * gj + j) * gi + i of the canonical orientation
        (`models.volumes`). ``published``: the three axes as they are stored, (i * gj + j) * gk + k, for the faithful
        network.
    """

    name: str

    @property
    def channels(self) -> int:
        """Features of each cell."""

    @property
    def cell_order(self) -> CellOrder:
        """Which cell a row belongs to."""

    @property
    def settings(self) -> dict[str, object]:
        """Everything that decides the features, as JSON values: with the volume's digest, the key of a cache.

        Raises
        ------
        ModelError
            The encoder's weights are not there.
        """

    def estimate_s(
        self, shape_kji: tuple[int, int, int], device: Device, *, affine_lps: ArrayLike | None = None
    ) -> float:
        """Seconds that `encode` will take, from a part of the work that is timed once on the device.

        Without an affine the voxels are taken to be as large as the encoder wants them.
        """

    def encode(
        self,
        volume: CtVolume,
        grid_kji: tuple[int, int, int],
        *,
        device: Device,
        progress: Progress | None = None,
        cancelled: Stop | None = None,
    ) -> Image:
        """(cells, channels) float32 features.

        Raises
        ------
        ModelError
            The volume, the encoder's weights or the grid are not what they should be.
        Cancelled
            `cancelled` said so.
        """
