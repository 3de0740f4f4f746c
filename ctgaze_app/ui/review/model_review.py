"""Ties readers and models to Review: control, lists, slices, timeline and figures of the trial that is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from ctgaze_app.review.layers import Layer, LayerEntry
from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.ui.review.evidence_review import EvidenceReview
from ctgaze_app.ui.review.evidence_strip import EvidenceStrip
from ctgaze_app.ui.review.layer_content import LayerContent
from ctgaze_app.ui.review.layer_figures import HIDDEN_LAYER, LOADING_LAYER, LayerFigures
from ctgaze_app.ui.review.layer_items import HIDDEN_SLICE, LayerItems
from ctgaze_app.ui.review.layer_rows import LayerRows
from ctgaze_app.ui.review.mask_review import MaskReview
from ctgaze_app.ui.review.model_choices import ModelTools
from ctgaze_app.ui.review.model_comparison import ModelComparison
from ctgaze_app.ui.review.model_control import ModelControl
from ctgaze_app.ui.review.model_panel import ModelPanel
from ctgaze_app.ui.review.timeline import Timeline
from ctgaze_app.ui.review.timeline_traces import LayerTraces
from ctgaze_app.ui.slice_view import SliceView

Shown = tuple[tuple[Layer, LayerContent], ...]
THIS_READING = "this reading"
Value = TypeVar("Value")


@dataclass(frozen=True)
class ModelWidgets:
    """The widgets that show readers and models."""

    panel: ModelPanel
    rows: LayerRows
    figures: LayerFigures
    timeline: Timeline
    strip: EvidenceStrip
    view: SliceView


class ModelReview:
    """Everything of models and of other readers in one workspace.

    Parameters
    ----------
    redraw
        Called when the overlays of the present moment must be drawn again.
    show_figures
        Called when somebody selected a layer, so that its figures come in sight.
    """

    def __init__(
        self,
        session: RecordedSession,
        widgets: ModelWidgets,
        redraw: Callable[[], None],
        show_figures: Callable[[], None],
        tools: ModelTools | None = None,
    ) -> None:
        self.control = ModelControl(session, tools)
        self.layers = self.control.layers
        self.comparison = ModelComparison(session, self.control.tools.command)
        self.items = LayerItems(widgets.view)
        self.evidence = EvidenceReview(widgets.figures.findings, widgets.strip, self.layers.set_part)
        self.masks = MaskReview(widgets.figures.masks, self.items.reference)
        self.panel, self.numbers = widgets.panel, widgets.figures.paths
        self._widgets, self._redraw, self._show_figures = widgets, redraw, show_figures
        self._visible, self._in_time = True, False
        self._traced: tuple[Shown, bool] | None = None
        self.masks.outline_changed = self._name_layers
        entry = LayerEntry("own", "reading", session.manifest.reader, THIS_READING)
        self.reader = Layer(entry, self.control.reader_colour, opacity=1.0)
        self._connect()
        self._changed()

    @property
    def shown(self) -> Shown:
        """What is drawn: nothing while all layers are switched off."""
        return self.control.shown if self._visible else ()

    def open_trial(self, trial: RecordedTrial) -> None:
        """Another trial is shown."""
        self.control.open_trial(trial)
        volume = self.control.volume if not self.control.hidden else None
        self.masks.reference.open_case(self.control.session.folder, trial.record.case, volume)

    def set_visible(self, visible: bool) -> None:
        """Show or hide every layer: paths, masks, maps, traces and names together."""
        self._visible = visible
        self._changed()

    def draw(self, series: int, slice_index: int, time_lsl: float, window_s: float) -> None:
        """Put on the slice that is shown what belongs there; on another series there is nothing to draw."""
        k = slice_index if series == self.control.series else HIDDEN_SLICE
        self.items.show(self.shown, k, time_lsl=time_lsl if self._in_time else None, window_s=window_s)
        self._widgets.strip.set_slice(k)
        self.masks.show_slice(k)

    def close(self) -> None:
        """Stop everything and wait for it."""
        self.layers.changed.disconnect(self._changed)
        self.control.close()
        self.comparison.close()
        self.masks.reference.close()

    def _connect(self) -> None:
        widgets, control, layers = self._widgets, self.control, self.layers
        widgets.panel.predict_asked.connect(self._predict)
        widgets.panel.cancel_asked.connect(control.cancel)
        widgets.rows.selected.connect(self._select)
        widgets.rows.switched.connect(layers.set_visible)
        details = widgets.figures.details
        details.opacity_chosen.connect(lambda value: self._of_selected(layers.set_opacity, value))
        details.colour_chosen.connect(lambda value: self._of_selected(layers.set_colour, value))
        details.path_chosen.connect(lambda value: self._of_selected(layers.set_path, value))
        details.part_chosen.connect(lambda value: self._of_selected(layers.set_part, value))
        details.in_time_switched.connect(self._set_in_time)
        details.remove_asked.connect(lambda: self._of_selected(lambda key, _: control.remove(key), None))
        layers.changed.connect(self._changed)
        control.changed.connect(self._changed)
        control.made.connect(lambda _key: self._show_figures())
        control.loading.stepped.connect(self._list_layers)
        control.stepped.connect(lambda step: widgets.panel.show_step(step, control.busy_trial))
        numbers = widgets.figures.paths
        numbers.compare_asked.connect(self.comparison.start)
        numbers.cancel_asked.connect(self.comparison.cancel)
        self.comparison.changed.connect(lambda: numbers.show_state(self.comparison))
        widgets.timeline.scale_changed.connect(lambda: widgets.strip.set_scale(widgets.timeline.scale))

    def _predict(self, row: int, count: int) -> None:
        if 0 <= row < len(self.control.models):
            self.control.predict(self.control.models[row], count)

    def _select(self, key: str) -> None:
        self.layers.select(key)
        self._show_figures()

    def _of_selected(self, change: Callable[[str, Value], None], value: Value) -> None:
        selected = self.layers.selected
        if selected is not None:
            change(selected.key, value)

    def _set_in_time(self, in_time: bool) -> None:
        self._in_time = in_time
        self._redraw()

    def _changed(self) -> None:
        control, widgets = self.control, self._widgets
        widgets.panel.show_state(control)
        self._list_layers()
        selected = self.layers.selected
        widgets.figures.details.show_layer(
            selected, control.contents.get(selected.key) if selected is not None else None
        )
        shown = self.shown
        self._name_layers()
        self._compare(shown, selected)
        self._show_selected(shown, selected)
        self._trace(shown)
        self._redraw()

    def _list_layers(self) -> None:
        self._widgets.rows.show_state(self.layers, self.control.loading.words)

    def _name_layers(self) -> None:
        self.items.set_layers(self.shown, self.reader, reference=self.masks.reference_drawn)

    def _compare(self, shown: Shown, selected: Layer | None) -> None:
        paths = [one for one in shown if one[0].entry.kind == "scanpath"]
        first = selected.key if selected is not None else ""
        self.comparison.show(self.control.trial, sorted(paths, key=lambda one: one[0].key != first))

    def _show_selected(self, shown: Shown, selected: Layer | None) -> None:
        """The figures of the selected layer; of a hidden one nothing is said."""
        trial = self.control.trial
        content = next((one for layer, one in shown if selected is not None and layer.key == selected.key), None)
        kind = selected.entry.kind if selected is not None and content is not None else None
        readings = [one for one in shown if one[0].entry.kind == "reading"]
        findings = content is not None and content.findings is not None
        self.evidence.set_another(self.control.another_k, self.control.another_name)
        if selected is not None and content is not None and trial is not None and findings:
            self.evidence.show(selected, content, self.reader, trial, readings)
        else:
            self.evidence.hide()
        if selected is not None and content is not None and trial is not None and kind == "segmentation":
            own = (self.reader.entry.title, trial.replay.fixations)
            others = [(one.label, one.paths[0].fixations) for _, one in readings if one.paths]
            self.masks.show(selected, content, self.control.volume, [own, *others])
        else:
            self.masks.forget()
        self._widgets.figures.show_parts(
            findings=findings,
            mask=kind == "segmentation",
            paths=kind in ("scanpath", "reading") or not self.layers.layers,
            why_none="" if selected is None or content is not None else self._why_none(selected),
        )

    def _why_none(self, selected: Layer) -> str:
        """Why a selected layer has no figures; of one that cannot be shown its own lines say it."""
        if selected.entry.problem:
            return ""
        return LOADING_LAYER if selected.visible and self._visible else HIDDEN_LAYER

    def _trace(self, shown: Shown) -> None:
        titled = self._widgets.strip.curves is not None
        if (shown, titled) == self._traced:
            return
        self._traced = shown, titled
        traces = [LayerTraces.of(layer, content) for layer, content in shown if content.paths]
        if any(not one.layer.by_model for one in traces):
            traces.insert(0, LayerTraces(self.reader, f"{self.reader.entry.title}, {THIS_READING}"))
        # The curves beside the timeline have their titles where its names are.
        self._widgets.timeline.show_layers(traces, least_lines=1 if titled else 0)
