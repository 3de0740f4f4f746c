"""A transformer decoder run one step at a time, on the same layers, keeping keys and values of past steps."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn
from torch.nn import functional


class DecoderCache:
    """Decodes paths that all attend to one volume.

    Parameters
    ----------
    layers
        Post-norm `nn.TransformerDecoderLayer` with ReLU, in evaluation mode.
    memory
        (1, S, d) of the one volume.
    paths
        Decoded side by side.
    most_steps
        Room for so many.
    """

    def __init__(self, layers: Iterable[nn.Module], memory: Tensor, paths: int, most_steps: int) -> None:
        self.step = 0
        self._layers = []
        for layer in layers:
            assert isinstance(layer, nn.TransformerDecoderLayer)
            heads = layer.self_attn.num_heads
            _, memory_keys, memory_values = _projected(layer.multihead_attn, memory)
            past = memory.new_zeros(2, paths, heads, most_steps, memory.shape[-1] // heads)
            self._layers.append((layer, memory_keys, memory_values, past))

    def advance(self, queries: Tensor) -> Tensor:
        """One more step.

        Parameters
        ----------
        queries
            (paths, d).

        Returns
        -------
        Tensor
            (paths, d) states after the last layer.
        """
        states = queries
        for layer, memory_keys, memory_values, past in self._layers:
            states = layer.norm1(states + self._attend_past(layer.self_attn, states, past))
            states = layer.norm2(states + _attend_memory(layer.multihead_attn, states, memory_keys, memory_values))
            states = layer.norm3(states + layer.linear2(functional.relu(layer.linear1(states))))
        self.step += 1
        return states

    def _attend_past(self, attention: nn.MultiheadAttention, states: Tensor, past: Tensor) -> Tensor:
        query, key, value = _projected(attention, states[:, None])
        past[0, :, :, self.step], past[1, :, :, self.step] = key[:, :, 0], value[:, :, 0]
        until = slice(0, self.step + 1)
        seen = functional.scaled_dot_product_attention(query, past[0, :, :, until], past[1, :, :, until])
        found: Tensor = attention.out_proj(seen.flatten(1))
        return found


def _attend_memory(attention: nn.MultiheadAttention, states: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """All paths look at one volume: they are its queries, side by side."""
    width, heads = states.shape[-1], attention.num_heads
    query = functional.linear(states, attention.in_proj_weight[:width], attention.in_proj_bias[:width])
    query = query.reshape(1, len(states), heads, -1).transpose(1, 2)
    seen = functional.scaled_dot_product_attention(query, keys, values)
    found: Tensor = attention.out_proj(seen[0].transpose(0, 1).flatten(1))
    return found


def _projected(attention: nn.MultiheadAttention, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(B, heads, S, d / heads) query, key and value of (B, S, d)."""
    joined = functional.linear(tokens, attention.in_proj_weight, attention.in_proj_bias)
    query, key, value = joined.unflatten(-1, (3, attention.num_heads, -1)).permute(2, 0, 3, 1, 4).unbind(0)
    return query, key, value
