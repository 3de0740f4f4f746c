"""The encoder half of MONAI's Swin UNETR, and its weights from a file that the user gives."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

import torch
from monai.networks.blocks import UnetrBasicBlock
from monai.networks.nets.swin_unetr import PatchMerging, SwinTransformer
from platformdirs import user_data_path
from torch import Tensor, nn

from models.errors import ModelError
from models.pickled_tensors import read_tensors

BUNDLE = "swin_unetr_btcv_segmentation"
BUNDLE_FILE = "models/model.pt"
BUNDLE_URL = f"https://huggingface.co/MONAI/{BUNDLE}/resolve/main/{BUNDLE_FILE}"
FEATURE_SIZE = 48

_AGAIN = f"take {BUNDLE_FILE} of MONAI's bundle {BUNDLE} again"
_PREFIXES = re.compile(r"^(?:module|model|net|network)\.")


class Bottleneck(nn.Module):
    """Swin transformer and the block below its last stage ("dec4"), under MONAI's parameter names.

    The decoder is not built: features come from the bottleneck.
    """

    def __init__(self, feature_size: int = FEATURE_SIZE) -> None:
        super().__init__()
        self.swinViT = SwinTransformer(
            in_chans=1,
            embed_dim=feature_size,
            window_size=(7, 7, 7),
            patch_size=(2, 2, 2),
            depths=(2, 2, 2, 2),
            num_heads=(3, 6, 12, 24),
            downsample=PatchMerging,
        )
        self.encoder10 = UnetrBasicBlock(
            spatial_dims=3,
            in_channels=16 * feature_size,
            out_channels=16 * feature_size,
            kernel_size=3,
            stride=1,
            norm_name="instance",
            res_block=True,
        )

    def forward(self, windows: Tensor) -> Tensor:
        """(n, 1, D, H, W), each divisible by 32, to (n, 16 * feature size, D/32, H/32, W/32)."""
        dec4: Tensor = self.encoder10(self.swinViT(windows, True)[4])
        return dec4


def default_weights() -> Path:
    """Where the weights lie when no other file is named."""
    return user_data_path("ctgaze") / "bundles" / BUNDLE / BUNDLE_FILE


def load_bottleneck(path: Path, feature_size: int = FEATURE_SIZE) -> Bottleneck:
    """The network with the weights of a file; no code of the file is run.

    Parameters
    ----------
    path
        A dictionary of tensors under MONAI's names, alone or under ``state_dict``, as PyTorch saves it. Names may be
        prefixed with ``module.``, ``model.`` or ``net.``; what belongs to the decoder is left out.
    feature_size
        48 as published.

    Raises
    ------
    ModelError
        No such file, one that holds more than weights, or weights of another network.
    """
    _require(path)
    given = {_PREFIXES.sub("", name): value for name, value in read_tensors(path, remedy=_AGAIN).items()}
    network = Bottleneck(feature_size)
    wanted = network.state_dict()
    chosen = {name: given[name] for name in wanted if name in given}
    missing = [name for name, _ in network.named_parameters() if name not in chosen]
    if missing:
        raise _not_these(path, f"{len(missing)} of Swin UNETR's weights are missing, first {missing[0]}")
    for name, tensor in chosen.items():
        if tensor.shape != wanted[name].shape:
            shapes = f"{tuple(tensor.shape)} in place of {tuple(wanted[name].shape)}"
            raise _not_these(path, f"{name} has shape {shapes}: not feature size {feature_size}")
        if not torch.isfinite(tensor).all():
            raise _not_these(path, f"{name} holds values that are no numbers")
    network.load_state_dict(chosen, strict=False)
    return network.eval().requires_grad_(False)


def weights_digest(path: Path) -> str:
    """SHA-256 of the file; raises as `load_bottleneck` when there is none."""
    _require(path)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _require(path: Path) -> None:
    if not path.is_file():
        raise ModelError(
            "the Swin UNETR weights are not there",
            place=str(path),
            remedy=f"they are {BUNDLE_FILE} (256 MB) of the bundle {BUNDLE} in MONAI's model zoo; "
            f'type: curl -L --create-dirs -o "{path}" {BUNDLE_URL}',
        )


def _not_these(path: Path, message: str) -> ModelError:
    return ModelError(message, place=str(path), remedy=_AGAIN)
