"""What lies over the slices beside the reader's own gaze: other readings and models, each with its look; no Qt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from psygnal import Signal

LayerKind = Literal["reading", "scanpath", "classification", "segmentation", "saliency"]
USUAL_OPACITY = 0.8
LEAST_OPACITY = 0.1
COLOURS = 7
"""Of each palette; an eighth reader or model begins again at the first colour and is told by its name."""
NEXT_COLOURS = (0, 1, 3, 6, 5, 2, 4)
"""In which order models take them: those that are most like the first two readers' blue and green come last."""


@dataclass(frozen=True)
class LayerEntry:
    """What can be shown, before anybody gave it a look.

    Attributes
    ----------
    key
        The same for the same reading or file, whenever it is listed.
    title
        Code of the reader, or the model's name and version.
    note
        Second line: which reading, or the task with the research-only label.
    problem
        Why it cannot be shown (out of date, unreadable); empty when it can.
    doubt
        Why nobody knows whether it is out of date; it is shown all the same.
    colour
        Index in the readers' palette; None: a model's, the next one that is free.
    at_first
        Whether it is visible before anybody switched it.
    """

    key: str
    kind: LayerKind
    title: str
    note: str
    problem: str = ""
    doubt: str = ""
    colour: int | None = None
    at_first: bool = True


@dataclass(frozen=True)
class Layer:
    """One layer and its look.

    Attributes
    ----------
    colour
        Index in the palette of its kind.
    opacity
        0..1.
    part
        Which of its parts is looked at: a finding's label, a level of a segmentation, a map; empty for the first.
    path
        Which of its sampled paths is in front, from 0.
    """

    entry: LayerEntry
    colour: int
    opacity: float = USUAL_OPACITY
    visible: bool = True
    part: str = ""
    path: int = 0

    @property
    def key(self) -> str:
        """Of its entry."""
        return self.entry.key

    @property
    def by_model(self) -> bool:
        """Drawn lighter and dashed."""
        return self.entry.kind != "reading"

    @property
    def shown(self) -> bool:
        """Visible, and nothing is the matter with it."""
        return self.visible and not self.entry.problem


class LayerList:
    """The layers of the trial that is shown, in the order of their rows, and which of them is selected.

    A look is kept by key, so that it is the same when a trial is opened again.

    Signals
    -------
    changed()
        Layers, a look or the selection are others.
    """

    changed = Signal()

    def __init__(self) -> None:
        self._known: dict[str, Layer] = {}
        self._order: tuple[str, ...] = ()
        self._selected = ""

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All of them."""
        return tuple(self._known[key] for key in self._order)

    @property
    def selected(self) -> Layer | None:
        """The one whose figures and options are shown."""
        return self._known[self._selected] if self._selected in self._order else None

    def __getitem__(self, key: str) -> Layer:
        """The layer of a key; KeyError for one that is not listed."""
        if key not in self._order:
            raise KeyError(key)
        return self._known[key]

    def show(self, entries: Sequence[LayerEntry]) -> None:
        """List other layers; the selection stays when it is among them, else the first visible model is selected.

        Colours are given from the last to the first: models come newest first, so that a review that is opened again
        has the colours in which they were made.
        """
        taken = {one.colour for entry in entries if (one := self._known.get(entry.key)) is not None and one.by_model}
        for entry in reversed(entries):
            known = self._known.get(entry.key)
            if known is not None:
                colour = known.colour if entry.colour is None else entry.colour
                self._known[entry.key] = replace(known, entry=entry, colour=colour)
                continue
            colour = entry.colour if entry.colour is not None else _free(taken)
            if entry.kind != "reading":
                taken.add(colour)
            self._known[entry.key] = Layer(entry, colour, visible=entry.at_first)
        self._order = tuple(entry.key for entry in entries)
        if self._selected not in self._order:
            models = [one for one in self.layers if one.shown and one.by_model]
            self._selected = models[0].key if models else ""
        self.changed.emit()

    def select(self, key: str) -> None:
        """Choose a layer; unknown keys choose none."""
        if key != self._selected:
            self._selected = key
            self.changed.emit()

    def set_visible(self, key: str, visible: bool) -> None:
        """Show or hide one."""
        self._change(key, replace(self[key], visible=visible))

    def set_opacity(self, key: str, opacity: float) -> None:
        """How strongly one is drawn; kept within `LEAST_OPACITY` and 1."""
        self._change(key, replace(self[key], opacity=min(max(opacity, LEAST_OPACITY), 1.0)))

    def set_colour(self, key: str, colour: int) -> None:
        """Give one another colour of its palette."""
        self._change(key, replace(self[key], colour=colour % COLOURS))

    def set_part(self, key: str, part: str) -> None:
        """Look at another part of one."""
        self._change(key, replace(self[key], part=part))

    def set_path(self, key: str, path: int) -> None:
        """Bring another sampled path of one to the front."""
        self._change(key, replace(self[key], path=path))

    def remove(self, key: str) -> None:
        """Take one away; forgets its look."""
        if key in self._order:
            self._order = tuple(one for one in self._order if one != key)
            del self._known[key]
            self.changed.emit()

    def _change(self, key: str, layer: Layer) -> None:
        if layer != self._known[key]:
            self._known[key] = layer
            self.changed.emit()


def _free(taken: set[int]) -> int:
    """The next colour that no listed model has; any again when all are taken."""
    return next((index for index in NEXT_COLOURS if index not in taken), len(taken) % COLOURS)
