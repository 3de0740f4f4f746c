"""Memory and time of local propagation beside the published unfold, at the published size, forward and in training.

Run with ``python -m tests.benchmarks.bench_propagation [--pictures 8] [--side 224] [--channels 128]``. Each measurement
is a process of its own; its peak memory counts from just before the propagation, so that PyTorch and the feature are in
neither. Where the unfold does not fit in memory, both are measured with fewer pictures, and the table says so.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import unfold

from models.gaze_segmentation.propagation import DILATION, SIZE, propagated

GIB = 1 << 30
LONGEST_S = 900
UNFOLD_COPIES = {"forward": 2.4, "training": 5.5}
"""Sizes of one unfold that the published arrangement needs at its peak, to know beforehand whether it fits."""


def unfolded(feature: Tensor) -> Tensor:
    """The published arrangement: 25 copies of the feature."""
    pictures, channels, height, width = feature.shape
    copies = unfold(feature, SIZE, dilation=DILATION, padding=DILATION * (SIZE // 2))
    copies = copies.view(pictures, channels, SIZE * SIZE, height, width)
    weights = (feature[:, :, None] * copies).sum(1).relu().softmax(1)
    return (weights[:, None] * copies).sum(2)


WAYS: dict[str, Callable[[Tensor], Tensor]] = {"unfold": unfolded, "ours": propagated}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both ways, forward and in training, and print one table; 1 where ours needs a tenth or more."""
    given = _arguments(arguments)
    if given.way:
        print(json.dumps(_measured(given)))
        return 0
    print(f"{'':10}{'':8}{'pictures':>9}{'peak GiB':>10}{'seconds':>9}")
    right = True
    for kind in ("forward", "training"):
        pictures = _that_fit(given, kind)
        if pictures == 0:
            print(f"{kind}: the unfold of one picture does not fit in memory")
            right = False
            continue
        found = {way: _in_own_process(given, way, kind, pictures) for way in WAYS}
        for way, (peak, seconds) in found.items():
            print(f"{kind:10}{way:8}{pictures:9}{peak / GIB:10.3f}{seconds:9.2f}")
        share = found["ours"][0] / found["unfold"][0]
        right &= share < 0.1
        note = "" if pictures == given.pictures else f" (of {given.pictures} pictures the unfold does not fit)"
        print(f"{kind:10}ours / unfold: memory {share:.3f}, time {found['ours'][1] / found['unfold'][1]:.2f}{note}")
        if pictures < given.pictures:
            peak, seconds = _in_own_process(given, "ours", kind, given.pictures)
            print(f"{kind:10}{'ours':8}{given.pictures:9}{peak / GIB:10.3f}{seconds:9.2f}")
    return 0 if right else 1


def _measured(given: argparse.Namespace) -> tuple[int, float]:
    torch.set_num_threads(1)
    shape = (given.pictures, given.channels, given.side, given.side)
    feature = torch.randn(shape, generator=torch.Generator().manual_seed(1)).div_(given.channels**0.5)
    training = given.kind == "training"
    feature.requires_grad_(training)
    slope = torch.ones_like(feature) if training else None
    small = torch.zeros(1, 1, 8, 8, requires_grad=True)
    WAYS[given.way](small).sum().backward()
    before = _resident_bytes()
    began = time.perf_counter()
    result = WAYS[given.way](feature)
    if slope is not None:
        result.backward(slope)
    return _peak_bytes() - before, time.perf_counter() - began


def _in_own_process(given: argparse.Namespace, way: str, kind: str, pictures: int) -> tuple[int, float]:
    command = [
        sys.executable, "-m", "tests.benchmarks.bench_propagation", "--way", way, "--kind", kind,
        "--pictures", str(pictures), "--side", str(given.side), "--channels", str(given.channels),
    ]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONGEST_S)
    peak, seconds = json.loads(done.stdout)
    return int(peak), float(seconds)


def _that_fit(given: argparse.Namespace, kind: str) -> int:
    """Largest power of two of pictures, up to those asked for, whose unfold fits in the memory that is free."""
    one = 4 * given.channels * SIZE * SIZE * given.side * given.side
    pictures = int(given.pictures)
    while pictures and UNFOLD_COPIES[kind] * one * pictures > 0.8 * _free_bytes():
        pictures //= 2
    return pictures


def _free_bytes() -> int:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _peak_bytes() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def _arguments(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=8)
    parser.add_argument("--channels", type=int, default=128)
    parser.add_argument("--side", type=int, default=224)
    parser.add_argument("--way", choices=("", *WAYS), default="", help=argparse.SUPPRESS)
    parser.add_argument("--kind", choices=("forward", "training"), default="forward", help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
