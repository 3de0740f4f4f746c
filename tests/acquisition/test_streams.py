"""Our own streams, through real LSL inlets."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from ctgaze_app.acquisition import streams
from ctgaze_app.acquisition.clock import local_clock, lsl
from ctgaze_app.acquisition.streams import AudioClockOutlet, MarkerOutlet, ViewOutlet
from ctgaze_app.errors import StreamError
from ctgaze_app.gaze.views import VIEW_CHANNELS, PaintedView


def a_view(paint: int = 1, pane: int = 0, slice_index: int = 7) -> PaintedView:
    return PaintedView(
        paint=paint,
        trial=2,
        pane=pane,
        series=0,
        plane=0,
        slice_index=slice_index,
        window_centre=40.0,
        window_width=400.0,
        pane_rect_px=(10.0, 20.0, 800.0, 600.0),
        voxel_from_screen=np.arange(9.0).reshape(3, 3),
        image_visible=True,
    )


@contextmanager
def inlet_of(source_id: str) -> Iterator[object]:
    pylsl = lsl()
    found = pylsl.resolve_byprop("source_id", source_id, 1, 10.0)
    assert len(found) == 1
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(10.0)
    yield inlet
    inlet.close_stream()


def pull(inlet, number: int) -> tuple[list, list[float]]:
    samples: list = []
    stamps: list[float] = []
    deadline = time.monotonic() + 10.0
    while len(samples) < number and time.monotonic() < deadline:
        chunk, times = inlet.pull_chunk(0.1)
        samples += chunk
        stamps += times
    return samples, stamps


@pytest.fixture
def closing() -> Iterator[Callable]:
    outlets: list = []

    def keep(outlet):
        outlets.append(outlet)
        return outlet

    yield keep
    for outlet in outlets:
        outlet.close()


def test_a_view_arrives_as_painted_with_its_own_stamp_and_a_description(closing) -> None:
    outlet = closing(ViewOutlet())
    with inlet_of(outlet.source_id) as inlet:
        outlet.push(a_view(), 123.25)
        samples, stamps = pull(inlet, 1)
        info = inlet.info(10.0)
    assert stamps == [123.25]
    assert PaintedView.from_sample(np.array(samples[0])) == a_view()
    assert info.get_channel_labels() == [channel.label for channel in VIEW_CHANNELS]
    assert info.get_channel_units() == [channel.unit for channel in VIEW_CHANNELS]
    xml = info.as_xml()
    assert "<meaning>coronal</meaning>" in xml and "<meaning>mip</meaning>" in xml and "<schema>1</schema>" in xml
    assert xml.count("<codes>") == 1


def test_an_unchanged_view_is_repeated_with_the_same_counter_for_each_pane(closing) -> None:
    outlet = closing(ViewOutlet())
    with inlet_of(outlet.source_id) as inlet:
        outlet.push(a_view(paint=5, pane=0), 100.0)
        outlet.push(a_view(paint=6, pane=1), 100.5)
        assert outlet.tick(100.6) == 0
        assert outlet.tick(101.0) == 1
        assert outlet.tick(101.5) == 1
        outlet.forget(1)
        assert outlet.tick(110.0) == 1
        samples, stamps = pull(inlet, 5)
    assert [(sample[0], stamp) for sample, stamp in zip(samples, stamps, strict=True)] == [
        (5.0, 100.0),
        (6.0, 100.5),
        (5.0, 101.0),
        (6.0, 101.5),
        (5.0, 110.0),
    ]
    assert (outlet.views_pushed, outlet.repeats_pushed) == (2, 3)


def test_markers_are_compact_json_and_return_their_stamp(closing) -> None:
    outlet = closing(MarkerOutlet())
    with inlet_of(outlet.source_id) as inlet:
        before = local_clock()
        stamp = outlet.push("trial_start", trial=3, case="c01", dictation="3_c01")
        assert before <= stamp <= local_clock()
        assert outlet.push("mark", time_lsl=4.5, trial=3, paint=9, note="größer") == 4.5
        samples, stamps = pull(inlet, 2)
    assert stamps == [stamp, 4.5]
    assert samples[0][0] == '{"event":"trial_start","trial":3,"paint":0,"case":"c01","dictation":"3_c01"}'
    assert json.loads(samples[1][0]) == {"event": "mark", "trial": 3, "paint": 9, "note": "größer"}


def test_an_unknown_event_or_a_value_outside_json_is_refused(closing) -> None:
    outlet = closing(MarkerOutlet())
    with pytest.raises(ValueError, match="no marker event"):
        outlet.push("trial_begin")
    with pytest.raises(ValueError, match="JSON"):
        outlet.push("mark", x=math.nan)
    assert outlet.markers_pushed == 0


def test_markers_are_read_back_and_foreign_text_is_not_taken_for_one() -> None:
    assert streams.parse_marker(streams.marker_text("pause", trial=1)) == {"event": "pause", "trial": 1, "paint": 0}
    for foreign in (
        "",
        "stimulus 3",
        "[1]",
        '{"event": "other"}',
        '{"event": "pause", "trial": "x"}',
        '{"event": "pau',
    ):
        assert streams.parse_marker(foreign) is None


def test_audio_anchors_carry_file_frame_and_time(closing) -> None:
    outlet = closing(AudioClockOutlet(16_000))
    with inlet_of(outlet.source_id) as inlet:
        outlet.push(2, 16_000, 77.5)
        assert "<sampling_rate>16000.0</sampling_rate>" in outlet.info_xml()
        samples, _ = pull(inlet, 1)
    assert samples == [[2.0, 16_000.0, 77.5]]


def test_each_outlet_has_its_own_source_id_and_a_closed_one_says_so(closing) -> None:
    first, second = closing(MarkerOutlet()), closing(MarkerOutlet())
    assert first.source_id != second.source_id
    first.close()
    with pytest.raises(StreamError, match="closed"):
        first.push("pause")
