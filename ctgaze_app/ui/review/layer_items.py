"""Keeps one drawn item for each layer over the slice view, and puts on it what belongs to the slice that is shown."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QGraphicsItem

from ctgaze_app.review.layers import Layer
from ctgaze_app.review.mask_parts import ENSEMBLE, probability_of
from ctgaze_app.ui.review.heat_layer import HeatItem
from ctgaze_app.ui.review.layer_content import LayerContent
from ctgaze_app.ui.review.layer_legend import LegendItem, LegendLine
from ctgaze_app.ui.review.layer_look import layer_colour
from ctgaze_app.ui.review.mask_layer import MaskItem
from ctgaze_app.ui.review.path_layer import PathItem
from ctgaze_app.ui.slice_view import SliceView
from models.predictions import RESEARCH_ONLY, SaliencyPrediction, SegmentationPrediction

Shown = Sequence[tuple[Layer, LayerContent]]
HIDDEN_SLICE = -1
MODELS_ARE = f"{RESEARCH_ONLY.replace('model', 'models', 1)}:"


class LayerItems:
    """One item a layer, by its key; a classification has none on the slice, but is named in the legend."""

    def __init__(self, view: SliceView) -> None:
        self._view = view
        self.items: dict[str, PathItem | MaskItem | HeatItem] = {}
        self.reference: MaskItem = MaskItem(dashed=False)
        self.legend = LegendItem()
        for item in (self.reference, self.legend):
            view.add_overlay(item)

    def paths(self, key: str) -> PathItem:
        """The item of a layer of paths; KeyError when none is shown."""
        item = self.items[key]
        assert isinstance(item, PathItem)
        return item

    def set_layers(self, shown: Shown, reader: Layer, *, reference: bool = False) -> None:
        """Draw these layers and no others.

        `reader` is the trial's own reading, which is named when others are; `reference`: there is a reference mask to
        draw, beside segmentations only. It has no name here: files are named after scans, and pictures of this leave.
        """
        segmented = any(layer.entry.kind == "segmentation" for layer, _ in shown)
        self.reference.setVisible(segmented)
        kept = {layer.key for layer, _ in shown}
        for key in [key for key in self.items if key not in kept]:
            self._view.remove_overlay(self.items.pop(key))
        for layer, content in shown:
            item = self.items.get(layer.key)
            if item is None:
                item = _item_for(layer)
                if item is None:
                    continue
                self.items[layer.key] = item
                self._view.add_overlay(item)
            _give_look(item, layer, content)
        self.legend.set_lines(_legend(shown, reader, reference=reference and segmented))

    def show(
        self, shown: Shown, slice_index: int, *, time_lsl: float | None = None, window_s: float = float("inf")
    ) -> None:
        """Put on the items what belongs to a slice; -1 for a series that layers have nothing to do with.

        Paths are whole, or with `time_lsl` only as far as that moment.
        """
        for layer, content in shown:
            item = self.items.get(layer.key)
            if isinstance(item, PathItem):
                near = [path.near(slice_index, time_lsl=time_lsl, window_s=window_s) for path in content.paths]
                item.set_paths(near if slice_index >= 0 else (), layer.path)
            elif item is not None:
                item.show_slice(slice_index)
        self.reference.show_slice(slice_index)


def _item_for(layer: Layer) -> PathItem | MaskItem | HeatItem | None:
    kind = layer.entry.kind
    if kind in ("reading", "scanpath"):
        return PathItem(dashed=kind == "scanpath")
    if kind == "segmentation":
        return MaskItem()
    return HeatItem() if kind == "saliency" else None


def _give_look(item: QGraphicsItem, layer: Layer, content: LayerContent) -> None:
    prediction = content.prediction
    if isinstance(item, PathItem):
        item.set_look(layer_colour(layer), layer.opacity)
    elif isinstance(item, MaskItem) and isinstance(prediction, SegmentationPrediction):
        item.set_look(layer_colour(layer), layer.opacity)
        item.set_mask(probability_of(prediction, layer.part), int(prediction.least_value))
    elif isinstance(item, HeatItem) and isinstance(prediction, SaliencyPrediction):
        item.set_look(layer.opacity)
        item.set_map(prediction.maps_kji[map_name(prediction, layer.part)])


def map_name(prediction: SaliencyPrediction, part: str) -> str:
    """The map that is looked at: the first one for a name that there is not."""
    return part if part in prediction.maps_kji else next(iter(prediction.maps_kji))


def _legend(shown: Shown, reader: Layer, *, reference: bool) -> list[LegendLine]:
    """Readers, then models under the words that say what models are good for; findings have nothing on the slice."""
    readers = [LegendLine(layer, content.label) for layer, content in shown if not layer.by_model]
    if readers:
        readers.insert(0, LegendLine(reader, f"{reader.entry.title}, {reader.entry.note}"))
    if reference:
        readers.append(LegendLine(None, "reference mask", reference=True))
    drawn = [one for one in shown if one[0].by_model and one[0].entry.kind != "classification"]
    if len(drawn) == 1:
        layer, content = drawn[0]
        return [*readers, LegendLine(layer, content.label + _part(layer, content))]
    models = [LegendLine(layer, layer.entry.title + _part(layer, content)) for layer, content in drawn]
    return [*readers, LegendLine(None, MODELS_ARE), *models] if models else readers


def _part(layer: Layer, content: LayerContent) -> str:
    """Which part of a prediction is drawn, to stand behind its name."""
    prediction = content.prediction
    if isinstance(prediction, SaliencyPrediction):
        return f": {map_name(prediction, layer.part)}, 0 to 1 of its largest"
    if isinstance(prediction, SegmentationPrediction):
        level = f", {layer.part}" if layer.part not in ("", ENSEMBLE) else ""
        return f": {prediction.structure}{level}"
    return ""
