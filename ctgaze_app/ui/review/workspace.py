"""Review of one session: slices with overlays, timeline, numbers and sound around one time cursor and one selection."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QSplitter, QTabWidget, QVBoxLayout, QWidget

from ctgaze_app.gaze.frames import screen_px_to_voxel
from ctgaze_app.review.player import TrialPlayer
from ctgaze_app.review.replay import GazePoint
from ctgaze_app.study.loading import RecordedSession, RecordedTrial
from ctgaze_app.study.other_readings import reader_codes
from ctgaze_app.ui.overlays import FixationLayer, GazeDotItem, ScanPathItem
from ctgaze_app.ui.review.actions import REVIEW_ACTIONS
from ctgaze_app.ui.review.evidence_strip import EvidenceStrip
from ctgaze_app.ui.review.layer_figures import LayerFigures
from ctgaze_app.ui.review.model_choices import ModelTools
from ctgaze_app.ui.review.model_review import ModelReview, ModelWidgets
from ctgaze_app.ui.review.numbers import NumbersPanel
from ctgaze_app.ui.review.side_panel import DEFAULT_FADE, FADE_WINDOWS, LAYERS, SidePanel
from ctgaze_app.ui.review.sound import SoundOutput, StreamFactory
from ctgaze_app.ui.review.timeline import Timeline
from ctgaze_app.ui.review.transport import Transport
from ctgaze_app.ui.slice_view import SliceView
from ctgaze_app.ui.theme import READERS

REFRESH_MS = 16
TAIL_S = 0.25
_layout_of_this_run: dict[str, list[int]] = {}


class ReviewWorkspace(QWidget):
    """Replays the trials of a session.

    Parameters
    ----------
    session
        As `study.loading.open_session` gives it.
    now
        Wall clock that drives replay, seconds.
    open_stream
        Makes a sound output; default the system's (sounddevice).
    model_tools
        Where models come from and which command predicts; default this installation's.

    Signals
    -------
    home_requested()
        The user is done with this session.
    """

    home_requested = Signal()

    def __init__(
        self,
        session: RecordedSession,
        *,
        now: Callable[[], float] = time.perf_counter,
        open_stream: StreamFactory | None = None,
        model_tools: ModelTools | None = None,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self.session = session
        self.player = TrialPlayer(now)
        self.cursor_state = self.player.cursor
        self.sound = SoundOutput(open_stream, now)
        self.free = False
        self._trial: RecordedTrial | None = None
        self._view_index = -2
        self._fade_s = FADE_WINDOWS[DEFAULT_FADE][1]
        self._shown = dict.fromkeys(LAYERS, True)
        self.slice_view = SliceView()
        codes = reader_codes(session.folder, session.manifest)
        colour = READERS[codes.index(session.manifest.reader) % len(READERS)]
        self.gaze_dot, self.fixation_layer = GazeDotItem(colour), FixationLayer(colour)
        self.scan_path = ScanPathItem(colour)
        self.side = SidePanel(session)
        self.numbers, self.figures, self.right = NumbersPanel(), LayerFigures(), QTabWidget()
        self.timeline = Timeline(self.cursor_state, colour=colour)
        self.strip = EvidenceStrip()
        self.transport = Transport()
        widgets = ModelWidgets(
            self.side.models, self.side.rows, self.figures, self.timeline, self.strip, self.slice_view
        )
        self.models = ModelReview(session, widgets, self._draw_overlays, self._show_figures, model_tools)
        self._empty = QLabel(
            "This session holds no trial.\nRead a case, then open the session that it makes.\n\nEsc: first page"
        )
        self._timer = QTimer(self)
        self._timer.setInterval(REFRESH_MS)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._lay_out()
        self._connect()
        self._bind_keys()
        for item in (self.scan_path, self.fixation_layer, self.gaze_dot):
            self.slice_view.add_overlay(item)
        if session.trials:
            self.show_trial(session.trials[0].record.number)
        else:
            self.timeline.set_trial(None, 1)
            self.numbers.show_trial(None, {}, 0)
            self.numbers.show_fixation(None, None, 0)
            self.transport.show_time(0.0, 0.0)

    @property
    def trial(self) -> RecordedTrial | None:
        """The trial that is shown."""
        return self._trial

    @property
    def n_slices(self) -> int:
        """Slices of the series that is shown."""
        return max(self.slice_view.slice_count, 1)

    def show_trial(self, number: int) -> None:
        """Replay another trial from its start; raises KeyError for a trial that the session does not have."""
        trial = {one.record.number: one for one in self.session.trials}[number]
        if trial is self._trial:
            return
        self._trial = trial
        self._show_series(trial.record.series[0] if trial.record.series else 0)
        self._view_index = -2
        self.sound.load(trial.audio)
        self.timeline.set_trial(trial.replay, self.n_slices)
        self.numbers.show_trial(trial.replay, trial.quality, self.n_slices)
        self.side.choose_trial(number)
        self.player.show(trial.replay)
        self.models.open_trial(trial)
        self._show_moment()
        self._show_selection()

    def seek(self, time_lsl: float) -> None:
        """Go to a moment, LSL seconds."""
        self.player.seek(time_lsl)

    def set_free(self, free: bool) -> None:
        """Let the user scroll and window freely, or show the slices as the reader saw them."""
        if free == self.free:
            return
        self.free = free
        self.slice_view.interactive = free
        self.side.set_free(free)
        if free:
            self.slice_view.change(self.slice_view.state)
            self.slice_view.setFocus()
        self._view_index = -2
        self._show_moment()

    def go_to_slice(self, slice_index: int) -> None:
        """Look at a slice of the series that models are about, freely."""
        self.set_free(True)
        self._show_series(self.models.control.series)
        self.slice_view.go_to_slice(slice_index)

    def predict_usual(self) -> None:
        """Show what the first model that works predicts for this trial, with its controls in sight."""
        self._scrolled.ensureWidgetVisible(self.side.models)
        self.models.control.predict_usual()

    def close_session(self) -> None:
        """Stop playing, give the sound device back, let go of the cursor; call before the widget is deleted."""
        self.player.pause()
        self._timer.stop()
        self.sound.stop()
        self.models.close()
        self.timeline.detach()
        _layout_of_this_run.update(across=self._across.sizes(), down=self._down.sizes())

    def tick(self) -> None:
        """One refresh while playing."""
        self.player.tick()

    def _lay_out(self) -> None:
        self._scrolled = scrolled = QScrollArea()
        scrolled.setFrameShape(QScrollArea.Shape.NoFrame)
        scrolled.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scrolled.setWidgetResizable(True)
        scrolled.setWidget(self.side)
        self._across = QSplitter(Qt.Orientation.Horizontal)
        self.right.setAccessibleName("Figures")
        self.right.addTab(self.numbers, "Reading")
        self.right.addTab(self.figures, "Readers, models")
        for widget in (scrolled, self.slice_view, self.right):
            self._across.addWidget(widget)
        self._across.setStretchFactor(1, 1)
        self._across.setSizes(_layout_of_this_run.get("across", [280, 800, 280]))
        below = QWidget()
        column = QVBoxLayout(below)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.transport)
        beside = QHBoxLayout()
        beside.setSpacing(0)
        beside.addWidget(self.timeline, 1)
        beside.addWidget(self.strip)
        column.addLayout(beside, 1)
        self._down = QSplitter(Qt.Orientation.Vertical)
        self._down.addWidget(self._across)
        self._down.addWidget(below)
        self._down.setStretchFactor(0, 1)
        self._down.setCollapsible(0, False)
        self._down.setSizes(_layout_of_this_run.get("down", [560, 200]))
        for splitter in (self._across, self._down):
            splitter.setHandleWidth(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._empty.setObjectName("secondary")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._empty.setVisible(not self.session.trials)
        layout.addWidget(self._empty)
        layout.addWidget(self._down, 1)
        self._down.setVisible(bool(self.session.trials))
        self.slice_view.interactive = False

    def _connect(self) -> None:
        player = self.player
        player.cursor.time_changed.connect(self._show_moment)
        player.cursor.fixation_selected.connect(self._show_selection)
        player.playing_changed.connect(self._playing_changed)
        player.speed_changed.connect(self._speed_changed)
        player.jumped.connect(self._place_sound)
        self._timer.timeout.connect(self.tick)
        self.timeline.seek_requested.connect(player.seek)
        self.timeline.fixation_clicked.connect(player.select)
        self.transport.asked.connect(self._do)
        self.transport.speed_chosen.connect(player.set_speed)
        self.side.trial_chosen.connect(self.show_trial)
        self.side.home_asked.connect(self.home_requested)
        self.side.free_switched.connect(self.set_free)
        self.side.fade_chosen.connect(self._fade_chosen)
        self.side.layer_switched.connect(self._layer_switched)
        self.slice_view.state_changed.connect(self._view_changed)
        self.slice_view.clicked.connect(self._slice_clicked)
        self.strip.slice_chosen.connect(self.go_to_slice)

    def _bind_keys(self) -> None:
        self.shortcuts: dict[str, QShortcut] = {}
        for action in REVIEW_ACTIONS:
            shortcut = QShortcut(QKeySequence(action.key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda name=action.id: self._do(name))
            self.shortcuts[action.id] = shortcut

    def _do(self, action_id: str) -> None:
        player = self.player
        if action_id in LAYERS:
            self.side.layers[action_id].toggle()
            return
        {
            "play": player.toggle,
            "previous_fixation": lambda: player.step(-1),
            "next_fixation": lambda: player.step(1),
            "slower": lambda: player.change_speed(-1),
            "faster": lambda: player.change_speed(1),
            "free": lambda: self.set_free(not self.free),
            "home": self.home_requested.emit,
        }[action_id]()

    def _show_moment(self, _time_lsl: float | None = None) -> None:
        if self._trial is None:
            return
        replay, now_lsl = self._trial.replay, self.player.time_lsl
        self.transport.show_time(now_lsl - replay.start_lsl, replay.duration_s)
        if not self.free:
            index = replay.view_index_at(now_lsl)
            if index != self._view_index:
                self._view_index = index
                if index >= 0:
                    view = replay.view(index)
                    if view.image_visible:
                        self._show_series(view.series)
                    self.slice_view.apply_view(view)
        self._draw_overlays()

    def _draw_overlays(self) -> None:
        if self._trial is None:
            return
        replay, now_lsl, k = self._trial.replay, self.player.time_lsl, self.slice_view.slice_index
        near = replay.fixations_near(k, now_lsl, self._fade_s)
        self.fixation_layer.set_fixations(near, self.cursor_state.fixation)
        self.scan_path.set_fixations(near)
        self.models.draw(self.slice_view.series_index, k, now_lsl, self._fade_s)
        point = replay.gaze_at(now_lsl)
        place = None if point is None else self._gaze_place(point, k)
        tail = replay.gaze_path(now_lsl, TAIL_S)
        here = np.where((np.round(tail[:, 2]) == k)[:, None], tail[:, :2], np.nan)
        self.gaze_dot.set_gaze(place, here)
        self.slice_view.set_note("top_right", self._gaze_words(point, k))

    def _gaze_place(self, point: GazePoint, k: int) -> tuple[float, float] | None:
        """`image_px` of the gaze in the slice that is drawn; also beside the image when it is shown as it was."""
        if point.voxel is not None:
            return point.voxel[:2] if round(point.voxel[2]) == k else None
        view = self._trial.replay.view_at(self.player.time_lsl) if self._trial is not None else None
        if self.free or view is None or not view.image_visible:
            return None
        i, j, _ = screen_px_to_voxel(point.screen_px, view.voxel_from_screen)
        return float(i), float(j)

    def _gaze_words(self, point: GazePoint | None, k: int) -> str:
        view = self._trial.replay.view_at(self.player.time_lsl) if self._trial is not None else None
        if not self._shown["gaze"] or view is None or not view.image_visible:
            return ""
        if point is None:
            return "gaze lost"
        if point.voxel is None:
            # Also gaze of the first moment, when the painted slice has not reached the screen yet, has no voxel.
            return "" if self._is_on_slice(self._gaze_place(point, k)) else "gaze beside the image"
        gaze_slice = round(point.voxel[2])
        return f"gaze on slice {gaze_slice + 1}/{self.n_slices}" if gaze_slice != k else ""

    def _is_on_slice(self, place_ij: tuple[float, float] | None) -> bool:
        volume = self.slice_view.volume
        if place_ij is None or volume is None:
            return False
        _, rows, columns = volume.shape_kji
        return -0.5 <= place_ij[0] < columns - 0.5 and -0.5 <= place_ij[1] < rows - 0.5

    def _show_series(self, index: int) -> None:
        volume = self.session.volumes.get(index)
        if volume is not None and (self.slice_view.volume is not volume or self.slice_view.series_index != index):
            self.slice_view.set_volume(volume, index)

    def _show_selection(self, _number: object = None) -> None:
        replay = self._trial.replay if self._trial is not None else None
        number = self.cursor_state.fixation
        chosen = next((one for one in replay.fixations if one.number == number), None) if replay is not None else None
        self.numbers.show_fixation(chosen, replay, self.n_slices)
        if self.free and chosen is not None and chosen.slice_index >= 0:
            self.slice_view.go_to_slice(chosen.slice_index)
        self._draw_overlays()

    def _view_changed(self) -> None:
        if self.free:
            self._draw_overlays()

    def _slice_clicked(self, i: float, j: float) -> None:
        """Select the newest drawn fixation whose circle holds the point."""
        left, _ = self.slice_view.voxel_to_screen_px(0.0, 0.0)
        right, _ = self.slice_view.voxel_to_screen_px(1.0, 0.0)
        scale = (right - left) / self.devicePixelRatioF()
        for one in reversed(self.fixation_layer.drawn):
            away_px = scale * float(np.hypot(one.fixation.voxel[0] - i, one.fixation.voxel[1] - j))
            if away_px <= max(one.radius_px, 6.0):
                self.player.cursor.select(one.fixation.number)
                return

    def _layer_switched(self, layer: str, shown: bool) -> None:
        self._shown[layer] = shown
        items = {"gaze": self.gaze_dot, "fixations": self.fixation_layer, "path": self.scan_path}
        if layer == "trace":
            self.timeline.show_trace(shown)
        elif layer == "model":
            self.models.set_visible(shown)
        else:
            items[layer].setVisible(shown)
        self._draw_overlays()

    def _show_figures(self) -> None:
        self.right.setCurrentWidget(self.figures)

    def _fade_chosen(self, seconds: float) -> None:
        self._fade_s = seconds
        self._draw_overlays()

    def _playing_changed(self, playing: bool) -> None:
        self._timer.start() if playing else self._timer.stop()
        self.transport.show_playing(playing)
        self._place_sound()

    def _speed_changed(self, speed: float) -> None:
        self.transport.show_speed(speed)
        self._place_sound()

    def _place_sound(self) -> None:
        if self.player.playing and self.player.speed == 1.0:
            self.sound.play_from(self.player.time_lsl)
        else:
            self.sound.stop()
        self.transport.show_sound(self.sound.describe(self.player.speed))
