"""The CT-Searcher network: features of a volume's cells in, distributions of every step of a path out.

Published with its defects (``faithful``) or corrected; parameters keep the published names, so that published weights
load into either. The stop token joins after the input layers as in the published code: it is learned, so that passing
it through them would only learn another token.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from models.ct_searcher.positions import grid_positions, published_positions
from models.ct_searcher.settings import SearcherSettings
from models.ct_searcher.small_encoder import SmallEncoder
from models.ct_searcher.step_embedding import MoveLogits, StepEmbedding
from models.ct_searcher.steps import Encoded, StepOutputs, Steps
from models.errors import ModelError

LOG_VARIANCE_RANGE = (-6.0, 2.0)
"""Of log durations: sd 0.05 to 2.7, far wider than any reader's."""
LOG_OFFSET_SD_RANGE = (-4.0, 0.0)
"""Of offsets in cells: sd 0.02 to 1."""


class CtSearcher(nn.Module):
    """Predicts a reader's path through a CT volume.

    Parameters
    ----------
    settings
        Architecture and options.
    """

    def __init__(self, settings: SearcherSettings) -> None:
        super().__init__()
        self.settings = settings
        width = settings.width
        self.stop_token = nn.Parameter(torch.empty(1, 1, width))
        self.input_proj = nn.Sequential(nn.Linear(settings.feature_channels, width), nn.ReLU(), nn.Linear(width, width))
        self.query_embed = nn.Embedding(settings.max_steps, width)
        self.pos_embed = _Positions(
            published_positions(width) if settings.faithful else grid_positions(settings.grid_kji, width)
        )
        shape = (width, settings.heads, settings.feed_forward, settings.dropout)
        self.transformer_encoder = _Layers(
            nn.TransformerEncoderLayer(*shape, batch_first=True) for _ in range(settings.encoder_layers)
        )
        self.transformer_decoder = _Layers(
            nn.TransformerDecoderLayer(*shape, batch_first=True) for _ in range(settings.decoder_layers)
        )
        if not settings.faithful:
            self._keep_attention_fused()
        self.spatial_fc = nn.Linear(width, width)
        self.duration_mu = _two_layers(width, 1)
        self.duration_logvar = _two_layers(width, 1)
        self._start_as_published()
        small, autoregressive = settings.encoder == "small", settings.autoregressive
        windows, grid_kji = len(settings.windows_hu), settings.grid_kji
        self.encoder = (
            SmallEncoder(settings.input_shape_kji, grid_kji, windows, settings.feature_channels) if small else None
        )
        self.step_embed = StepEmbedding(grid_kji, width) if autoregressive else None
        self.moves = MoveLogits(grid_kji, width) if autoregressive else None
        self.landing = nn.Linear(width, width) if autoregressive or settings.offsets else None
        self.offset = _two_layers(width, 6) if settings.offsets else None
        self.dwell = nn.Linear(width, 1) if settings.dwell_head else None
        self.reader_embed = _told(settings.readers, width)
        self.task_embed = _told(settings.tasks, width)

    @property
    def stop_class(self) -> int:
        """Class index of the stop: 0 as published, the last one corrected."""
        return 0 if self.settings.faithful else self.settings.cells

    def features(self, image: Tensor) -> Tensor:
        """Features of every cell by the network's own encoder.

        Parameters
        ----------
        image
            (B, windows, K, J, I) float 0..1, of `settings.input_shape_kji`.

        Returns
        -------
        Tensor
            (B, cells, feature_channels), in flat (k, j, i) order.

        Raises
        ------
        ModelError
            For a network without an encoder, or another shape.
        """
        if self.encoder is None:
            raise ModelError("this network has no encoder of its own", remedy="give it features")
        expected = (len(self.settings.windows_hu), *self.settings.input_shape_kji)
        if image.ndim != 5 or image.shape[1:] != expected:
            raise ModelError(
                f"an image of shape {tuple(image.shape)}; expected (cases, {', '.join(map(str, expected))})"
            )
        found: Tensor = self.encoder(image)
        return found

    def encode(self, features: Tensor, reader: Tensor | None = None, task: Tensor | None = None) -> Encoded:
        """Encode the cells of volumes.

        Parameters
        ----------
        features
            (B, cells, feature_channels).
        reader, task
            (B,) int64 index into the settings' codes, -1 for not told; None: none is told.

        Raises
        ------
        ModelError
            For another shape, features that are not finite, and a reader or task that the network does not know.
        """
        expected = (self.settings.cells, self.settings.feature_channels)
        if features.ndim != 3 or features.shape[1:] != expected:
            raise ModelError(
                f"features of shape {tuple(features.shape)}; expected (cases, {expected[0]}, {expected[1]})"
            )
        if not bool(torch.isfinite(features).all()):
            raise ModelError("features with values that are not finite")
        tokens = self.input_proj(features)
        position = self.pos_embed.pos.transpose(0, 1)
        stop = self.stop_token.expand(len(tokens), -1, -1)
        keys = torch.cat([tokens + position, stop], dim=1)
        for layer in self.transformer_encoder.layers:
            keys = layer(keys)
        memory = torch.cat([keys[:, :-1] + position, keys[:, -1:]], dim=1)
        return self.tell(Encoded(keys, memory), reader, task)

    def tell(self, encoded: Encoded, reader: Tensor | None = None, task: Tensor | None = None) -> Encoded:
        """The same volumes, read by these readers with these tasks: the volume need not be encoded again.

        Parameters
        ----------
        reader, task
            (B,) int64, as for `encode`.
        """
        told = None
        for what, index, embedding, codes in (
            ("reader", reader, self.reader_embed, self.settings.readers),
            ("task", task, self.task_embed, self.settings.tasks),
        ):
            if index is not None and index.shape != (len(encoded.keys),):
                raise ModelError(f"{what} of shape {tuple(index.shape)} for {len(encoded.keys)} rows")
            if index is not None and not bool(((index >= -1) & (index < len(codes))).all()):
                raise ModelError(
                    f"a {what} index of {index.tolist()}; this network knows {len(codes)}", remedy="-1: not told"
                )
            if embedding is None:
                continue
            if index is None:
                index = torch.full((len(encoded.keys),), -1, device=encoded.keys.device)
            one = embedding(torch.where(index < 0, len(codes), index))
            told = one if told is None else told + one
        return Encoded(encoded.keys, encoded.memory, told)

    def decode(self, encoded: Encoded, steps: Steps | None = None) -> StepOutputs:
        """Distributions of all steps at once.

        Parameters
        ----------
        steps
            Real paths of T steps: each step of an autoregressive network sees those before it, and its duration and
            offset are those of the cell it really went to. None: all `settings.max_steps`, for other networks.

        Raises
        ------
        ModelError
            Without steps where they are needed, and for more steps than the network has.
        """
        if steps is None and self.landing is not None:
            raise ModelError("an autoregressive network, or one with offsets, decodes along given steps")
        count = self.settings.max_steps if steps is None else steps.cells.shape[1]
        if count > self.settings.max_steps:
            raise ModelError(f"{count} steps; this network has {self.settings.max_steps}")
        queries = self.queries(encoded, 0, count)
        previous = None
        if self.step_embed is not None and steps is not None:
            queries = queries + self._fed_back(encoded.keys, steps)
            previous = torch.cat([steps.cells[:, :1], steps.cells[:, :-1]], dim=1)
        states = self.states(encoded, queries)
        first = torch.arange(count, device=states.device) == 0
        logits = self.place_logits(states, encoded.keys, previous, first)
        landed = states if steps is None else self.landed(states, encoded.keys, steps.cells)
        mu, log_variance = self.duration(states if self.step_embed is None else landed)
        mean, log_sd = self.offsets(landed) if self.offset is not None else (None, None)
        return StepOutputs(logits, mu, log_variance, mean, log_sd, self.settings.faithful)

    def forward(
        self, features: Tensor, steps: Steps | None = None, reader: Tensor | None = None, task: Tensor | None = None
    ) -> StepOutputs:
        """`encode`, then `decode`."""
        return self.decode(self.encode(features, reader, task), steps)

    def dwell_logits(self, encoded: Encoded) -> Tensor:
        """(B, cells) logits of each cell's share of the dwell.

        Raises
        ------
        ModelError
            For a network without a dwell head.
        """
        if self.dwell is None:
            raise ModelError("this network has no dwell head")
        found: Tensor = self.dwell(encoded.keys[:, :-1])[..., 0]
        return found

    def queries(self, encoded: Encoded, first: int, last: int) -> Tensor:
        """(B, last - first, d) learned queries of these steps, with what the decoder is told."""
        queries = self.query_embed.weight[first:last].expand(len(encoded.keys), -1, -1)
        return queries if encoded.told is None else queries + encoded.told[:, None]

    def states(self, encoded: Encoded, queries: Tensor) -> Tensor:
        """(B, T, d) decoder states; each step sees those before it."""
        mask = nn.Transformer.generate_square_subsequent_mask(
            queries.shape[1], device=queries.device, dtype=queries.dtype
        )
        states = queries
        for layer in self.transformer_decoder.layers:
            states = layer(states, encoded.memory, tgt_mask=mask, tgt_is_causal=True)
        return states

    def place_logits(self, states: Tensor, keys: Tensor, previous: Tensor | None, first: Tensor) -> Tensor:
        """(B, T, cells + 1) scores of every class.

        Parameters
        ----------
        states
            (B, T, d) of the decoder.
        keys
            (B, cells + 1, d).
        previous
            (B, T) class index of the step before; needed by an autoregressive network.
        first
            (T,) bool: which steps have no step before.
        """
        logits = self.spatial_fc(states) @ keys.transpose(1, 2)
        if not self.settings.faithful:
            logits = logits * self.settings.width**-0.5
        if self.moves is not None and previous is not None:
            moves = self.moves(states, self._cell_kji(previous), first)
            logits = logits + nn.functional.pad(moves, (0, 1))
        return logits

    def landed(self, states: Tensor, keys: Tensor, cells: Tensor) -> Tensor:
        """(B, T, d) states that also know the token of the cell that was chosen; unchanged where nothing needs it."""
        return states if self.landing is None else states + self.landing(tokens_at(keys, cells))

    def duration(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T) mean and log variance of the log duration in seconds."""
        mu = self.duration_mu(states)[..., 0]
        log_variance = self.duration_logvar(states)[..., 0]
        return mu, log_variance if self.settings.faithful else log_variance.clamp(*LOG_VARIANCE_RANGE)

    def offsets(self, landed: Tensor) -> tuple[Tensor, Tensor]:
        """(B, T, 3) mean and log sd of the place within the cell."""
        if self.offset is None:
            raise ModelError("this network predicts no offsets")
        mean, log_sd = self.offset(landed).chunk(2, dim=-1)
        return 0.5 * mean.tanh(), log_sd.clamp(*LOG_OFFSET_SD_RANGE)

    def places_kji(self, cells: Tensor, offset_kji: Tensor) -> Tensor:
        """(..., 3) shares of the volume; the cells' centres for a network without offsets."""
        grid = torch.tensor(self.settings.grid_kji, device=cells.device)
        inside = 0.5 + offset_kji if self.settings.offsets else 0.5
        return (self._cell_kji(cells) + inside) / grid

    def start(self, count: int) -> Tensor:
        """(count, d) what the first step sees in place of one before it."""
        assert self.step_embed is not None
        return self.step_embed.start[0].expand(count, -1)

    def seen(self, keys: Tensor, cells: Tensor, places: Tensor, before: Tensor, duration_s: Tensor) -> Tensor:
        """(B, T, d) what the next step sees of fixations at (B, T) classes, (B, T, 3) places and those before them."""
        assert self.step_embed is not None
        found: Tensor = self.step_embed(tokens_at(keys, cells), places, before, duration_s)
        return found

    def _fed_back(self, keys: Tensor, steps: Steps) -> Tensor:
        """(B, T, d) what each step sees of the one before."""
        cells = steps.cells[:, :-1]
        places = self.places_kji(cells, steps.offset_kji[:, :-1])
        before = torch.cat([places[:, :1], places[:, :-1]], dim=1)
        seen = self.seen(keys, cells, places, before, steps.duration_s[:, :-1])
        return torch.cat([self.start(len(cells))[:, None].to(seen.dtype), seen], dim=1)

    def _cell_kji(self, cells: Tensor) -> Tensor:
        """(..., 3) of class indices; the stop, which no step follows, counts as the last cell."""
        _, rows, columns = self.settings.grid_kji
        flat = cells.clamp(max=self.settings.cells - 1)
        return torch.stack([flat // (rows * columns), flat // columns % rows, flat % columns], dim=-1)

    def _keep_attention_fused(self) -> None:
        """No dropout of attention weights, only of what the layers add: CPUs have no fused attention with dropout."""
        for module in self.modules():
            if isinstance(module, nn.MultiheadAttention):
                module.dropout = 0.0

    def _start_as_published(self) -> None:
        """Xavier for every matrix, and in the faithful network for the positional encoding too, which is its defect."""
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1 and (self.settings.faithful or not name.startswith("pos_embed")):
                nn.init.xavier_uniform_(parameter)


def tokens_at(keys: Tensor, cells: Tensor) -> Tensor:
    """(B, T, d) of (B, cells + 1, d) at (B, T) class indices of the corrected network."""
    return keys.gather(1, cells[..., None].expand(-1, -1, keys.shape[-1]))


class _Positions(nn.Module):
    """A fixed table under the published name, (cells, 1, d)."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.pos = nn.Parameter(table, requires_grad=False)


class _Layers(nn.Module):
    """Layers under the published name."""

    def __init__(self, layers: Iterable[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


def _two_layers(width: int, out: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(width, width // 2), nn.ReLU(), nn.Linear(width // 2, out))


def _told(codes: tuple[str, ...], width: int) -> nn.Embedding | None:
    """One row for each code and one for not told."""
    if not codes:
        return None
    embedding = nn.Embedding(len(codes) + 1, width)
    nn.init.normal_(embedding.weight, std=0.02)
    return embedding
