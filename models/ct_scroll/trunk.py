"""A residual network of 18 layers over single images, under the parameter names of the published checkpoints.

The architecture is He et al. 2016 (arXiv 1512.03385), table 1; names are those of `resnet18` as torchvision has it, cut
off before its average pooling and put in a row (reference: CT-Scroll, A3).
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_weights

from models.errors import ModelError

STAGES = 4
IMAGENET_NAMES = {"conv1": "0", "bn1": "1", "layer1": "4", "layer2": "5", "layer3": "6", "layer4": "7"}
"""A part's name in torchvision's `resnet18` and its place in the row."""


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions beside the identity, or beside a 1 x 1 convolution where the size changes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = (
            nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
            if stride != 1 or before != after
            else None
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, before, H, W) to (B, after, H / stride, W / stride)."""
        beside = images if self.downsample is None else self.downsample(images)
        inner = self.relu(self.bn1(self.conv1(images)))
        return self.relu(self.bn2(self.conv2(inner)) + beside)


def make_trunk(width: int) -> nn.Sequential:
    """Images of three channels to (B, 8 * width, H / 32, W / 32); weights as He et al. 2015 draw them.

    Parameters
    ----------
    width
        Channels of the first stage; 64 is ResNet-18.
    """
    stages: list[nn.Module] = []
    before = width
    for stage in range(STAGES):
        after, stride = width << stage, 1 if stage == 0 else 2
        stages.append(nn.Sequential(BasicBlock(before, after, stride), BasicBlock(after, after, 1)))
        before = after
    trunk = nn.Sequential(
        nn.Conv2d(3, width, 7, 2, 3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, 2, 1),
        *stages,
    )
    for module in trunk.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return trunk


def load_imagenet(trunk: nn.Sequential, weights: Mapping[str, Tensor], *, place: str) -> None:
    """Take the weights of torchvision's `resnet18`, without its classifier.

    Raises
    ------
    ModelError
        A tensor is missing, of another shape, or not finite.
    """
    wanted = trunk.state_dict()
    remedy = "name torchvision's resnet18 state dict, and use trunk_width = 64"
    fitting = {}
    for name, value in weights.items():
        part, _, rest = name.partition(".")
        if part in IMAGENET_NAMES:
            fitting[f"{IMAGENET_NAMES[part]}.{rest}"] = value
    for name, own in wanted.items():
        if name not in fitting and name.endswith("num_batches_tracked"):
            fitting[name] = own
        if name not in fitting:
            raise ModelError(f"lacks the tensor of {name}", place=place, remedy=remedy)
        if fitting[name].shape != own.shape:
            raise ModelError(
                f"{name} has the shape {tuple(fitting[name].shape)}, not {tuple(own.shape)}", place=place, remedy=remedy
            )
        if not bool(torch.isfinite(fitting[name]).all()):
            raise ModelError(f"{name} holds values that are no numbers", place=place, remedy=remedy)
    extra = sorted(set(fitting) - set(wanted))
    if extra:
        raise ModelError(f"holds {extra[0][:100]}, which ResNet-18 has not", place=place, remedy=remedy)
    trunk.load_state_dict({name: fitting[name].to(own.dtype) for name, own in wanted.items()})


class FoldedTrunk:
    """A trunk in evaluation mode as plain convolutions: each normalisation is folded into the one before it.

    A copy for prediction, never saved; it holds what the trunk held when it was made. Images come out as from the trunk
    within rounding, in less time: no pass over the images is spent on normalising, and channels lie last in memory.
    """

    def __init__(self, trunk: nn.Sequential) -> None:
        self._stem = _folded(trunk[0], trunk[1])
        self._blocks = [
            (
                _folded(block.conv1, block.bn1),
                _folded(block.conv2, block.bn2),
                None if block.downsample is None else _folded(block.downsample[0], block.downsample[1]),
            )
            for block in trunk.modules()
            if isinstance(block, BasicBlock)
        ]

    def __call__(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) to (B, channels, H / 32, W / 32)."""
        found = functional.relu_(self._stem(images.contiguous(memory_format=torch.channels_last)))
        found = functional.max_pool2d(found, 3, 2, 1)
        for first, second, beside in self._blocks:
            shortcut = found if beside is None else beside(found)
            found = functional.relu_(second(functional.relu_(first(found))).add_(shortcut))
        return found


def _folded(convolution: nn.Module, norm: nn.Module) -> nn.Conv2d:
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.running_mean is not None
    assert norm.running_var is not None
    with torch.no_grad():
        weight, bias = fuse_conv_bn_weights(
            convolution.weight, None, norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias
        )
    found = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        convolution.kernel_size,  # type: ignore[arg-type]
        convolution.stride,  # type: ignore[arg-type]
        convolution.padding,  # type: ignore[arg-type]
        device=weight.device,
        dtype=weight.dtype,
    )
    found.weight = nn.Parameter(weight.detach().contiguous(memory_format=torch.channels_last), requires_grad=False)
    found.bias = nn.Parameter(bias.detach(), requires_grad=False)
    return found
