"""Review with real widgets: real clicks and keys move the one cursor, and replay shows the pixels that were shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from ctgaze_app.gaze.views import PaintedView
from ctgaze_app.review.audio_track import AudioTrack
from ctgaze_app.review.replay import GazeTrack, ReplayTrial
from ctgaze_app.ui.review.actions import REVIEW_ACTIONS
from ctgaze_app.ui.review.workspace import ReviewWorkspace
from ctgaze_app.ui.slice_view import SliceView
from tests.factories.volumes import make_volume
from tests.ui.review import scene

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier


class Wall:
    """A wall clock that a test turns by hand."""

    def __init__(self) -> None:
        self.time_s = 50.0

    def __call__(self) -> float:
        return self.time_s


@pytest.fixture
def wall() -> Wall:
    return Wall()


@pytest.fixture
def workspace(qapp: QApplication, wall: Wall) -> Iterator[ReviewWorkspace]:
    volume = make_volume(slices=30, rows=48, columns=48)
    trials = (scene.replay_trial(volume, 1), scene.replay_trial(volume, 2, seconds=12.0, seed=2))
    shown = ReviewWorkspace(scene.recorded_session(volume, trials), now=wall)
    yield from _open_until_done(shown)


def _open_until_done(shown: ReviewWorkspace) -> Iterator[ReviewWorkspace]:
    shown.resize(1366, 768)
    shown.show()
    QTest.qWaitForWindowExposed(shown)
    yield shown
    shown.close_session()
    shown.close()
    shown.deleteLater()


def _pixels(image: QImage) -> np.ndarray:
    image = image.convertToFormat(QImage.Format.Format_RGB32)
    rows = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(image.height(), image.bytesPerLine())
    return rows[:, : image.width() * 4].reshape(image.height(), image.width(), 4)[..., :3].copy()


def _still_fixation(workspace: ReviewWorkspace) -> tuple[int, QPoint]:
    """A fixation whose dot lies alone, and where."""
    assert workspace.trial is not None
    fixation = workspace.trial.replay.fixations[3]
    return fixation.number, workspace.timeline.point_of(fixation).toPoint()


def test_a_click_on_the_timeline_seeks(workspace: ReviewWorkspace) -> None:
    scale = workspace.timeline.scale
    point = QPoint(round(scale.left_px + scale.width_px / 2), round(scale.top_px + 3))
    QTest.mouseClick(workspace.timeline, LEFT, NONE, point)
    assert workspace.player.time_lsl == scale.time_of(point.x())
    assert workspace.transport.time.text() == "0:10.0 / 0:20.0"


def test_a_drag_on_the_timeline_follows_the_mouse_and_stops_at_the_ends(workspace: ReviewWorkspace) -> None:
    timeline, scale = workspace.timeline, workspace.timeline.scale
    y = round(scale.top_px + 3)
    QTest.mousePress(timeline, LEFT, NONE, QPoint(round(scale.left_px + 700), y))
    for x in (800, 900):
        QTest.mouseMove(timeline, QPoint(x, y))
        QApplication.processEvents()
        assert workspace.player.time_lsl == pytest.approx(scale.time_of(x))
    QTest.mouseMove(timeline, QPoint(timeline.width() - 1, y))
    QApplication.processEvents()
    QTest.mouseRelease(timeline, LEFT, NONE, QPoint(timeline.width() - 1, y))
    assert workspace.player.time_lsl == scale.end_lsl


def test_a_click_on_a_fixation_selects_it_and_its_numbers_have_units(workspace: ReviewWorkspace) -> None:
    number, point = _still_fixation(workspace)
    QTest.mouseClick(workspace.timeline, LEFT, NONE, point)
    assert workspace.cursor_state.fixation == number
    rows = dict(workspace.numbers.fixation.rows)
    assert workspace.trial is not None
    fixation = workspace.trial.replay.fixations[number - 1]
    assert workspace.player.time_lsl == fixation.onset_lsl
    assert rows["Slice"] == f"{fixation.slice_index + 1}/30"
    assert rows["Duration"] == f"{1000 * fixation.duration_s:.0f} ms"
    assert rows["Uncertainty"] == "4.2 mm"


def test_space_plays_and_the_clock_carries_cursor_and_slice(workspace: ReviewWorkspace, wall: Wall) -> None:
    QTest.keyClick(workspace, Qt.Key.Key_Space)
    assert workspace.player.playing
    wall.time_s += 7.25
    workspace.tick()
    assert workspace.trial is not None
    replay = workspace.trial.replay
    assert workspace.player.time_lsl == pytest.approx(replay.start_lsl + 7.25)
    assert workspace.slice_view.slice_index == replay.view_at(workspace.player.time_lsl).slice_index  # type: ignore[union-attr]
    QTest.keyClick(workspace, Qt.Key.Key_Space)
    wall.time_s += 3
    workspace.tick()
    assert workspace.player.time_lsl == pytest.approx(replay.start_lsl + 7.25)


def test_playing_moves_by_itself_and_stops_at_the_end(workspace: ReviewWorkspace, wall: Wall, qtbot) -> None:
    QTest.keyClick(workspace, Qt.Key.Key_Space)
    wall.time_s += 1000
    qtbot.waitUntil(lambda: not workspace.player.playing, timeout=2000)
    assert workspace.trial is not None and workspace.player.time_lsl == workspace.trial.replay.end_lsl


def test_speed_keys_and_box_agree(workspace: ReviewWorkspace, wall: Wall) -> None:
    QTest.keyClick(workspace, Qt.Key.Key_BracketRight)
    assert workspace.transport.speed.currentText() == "2x"
    workspace.transport.speed.setCurrentIndex(0)
    assert workspace.player.speed == 0.25
    start = workspace.player.time_lsl
    QTest.keyClick(workspace, Qt.Key.Key_Space)
    wall.time_s += 4.0
    workspace.tick()
    assert workspace.player.time_lsl == pytest.approx(start + 1.0)


def test_a_and_s_step_through_the_fixations(workspace: ReviewWorkspace) -> None:
    for _ in range(3):
        QTest.keyClick(workspace, Qt.Key.Key_S)
    assert workspace.cursor_state.fixation == 3
    QTest.keyClick(workspace, Qt.Key.Key_A)
    assert workspace.cursor_state.fixation == 2


def test_the_slice_view_follows_and_does_not_listen_while_slices_are_as_shown(workspace: ReviewWorkspace) -> None:
    before = workspace.slice_view.slice_index
    QTest.keyClick(workspace.slice_view, Qt.Key.Key_Down)
    assert workspace.slice_view.slice_index == before


def test_free_mode_scrolls_and_draws_fixations_on_their_own_slices(workspace: ReviewWorkspace) -> None:
    QTest.keyClick(workspace, Qt.Key.Key_V)
    assert workspace.free and workspace.side.free.isChecked()
    workspace.player.select(5)
    assert workspace.trial is not None
    fixation = workspace.trial.replay.fixations[4]
    workspace.seek(fixation.offset_lsl)
    assert workspace.slice_view.slice_index == fixation.slice_index
    assert 5 in {one.fixation.number for one in workspace.fixation_layer.drawn}
    far = 0 if fixation.slice_index > 15 else 29
    workspace.slice_view.go_to_slice(far)
    assert 5 not in {one.fixation.number for one in workspace.fixation_layer.drawn}
    assert workspace.gaze_dot.point_ij is None
    held = workspace.slice_view.slice_index
    workspace.seek(fixation.offset_lsl + 3)
    assert workspace.slice_view.slice_index == held


def test_layers_switch_off_by_key(workspace: ReviewWorkspace) -> None:
    for key, item in (
        (Qt.Key.Key_G, workspace.gaze_dot),
        (Qt.Key.Key_X, workspace.fixation_layer),
        (Qt.Key.Key_C, workspace.scan_path),
    ):
        QTest.keyClick(workspace, key)
        assert not item.isVisible()
        QTest.keyClick(workspace, key)
        assert item.isVisible()


def test_the_gaze_dot_is_where_the_eye_was_and_gone_where_gaze_was_lost(workspace: ReviewWorkspace) -> None:
    assert workspace.trial is not None
    replay = workspace.trial.replay
    moment = next(f.onset_lsl + f.duration_s / 2 for f in replay.fixations if f.slice_first == f.slice_last)
    workspace.seek(moment)
    point = replay.gaze_at(moment)
    assert point is not None and point.voxel is not None
    assert workspace.gaze_dot.point_ij == point.voxel[:2]
    workspace.seek(replay.start_lsl + 0.1)
    assert workspace.gaze_dot.point_ij is None


def test_another_trial_starts_at_its_own_start(workspace: ReviewWorkspace) -> None:
    workspace.side.trials.setCurrentRow(1)
    assert workspace.trial is not None and workspace.trial.record.number == 2
    assert workspace.player.time_lsl == workspace.trial.replay.start_lsl
    assert workspace.transport.time.text() == "0:00.0 / 0:12.0"


def test_every_action_has_its_own_key_and_does_something(workspace: ReviewWorkspace) -> None:
    keys = [action.key for action in REVIEW_ACTIONS]
    assert len(set(keys)) == len(keys)
    workspace.seek(workspace.player.time_lsl + 5)
    gone_home: list[bool] = []
    workspace.home_requested.connect(lambda: gone_home.append(True))
    for action in REVIEW_ACTIONS:
        before = (_state(workspace), len(gone_home))
        workspace.shortcuts[action.id].activated.emit()
        assert (_state(workspace), len(gone_home)) != before, action.id


def _state(workspace: ReviewWorkspace) -> tuple[object, ...]:
    return (
        workspace.player.playing,
        workspace.player.speed,
        workspace.player.time_lsl,
        workspace.cursor_state.fixation,
        workspace.free,
        tuple(layer.isChecked() for layer in workspace.side.layers.values()),
    )


def test_a_session_without_trials_says_what_to_do(qapp: QApplication) -> None:
    volume = make_volume(slices=3)
    for shown in _open_until_done(ReviewWorkspace(scene.recorded_session(volume, ()))):
        assert shown._empty.isVisible() and "Read a case" in shown._empty.text()
        QTest.keyClick(shown, Qt.Key.Key_Space)
        QTest.keyClick(shown, Qt.Key.Key_S)
        assert not shown.player.playing


def test_replay_at_20_random_times_renders_the_pixels_that_were_shown(qapp: QApplication) -> None:
    rng = np.random.default_rng(7)
    volume = make_volume(rng.integers(0, 256, (12, 40, 40)).astype(np.int16), spacing_kji_mm=(2.0, 1.2, 1.0))
    empty = ReplayTrial(1, "case01", np.empty((0, 27)), np.empty(0), GazeTrack.empty())
    for probe in _open_until_done(ReviewWorkspace(scene.recorded_session(volume, (empty,)))):
        size = probe.slice_view.size()
    times = iter(np.arange(1000.0, 2000.0, 0.5))
    recorder = SliceView(clock=lambda: next(times))
    recorder.resize(size)
    recorder.trial = 1
    painted: list[tuple[PaintedView, float, np.ndarray]] = []
    recorder.painted.connect(
        lambda view, stamp: painted.append((view, stamp, _pixels(recorder.grab_pixels(image_only=True))))
    )
    recorder.set_volume(volume, 0)
    recorder.show()
    QTest.qWaitForWindowExposed(recorder)
    for step in range(30):
        match step % 3:
            case 0:
                recorder.go_to_slice(int(rng.integers(0, 12)))
            case 1:
                recorder.set_window(float(rng.uniform(80, 160)), float(rng.uniform(50, 300)))
            case 2:
                recorder.zoom_at(float(rng.uniform(0.7, 1.6)), QPointF(*rng.uniform(50, 300, 2)))
        QTest.qWait(25)
    recorder.close()
    assert len(painted) >= 25
    replay = ReplayTrial(
        1,
        "case01",
        np.array([view.to_sample() for view, _, _ in painted]),
        np.array([stamp for _, stamp, _ in painted]),
        GazeTrack.empty(),
        display_latency_s=0.025,
    )
    for shown in _open_until_done(ReviewWorkspace(scene.recorded_session(volume, (replay,)))):
        assert shown.slice_view.size() == size
        for moment in rng.uniform(replay.start_lsl, replay.end_lsl, 20):
            shown.seek(float(moment))
            QApplication.processEvents()
            expected = painted[int(np.searchsorted([s + 0.025 for _, s, _ in painted], moment, side="right")) - 1]
            assert shown.slice_view.slice_index == expected[0].slice_index
            assert np.array_equal(_pixels(shown.slice_view.grab_pixels(image_only=True)), expected[2])


class Device:
    """A stand-in for a PortAudio output."""

    def __init__(self, **options: object) -> None:
        self.options, self.closed = options, False

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def sounding(qapp: QApplication, wall: Wall, tmp_path: Path) -> Iterator[tuple[ReviewWorkspace, list[Device]]]:
    volume = make_volume(slices=30, rows=48, columns=48)
    replay = scene.replay_trial(volume, 1)
    ramp = np.linspace(-0.5, 0.5, 8000 * 20).astype(np.float32)
    soundfile.write(tmp_path / "1_case01.wav", ramp, 8000, subtype="FLOAT")
    # The sound began half a second before the first view.
    track = AudioTrack(tmp_path / "1_case01.wav", 8000.0, np.array([0.0]), np.array([replay.start_lsl - 0.5]))
    opened: list[Device] = []

    def open_stream(**options: object) -> Device:
        opened.append(Device(**options))
        return opened[-1]

    session = scene.recorded_session(volume, (replay,), track)
    for shown in _open_until_done(ReviewWorkspace(session, now=wall, open_stream=open_stream)):
        yield shown, opened


def _block(device: Device, frames: int, until_heard_s: float = 0.1) -> np.ndarray:
    out = np.full((frames, 1), np.nan, dtype=np.float32)
    times = SimpleNamespace(outputBufferDacTime=5.0 + until_heard_s, currentTime=5.0)
    device.options["callback"](out, frames, times, None)  # type: ignore[operator]
    return out[:, 0]


def test_sound_plays_at_the_place_of_the_cursor_when_it_is_heard(
    sounding: tuple[ReviewWorkspace, list[Device]], wall: Wall
) -> None:
    workspace, opened = sounding
    ramp = np.linspace(-0.5, 0.5, 8000 * 20).astype(np.float32)
    workspace.seek(workspace.player.time_lsl + 4.0)
    QTest.keyClick(workspace, Qt.Key.Key_Space)
    assert len(opened) == 1 and opened[0].options["samplerate"] == 8000.0
    heard = _block(opened[0], 400)
    first = round((4.0 + 0.5 + 0.1) * 8000)
    assert np.array_equal(heard, ramp[first : first + 400])
    wall.time_s += 0.05
    assert np.array_equal(_block(opened[0], 400), ramp[first + 400 : first + 800])
    workspace.seek(workspace.player.trial.start_lsl + 7.0)  # type: ignore[union-attr]
    jumped = round((7.0 + 0.5 + 0.1) * 8000)
    assert _block(opened[0], 1)[0] == pytest.approx(ramp[jumped], abs=2e-5)


def test_sound_is_muted_at_other_speeds_and_says_so(sounding: tuple[ReviewWorkspace, list[Device]]) -> None:
    workspace, opened = sounding
    QTest.keyClick(workspace, Qt.Key.Key_Space)
    assert workspace.transport.sound.text() == "sound on"
    QTest.keyClick(workspace, Qt.Key.Key_BracketRight)
    assert opened[0].closed and workspace.transport.sound.text() == "sound muted (plays at 1x only)"
    QTest.keyClick(workspace, Qt.Key.Key_BracketLeft)
    assert len(opened) == 2 and not opened[1].closed
    QTest.keyClick(workspace, Qt.Key.Key_Space)
    assert opened[1].closed


def test_without_an_output_replay_goes_on_and_says_so(
    sounding: tuple[ReviewWorkspace, list[Device]], wall: Wall
) -> None:
    workspace, _ = sounding

    def missing(**_options: object) -> Device:  # what sounddevice does without libportaudio2
        raise OSError("PortAudio library not found")

    workspace.sound._open_stream = missing
    QTest.keyClick(workspace, Qt.Key.Key_Space)
    assert workspace.transport.sound.text() == "no sound output"
    before = workspace.player.time_lsl
    wall.time_s += 1.0
    workspace.tick()
    assert workspace.player.time_lsl == pytest.approx(before + 1.0)


def test_a_trial_without_sound_says_so(workspace: ReviewWorkspace) -> None:
    assert workspace.transport.sound.text() == "no sound recorded"


def test_gaze_without_a_voxel_is_beside_the_image_only_when_it_is(workspace: ReviewWorkspace) -> None:
    assert workspace.trial is not None
    replay = workspace.trial.replay
    moment = next(f.onset_lsl + f.duration_s / 2 for f in replay.fixations if f.slice_first == f.slice_last)
    workspace.seek(moment)
    point = replay.gaze_at(moment)
    assert point is not None
    k = workspace.slice_view.slice_index
    assert workspace._gaze_words(replace(point, voxel=None), k) == ""
    assert workspace._gaze_words(replace(point, voxel=None, screen_px=(-1e4, 0.0)), k) == "gaze beside the image"
