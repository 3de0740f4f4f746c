"""CT-Scroll's forward on a CPU beside the plain published arrangement: time, peak memory, and the same probabilities.

Run with ``python -m tests.benchmarks.bench_ct_scroll [--repeats 3] [--threads 1] [--json]``. The plain arrangement is
the same network as published: all 80 images go through the trunk at once, normalisations are computed as layers, masks
are made anew at every forward with loops, one copy for each head, and attention weights are computed and dropped. Each
arrangement runs in processes of its own, in turn. `forward MiB` is what the forward needs above the network and the
volume that are there before it; `process MiB` is the peak of everything, making them included. Linux only. Budget: half
the time, a third of the memory, equal to 1e-4. Time is the processor's, on one thread: several threads spin while they
wait, and other programs' work would be counted as ours.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.ct_scroll.network import CtScroll
from models.ct_scroll.scrolling import AttentionBlock
from models.ct_scroll.settings import ScrollSettings

ARRANGEMENTS = ("plain", "ours")
TIME_BUDGET, MEMORY_BUDGET, SAME = 0.5, 1 / 3, 1e-4


def main() -> int:
    """Prints one table; exit code 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--one", choices=ARRANGEMENTS, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measured(chosen.one, chosen.threads)))
        return 0
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in ARRANGEMENTS}
    for _ in range(chosen.repeats):
        for name in ARRANGEMENTS:
            command = [sys.executable, "-m", "tests.benchmarks.bench_ct_scroll", "--one", name]
            command += ["--threads", str(chosen.threads)]
            runs[name].append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
    best = {name: {key: min(one[key] for one in found) for key in ("wall_s", "cpu_s", "forward_mib", "process_mib")}
            for name, found in runs.items()}  # fmt: skip
    apart = max(
        abs(a - b) for a, b in zip(runs["plain"][0]["probability"], runs["ours"][0]["probability"], strict=True)
    )
    ratio = {key: best["ours"][key] / best["plain"][key] for key in best["ours"]}
    good = ratio["cpu_s"] <= TIME_BUDGET and ratio["process_mib"] <= MEMORY_BUDGET and apart <= SAME
    if chosen.json:
        print(json.dumps({"best": best, "ratio": ratio, "probabilities_apart": apart, "within_budget": good}))
        return 0 if good else 1
    print(f"{'':10s} {'wall s':>8s} {'CPU s':>8s} {'forward MiB':>12s} {'process MiB':>12s}")
    for name, row in best.items():
        cells = f"{row['wall_s']:8.2f} {row['cpu_s']:8.2f} {row['forward_mib']:12.0f} {row['process_mib']:12.0f}"
        print(f"{name:10s} {cells}")
    print(f"{'ratio':10s} {ratio['wall_s']:8.2f} {ratio['cpu_s']:8.2f} {ratio['forward_mib']:12.2f} "
          f"{ratio['process_mib']:12.2f}")  # fmt: skip
    print(
        f"probabilities apart by {apart:.1e}; budgets {TIME_BUDGET} of the CPU time, {MEMORY_BUDGET:.2f} of the memory"
    )
    return 0 if good else 1


def measured(name: str, threads: int) -> dict[str, Any]:
    """One forward of the published size in this process."""
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    network = CtScroll(ScrollSettings()).eval()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.running_var, 0.5, 1.5)
            nn.init.normal_(module.running_mean, std=0.1)
    volume = torch.rand(1, 1, 240, 480, 480) - 0.449
    made = _status_mib("VmHWM")
    before = _begin_peak_mib()
    wall, cpu = time.perf_counter(), time.process_time()
    with torch.inference_mode():
        logits = plain_logits(network, volume) if name == "plain" else network(volume)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    peak = _status_mib("VmHWM")
    return {
        "wall_s": wall, "cpu_s": cpu, "forward_mib": peak - before, "process_mib": max(made, peak),
        "probability": logits.sigmoid()[0].tolist(),
    }  # fmt: skip


def plain_logits(network: CtScroll, volume: Tensor) -> Tensor:
    """As published (reference: CT-Scroll, A2 and A7)."""
    trunk = network.features.to(memory_format=torch.contiguous_format)
    maps = trunk(volume.reshape(80, 3, 480, 480))
    tokens = network.projection_gap(functional.adaptive_avg_pool2d(maps, 1).flatten(1)[None])
    for block in network.blocks:
        count, heads, window = tokens.shape[1], network.settings.heads, block.window
        tokens = _plain_block(block.global_block, tokens, None)
        below = torch.ones(count, count, dtype=torch.bool)
        for row in range(count):
            below[row, max(0, row - window + 1) : row + 1] = False
        tokens = _plain_block(block.caudal_cranial_block, tokens, below.repeat(heads, 1, 1))
        above = torch.ones(count, count, dtype=torch.bool)
        for row in range(count):
            above[row, row : min(count, row + window)] = False
        tokens = _plain_block(block.cranial_caudal_block, tokens, above.repeat(heads, 1, 1))
    found: Tensor = network.classifier(network.layer_norm_out(tokens).mean(1))
    return found


def _plain_block(block: AttentionBlock, tokens: Tensor, blocked: Tensor | None) -> Tensor:
    width, own = tokens.shape[-1], block.attention
    theirs = nn.MultiheadAttention(width, own.heads, batch_first=True).eval()
    theirs.load_state_dict(own.state_dict())
    before, between = (block.get_submodule(name) for name in block._norms)
    given = before(tokens)
    mixed, _weights = theirs(given, given, given, attn_mask=blocked)
    tokens = tokens + mixed
    found: Tensor = tokens + block.mlp(between(tokens))
    return found


def _begin_peak_mib() -> float:
    """What this process holds now, with everything that is free given back; its peak counts from here."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): resets the peak resident set size
    return _status_mib("VmRSS")


def _status_mib(name: str) -> float:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    sys.exit(main())
