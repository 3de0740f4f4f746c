"""Which tokens speak for each label: two attributions of the logits, and what the tokens looked at.

The mean over tokens goes through a layer with a threshold, so no split of the logit into tokens is exact. Both are
given: a gradient says what a little more of a token would do, leaving it out says what the network would find without.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.ct_scroll.network import CtScroll
from models.ct_scroll.tokens import TokenMap
from models.errors import Cancelled
from models.predictions import SliceEvidence

Stop = Callable[[], bool]

GRADIENT, LEFT_OUT = "gradient x input", "leave one out"
METHODS = (GRADIENT, LEFT_OUT)
SEQUENCES_AT_A_TIME = 16


def gradient_times_input(network: CtScroll, tokens: Tensor) -> NDArray[np.float32]:
    """(labels, N): each token's embedding times the gradient of each label's logit there, summed over channels.

    Parameters
    ----------
    network
        In evaluation mode.
    tokens
        (N, embedding) of one volume (`CtScroll.tokens`).
    """
    # An inference tensor takes no gradient, its copy does.
    given = tokens.detach().clone().requires_grad_()
    with torch.enable_grad():
        logits = network.logits(given[None])[0]
        rows = [
            (torch.autograd.grad(logit, given, retain_graph=True)[0] * given.detach()).sum(-1)
            for logit in logits.unbind()
        ]
    return torch.stack(rows).cpu().numpy().astype(np.float32)


def leave_one_out(network: CtScroll, tokens: Tensor, *, cancelled: Stop | None = None) -> NDArray[np.float32]:
    """(labels, N): each label's logit less the logit without each token.

    A token that is left out is looked at by none and not averaged; the others keep their places and windows.

    Parameters
    ----------
    network, tokens
        As `gradient_times_input`.
    cancelled
        Asked now and then.

    Raises
    ------
    Cancelled
        `cancelled` said so.
    """
    count = len(tokens)
    if count == 1:
        raise ValueError("a volume of one token has no rest")
    with torch.inference_mode():
        whole = network.logits(tokens[None])
        keep = ~torch.eye(count, dtype=torch.bool, device=tokens.device)
        without = []
        for some in keep.split(SEQUENCES_AT_A_TIME):
            if cancelled is not None and cancelled():
                raise Cancelled
            without.append(network.logits(tokens.expand(len(some), -1, -1), some))
        found = whole - torch.cat(without)
    return np.ascontiguousarray(found.T.cpu().numpy(), dtype=np.float32)


def slice_evidence(
    network: CtScroll, tokens: Tensor, where: TokenMap, methods: Sequence[str], *, cancelled: Stop | None = None
) -> tuple[SliceEvidence, ...]:
    """Each of `METHODS` that is asked for, spread over the stored slices.

    What a token of padding alone says belongs to no slice and is left out; over slices the sum is that of all tokens
    that saw some of the volume.
    """
    found = []
    for method in methods:
        by_token = (
            gradient_times_input(network, tokens)
            if method == GRADIENT
            else leave_one_out(network, tokens, cancelled=cancelled)
        )
        found.append(SliceEvidence(method, where.spread(by_token), where.seen_k))
    return tuple(found)


def attention_by_head(network: CtScroll, tokens: Tensor) -> NDArray[np.float32]:
    """(blocks, parts, heads, N, N): how much each token (row) takes from each (column) in every attention.

    Parts are `models.ct_scroll.scrolling.PARTS`, in order; a network without local attention has the first alone.
    """
    with torch.inference_mode():
        return network.attention(tokens[None])[:, :, 0].cpu().numpy()
