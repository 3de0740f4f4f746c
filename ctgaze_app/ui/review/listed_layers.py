"""The layers of the trial that is shown and what is behind each: listed at once, loaded while visible. No widget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from ctgaze_app.review.layers import Layer, LayerEntry, LayerList
from ctgaze_app.ui.review.layer_content import UNREADABLE, LayerContent
from ctgaze_app.ui.review.layer_loading import LayerLoading, size_of


class ListedLayers(QObject):
    """Keeps looks, contents and what is loaded together.

    Signals
    -------
    changed()
        A layer was loaded, or cannot be.
    """

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.layers = LayerList()
        self.contents: dict[str, LayerContent] = {}
        self.loading = LayerLoading(self)
        self._start_lsl = 0.0
        self.loading.loaded.connect(self._have_loaded)
        self.loading.failed.connect(self._failed)
        self.layers.changed.connect(self._load_visible)

    @property
    def shown(self) -> tuple[tuple[Layer, LayerContent], ...]:
        """The layers that are visible and loaded, with what is behind them."""
        visible = ((one, self.contents[one.key]) for one in self.layers.layers if one.shown)
        return tuple((layer, content) for layer, content in visible if content.ready)

    @property
    def model_visible(self) -> bool:
        """Whether a model's layer is shown, or will be as soon as it is loaded."""
        return any(one.shown and one.by_model for one in self.layers.layers)

    def show(self, entries: Sequence[LayerEntry], contents: Mapping[str, LayerContent], start_lsl: float = 0.0) -> None:
        """List others; predicted paths count from `start_lsl`."""
        self.contents, self._start_lsl = dict(contents), start_lsl
        self.layers.show(entries)

    def remove(self, key: str) -> None:
        """Take one away, with what was loaded of it."""
        del self.contents[key]
        self.layers.remove(key)

    def close(self) -> None:
        """Load no more."""
        self.layers.changed.disconnect(self._load_visible)
        self.loading.close()

    def _load_visible(self) -> None:
        """Have what is visible loaded, the selected one first, then the smallest; what is not kept is given back."""
        listed = {key: one.stored for key, one in self.contents.items() if one.stored is not None}
        visible = [one.key for one in self.layers.layers if one.shown and one.key in listed]
        selected = self.layers.selected
        visible.sort(key=lambda key: (selected is None or key != selected.key, size_of(listed[key])))
        self.loading.want(tuple(visible), listed)
        self._take_loaded()

    def _take_loaded(self) -> None:
        for key, one in self.contents.items():
            loaded = self.loading.found.get(key)
            if one.stored is not None and one.prediction is not loaded:
                self.contents[key] = one.loaded(loaded, self._start_lsl)

    def _have_loaded(self) -> None:
        self._take_loaded()
        self.changed.emit()

    def _failed(self, key: str, line: str) -> None:
        entries = [one.entry for one in self.layers.layers]
        self.layers.show([replace(one, note=UNREADABLE, problem=line) if one.key == key else one for one in entries])
        self.changed.emit()
