"""CT-Searcher beside the published architecture run eagerly in float32, in one process: seconds and peak memory.

Run with ``python -m tests.benchmarks.bench_ct_searcher_speed [--device cpu] [--threads N] [--runs N] [--json]``; on a
GPU where there is one, else on the CPU. The published form is stated here anew from its constants (512 tokens, width
768, 6 + 6 layers, 400 steps, dropout 0.2, steps first). Implementations take turns within the process that is timed;
seconds are the best of the runs; CPU seconds, of all threads, tell a busy machine from slow code. Peaks come from a
process for each row: by how much its resident memory (on a GPU: the memory of its tensors) grows from before the
network was made. A training step is forward, loss, backward and AdamW for the paths of two readers (shipped size: four)
on one CT.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch
from torch import Tensor, nn

from models.ct_searcher.decoding import sample_paths
from models.ct_searcher.losses import searcher_loss
from models.ct_searcher.network import CtSearcher
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.steps import Steps

WIDTH, STEPS, CELLS, SHIPPED_STEPS, READERS, SHIPPED_READERS = 768, 400, 512, 160, 2, 4
SHIPPED = SearcherSettings(
    grid_kji=(16, 8, 8), max_steps=256, width=96, heads=4, encoder_layers=2, decoder_layers=3, feed_forward=192,
    dropout=0.1, feature_channels=96, encoder="small", autoregressive=True, offsets=True, dwell_head=True,
)  # fmt: skip
Job = Callable[[], object]


class Published(nn.Module):
    """The published network, plainly."""

    def __init__(self) -> None:
        super().__init__()
        shape = (WIDTH, 8, WIDTH, 0.2)
        self.stop_token = nn.Parameter(torch.randn(1, 1, WIDTH) * 0.05)
        self.input_proj = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH))
        self.query_embed = nn.Embedding(STEPS, WIDTH)
        self.pos = nn.Parameter(torch.randn(CELLS, 1, WIDTH) * 0.002, requires_grad=False)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(*shape), 6, enable_nested_tensor=False)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(*shape), 6)
        self.spatial_fc = nn.Linear(WIDTH, WIDTH)
        self.mu, self.log_variance = (
            nn.Sequential(nn.Linear(WIDTH, WIDTH // 2), nn.ReLU(), nn.Linear(WIDTH // 2, 1)) for _ in range(2)
        )

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """(B, 512, 768) to logits (B, 400, 513), and mean and log variance of durations."""
        tokens = self.input_proj(features).transpose(0, 1)
        tokens = torch.cat([tokens + self.pos, self.stop_token.expand(-1, len(features), -1)])
        encoded = self.encoder(tokens)
        memory = torch.cat([encoded[:-1] + self.pos, encoded[-1:]])
        queries = self.query_embed.weight[:, None].expand(-1, len(features), -1)
        mask = torch.triu(torch.full((STEPS, STEPS), -torch.inf, device=features.device), diagonal=1)
        states = self.decoder(queries, memory, tgt_mask=mask).transpose(0, 1)
        logits = self.spatial_fc(states) @ encoded.permute(1, 2, 0)
        return logits, self.mu(states)[..., 0], self.log_variance(states)[..., 0]


def published_inference(device: torch.device) -> Job:
    """Forward pass of one CT and one sample of every step."""
    network = Published().eval().to(device)
    features = torch.randn(1, CELLS, WIDTH, device=device)

    def run() -> object:
        with torch.no_grad():
            logits, mu, log_variance = network(features)
            cells = torch.distributions.Categorical(logits.softmax(-1)).sample()
            return cells, (mu + torch.randn_like(mu) * log_variance.exp()).exp()

    return run


def our_inference(device: torch.device, settings: SearcherSettings, half: bool = False) -> Job:
    """The same with ours: encode one CT and sample one path of the same length."""
    network = CtSearcher(settings).eval().to(device)
    small = settings.encoder == "small"
    shape = (1, len(settings.windows_hu), *settings.input_shape_kji) if small else (1, CELLS, WIDTH)
    inputs, length = torch.rand(shape, device=device), SHIPPED_STEPS if settings.autoregressive else STEPS

    def run() -> object:
        with torch.inference_mode(), torch.autocast(device.type, torch.bfloat16, enabled=half):
            encoded = network.encode(network.features(inputs) if small else inputs)
            return sample_paths(network, encoded, count=1, seed=0, length=length)

    return run


def published_training(device: torch.device) -> Job:
    """A row of features for each reader, as its loader gives them."""
    network = Published().train().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9, weight_decay=5e-5)
    features = torch.randn(1, CELLS, WIDTH, device=device).expand(READERS, -1, -1).contiguous()
    classes = torch.randint(0, CELLS + 1, (READERS, STEPS), device=device)
    target = nn.functional.one_hot(classes, CELLS + 1).float()
    seconds = torch.rand(READERS, STEPS, device=device) + 0.1

    def run() -> object:
        logits, mu, log_variance = network(features)
        place = -(target * (logits.softmax(-1) + 1e-7).log()).sum(-1).mean()
        variance = log_variance.exp()
        density = 1 / (seconds * (2 * torch.pi * variance).sqrt())
        duration = (-density.log() + ((seconds + 1e-7).log() - mu) ** 2 / (2 * variance)).mean()
        optimizer.zero_grad()
        (place + duration).backward()
        optimizer.step()
        return float(place.detach())

    return run


def our_training(device: torch.device, settings: SearcherSettings, half: bool = False) -> Job:
    """The CT is encoded once for all its readers."""
    network = CtSearcher(settings).train().to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9, weight_decay=5e-5)
    small = settings.encoder == "small"
    rows, count = (SHIPPED_READERS, SHIPPED_STEPS) if small else (READERS, STEPS)
    shape = (1, len(settings.windows_hu), *settings.input_shape_kji) if small else (1, CELLS, WIDTH)
    inputs, taken = torch.rand(shape, device=device), torch.zeros(rows, dtype=torch.int64, device=device)
    steps = Steps(
        torch.randint(0, settings.cells, (rows, count), device=device),
        torch.rand(rows, count, 3, device=device) - 0.5,
        torch.rand(rows, count, device=device) + 0.1,
    )
    every = torch.ones(rows, count, dtype=torch.bool, device=device)
    share = torch.full((1, settings.cells), 1 / settings.cells, device=device)

    def run() -> object:
        with torch.autocast(device.type, torch.bfloat16, enabled=half):
            encoded = network.encode(network.features(inputs) if small else inputs)
            outputs = network.decode(encoded.take(taken), steps)
            dwell = network.dwell_logits(encoded) if settings.dwell_head else None
            loss = searcher_loss(outputs, steps, every, every, dwell_logits=dwell, dwell_share=share).total
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        return float(loss.detach())

    return run


def jobs() -> dict[str, dict[str, Callable[[torch.device], Job]]]:
    """What is measured; the first of each kind is the peer."""
    size, shipped = SearcherSettings(), SHIPPED
    return {
        "inference": {
            "published, float32": published_inference,
            "ours, published size, float32": lambda device: our_inference(device, size),
            "ours, published size, bfloat16": lambda device: our_inference(device, size, True),
            "ours, shipped size, from the image": lambda device: our_inference(device, shipped),
        },
        "training step": {
            "published, float32": published_training,
            "ours, published size, float32": lambda device: our_training(device, size),
            "ours, published size, bfloat16": lambda device: our_training(device, size, True),
            "ours, shipped size, float32": lambda device: our_training(device, shipped),
            "ours, shipped size, bfloat16": lambda device: our_training(device, shipped, True),
        },
    }


def peak_mib(kind: str, who: str, device: torch.device) -> float:
    """By how much one run, with its network, makes this process grow."""
    process = psutil.Process()
    before = peak = process.memory_info().rss
    finished = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not finished.wait(0.002):
            peak = max(peak, process.memory_info().rss)

    watcher = threading.Thread(target=watch)
    watcher.start()
    jobs()[kind][who](device)()
    finished.set()
    watcher.join()
    grown = torch.cuda.max_memory_allocated(device) if device.type == "cuda" else peak - before
    return grown / 2**20


def _peak_of_another_process(kind: str, who: str, device: torch.device, threads: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.bench_ct_searcher_speed", "--device", str(device)]
    command += ["--threads", str(threads), "--peak-of", kind, who]
    answer = subprocess.run(command, check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2])
    return float(answer.stdout)


def measured(device: torch.device, runs: int, threads: int) -> list[dict[str, Any]]:
    """One row for each kind and implementation."""
    rows = []
    for kind, made in jobs().items():
        ready = {who: make(device) for who, make in made.items()}
        best = dict.fromkeys(made, (float("inf"), float("inf")))
        for turn in range(runs + 1):
            for who, run in ready.items():
                _wait(device)
                start, busy = time.perf_counter(), time.process_time()
                run()
                _wait(device)
                if turn:
                    took = time.perf_counter() - start, time.process_time() - busy
                    best[who] = min(best[who][0], took[0]), min(best[who][1], took[1])
        del ready
        peer = next(iter(made))
        peaks = {who: _peak_of_another_process(kind, who, device, threads) for who in made}
        rows += [
            {
                "kind": kind, "who": who, "seconds": best[who][0], "cpu_seconds": best[who][1],
                "times_faster": best[peer][0] / best[who][0],
                "peak_mib": peaks[who], "share_of_memory": peaks[who] / peaks[peer],
            }
            for who in made
        ]  # fmt: skip
    return rows


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--runs", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--peak-of", nargs=2, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(asked.threads)
    device = torch.device(asked.device)
    if asked.peak_of:
        print(peak_mib(*asked.peak_of, device))
        return
    rows = measured(device, asked.runs, asked.threads)
    where = torch.cuda.get_device_name(device) if device.type == "cuda" else f"CPU, {asked.threads} threads"
    if asked.json:
        print(json.dumps({"device": where, "torch": torch.__version__, "rows": rows}))
        return
    print(f"{where}; torch {torch.__version__}; load {os.getloadavg()[0]:.1f}\n")
    print(f"{'':14}  {'':36}{'seconds':>10}{'faster':>10}{'CPU s':>10}{'peak MiB':>10}{'of memory':>10}")
    for row in rows:
        numbers = f"{row['seconds']:10.3f}{row['times_faster']:9.1f}x{row['cpu_seconds']:10.3f}"
        numbers += f"{row['peak_mib']:10.0f}{row['share_of_memory']:10.0%}"
        print(f"{row['kind']:14}  {row['who']:36}{numbers}")


if __name__ == "__main__":
    main()
