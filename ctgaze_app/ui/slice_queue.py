"""Which slices were asked for and still wait for their paint: one a refresh, counted when one had to be left out."""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

MAX_BACKLOG = 12


class SliceRequest(NamedTuple):
    """A slice to be painted, and the LSL time of the input that asked for it (NaN when none did)."""

    slice_index: int
    input_time_lsl: float


class SliceQueue:
    """Slices in the order they were asked for.

    A step asks for the slice next to the last one asked for; a jump asks for its target alone. Requests past either
    end ask for nothing: the stack does not loop. More than `MAX_BACKLOG` waiting (0.2 s at 60 Hz) would make the view
    lag behind the hand, so then the oldest is given up and counted in `dropped`.
    """

    def __init__(self) -> None:
        self.requested = 0
        self.dropped = 0
        self._waiting: deque[SliceRequest] = deque()
        self._count = 0
        self._goal = 0

    def restart(self, slice_count: int, slice_index: int) -> None:
        """Begin on a new stack; what still waited is counted as dropped."""
        self.dropped += len(self._waiting)
        self._waiting.clear()
        self._count = slice_count
        self._goal = slice_index

    def step(self, steps: int, input_time_lsl: float) -> int:
        """Ask for `steps` single steps (negative: back); returns how many lie inside the stack."""
        direction = 1 if steps > 0 else -1
        asked = 0
        for _ in range(abs(steps)):
            asked += self.jump(self._goal + direction, input_time_lsl)
        return asked

    def jump(self, slice_index: int, input_time_lsl: float) -> int:
        """Ask for one slice, kept inside the stack; returns 1 when that is not the slice already asked for."""
        target = min(max(slice_index, 0), self._count - 1)
        if self._count == 0 or target == self._goal:
            return 0
        self._goal = target
        self.requested += 1
        self._waiting.append(SliceRequest(target, input_time_lsl))
        if len(self._waiting) > MAX_BACKLOG:
            self._waiting.popleft()
            self.dropped += 1
        return 1

    def take(self) -> SliceRequest | None:
        """The next slice to paint."""
        return self._waiting.popleft() if self._waiting else None

    @property
    def goal(self) -> int:
        """The slice at which the view will come to rest."""
        return self._goal

    def __len__(self) -> int:
        return len(self._waiting)
