"""Ties predictions to Review: control, panel, slices, timeline and figures of the trial that is shown."""

from __future__ import annotations

from collections.abc import Callable

from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.ui.review.model_comparison import ModelComparison
from ctgaze_app.ui.review.model_control import ModelControl, ModelTools, ShownPrediction
from ctgaze_app.ui.review.model_layer import ModelPathItem
from ctgaze_app.ui.review.model_numbers import ModelNumbers
from ctgaze_app.ui.review.model_panel import USUAL_STRENGTH, ModelPanel
from ctgaze_app.ui.review.timeline import Timeline
from ctgaze_app.ui.review.timeline_models import ModelTraces


class ModelReview:
    """Everything of models in one workspace.

    Parameters
    ----------
    redraw
        Called when the overlays of the present moment must be drawn again.
    """

    def __init__(
        self,
        session: RecordedSession,
        panel: ModelPanel,
        numbers: ModelNumbers,
        timeline: Timeline,
        redraw: Callable[[], None],
        tools: ModelTools | None = None,
    ) -> None:
        self.layer = ModelPathItem()
        self.control = ModelControl(session, tools)
        self.comparison = ModelComparison(session, self.control.tools.command)
        self.panel, self.numbers = panel, numbers
        self._timeline, self._redraw = timeline, redraw
        self._visible, self._in_time, self._strength = True, False, USUAL_STRENGTH / 100
        self._traced: tuple[ShownPrediction | None, int, float, bool] = (None, 0, 0.0, False)
        panel.predict_asked.connect(self._predict)
        panel.cancel_asked.connect(self.control.cancel)
        panel.prediction_chosen.connect(lambda row: self.control.choose(self.control.stored[row]))
        panel.remove_asked.connect(self._remove)
        panel.path_chosen.connect(lambda step: self.control.emphasise(self.control.emphasised + step))
        panel.strength_chosen.connect(self._set_strength)
        panel.in_time_switched.connect(self._set_in_time)
        self.control.changed.connect(self._changed)
        self.control.stepped.connect(lambda step: panel.show_step(step, self.control.busy_trial))
        numbers.compare_asked.connect(self.comparison.start)
        numbers.cancel_asked.connect(self.comparison.cancel)
        self.comparison.changed.connect(lambda: numbers.show_state(self.comparison))
        panel.show_state(self.control)
        numbers.show_state(self.comparison)

    @property
    def shown(self) -> ShownPrediction | None:
        """What is drawn: nothing while the layer is switched off."""
        return self.control.shown if self._visible else None

    def open_trial(self, trial: RecordedTrial) -> None:
        """Another trial is shown."""
        self.control.open_trial(trial)

    def set_visible(self, visible: bool) -> None:
        """Show or hide paths, traces and label together."""
        self._visible = visible
        self.layer.setVisible(visible)
        self._changed()

    def draw(self, series: int, slice_index: int, time_lsl: float, window_s: float) -> None:
        """Put the predicted paths on the slice that is shown; on another series there is nothing to draw."""
        shown = self.shown
        if shown is None or series != self.control.series:
            self.layer.set_paths((), 0, "")
            return
        moment = time_lsl if self._in_time else None
        drawn = [path.near(slice_index, time_lsl=moment, window_s=window_s) for path in shown.paths]
        self.layer.set_paths(drawn, self.control.emphasised, shown.label, self._strength)

    def close(self) -> None:
        """Stop everything and wait for it."""
        self.control.close()
        self.comparison.close()

    def _predict(self, row: int, count: int) -> None:
        if 0 <= row < len(self.control.models):
            self.control.predict(self.control.models[row], count)

    def _remove(self) -> None:
        row = self.panel.prediction.currentIndex()
        if 0 <= row < len(self.control.stored):
            self.control.remove(self.control.stored[row])

    def _set_strength(self, strength: float) -> None:
        self._strength = strength
        self._trace()
        self._redraw()

    def _set_in_time(self, in_time: bool) -> None:
        self._in_time = in_time
        self._redraw()

    def _changed(self) -> None:
        self.panel.show_state(self.control)
        self.comparison.show(self.control.trial, self.control.shown)
        self._trace()
        self._redraw()

    def _trace(self) -> None:
        shown = self.shown
        now = (shown, self.control.emphasised, self._strength, self._visible)
        if now == self._traced:
            return
        self._traced = now
        if shown is None:
            self._timeline.show_models(None)
        else:
            self._timeline.show_models(
                ModelTraces.of(shown.paths, self.control.emphasised, self._strength, shown.label)
            )
