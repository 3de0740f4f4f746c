"""Our XDF writing and reading, against pyxdf and against damage."""

from __future__ import annotations

import logging
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import pyxdf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctgaze_app.acquisition.clock_correction import correct_times
from ctgaze_app.acquisition.xdf import XdfWriter, close_truncated, read_xdf
from ctgaze_app.acquisition.xdf_format import BOUNDARY_MARK, NUMERIC_FORMATS, Tag, encode_chunk, encode_length
from ctgaze_app.errors import SessionError


def info_xml(
    name: str, channel_format: str, n_channels: int, rate_hz: float = 0.0, labels: tuple[str, ...] = ()
) -> str:
    channels = "".join(f"<channel><label>{label}</label><unit>px</unit></channel>" for label in labels)
    return (
        f'<?xml version="1.0"?><info><name>{name}</name><type>Gaze</type><channel_count>{n_channels}</channel_count>'
        f"<nominal_srate>{rate_hz}</nominal_srate><channel_format>{channel_format}</channel_format>"
        f"<source_id>{name}-id</source_id><desc><channels>{channels}</channels></desc></info>"
    )


def write_example(path: Path, *, seconds: float = 4.0, rate_hz: float = 100.0) -> tuple[np.ndarray, np.ndarray]:
    """Gaze of 3 channels in chunks of 7, markers each second, offsets each second; returns stamps and values."""
    stamps = 1000.0 + np.arange(round(seconds * rate_hz)) / rate_hz
    values = np.random.default_rng(1).normal(size=(len(stamps), 3))
    with XdfWriter(path) as writer:
        gaze = writer.add_stream(info_xml("gaze", "double64", 3, rate_hz, ("left_x", "left_y", "frame")))
        markers = writer.add_stream(info_xml("markers", "string", 1))
        for stream in (gaze, markers):
            writer.write_clock_offset(stream, 1000.0, 1e-5)
        for start in range(0, len(stamps), 7):
            writer.write_samples(gaze, stamps[start : start + 7], values[start : start + 7])
            writer.tick(stamps[start])
            if start % 98 == 0:
                writer.write_samples(markers, [stamps[start]], [f'{{"event":"mark","text":"größer {start}"}}'])
                writer.write_clock_offset(gaze, stamps[start], 1e-5)
    return stamps, values


def load_with_pyxdf(path: Path, caplog: pytest.LogCaptureFixture, **options: object) -> dict[str, dict]:
    caplog.clear()
    with caplog.at_level(logging.WARNING):
        streams, _ = pyxdf.load_xdf(path, **options)
    assert [record.getMessage() for record in caplog.records] == []
    return {stream["info"]["name"][0]: stream for stream in streams}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    stamps, values = write_example(tmp_path / "a.xdf")
    recording = read_xdf(tmp_path / "a.xdf")
    assert (recording.complete, recording.problem) == (True, None)
    assert recording.bytes_good == (tmp_path / "a.xdf").stat().st_size
    gaze, markers = recording.streams
    assert np.array_equal(gaze.time_raw, stamps)
    assert np.array_equal(gaze.numbers, values)
    assert gaze.time_lsl == pytest.approx(stamps + 1e-5, abs=1e-9)
    assert (gaze.name, gaze.type, gaze.source_id, gaze.nominal_rate_hz) == ("gaze", "Gaze", "gaze-id", 100.0)
    assert gaze.channel_labels == ("left_x", "left_y", "frame")
    assert gaze.channel_units == ("px", "px", "px")
    assert gaze.footer is not None and gaze.footer["sample_count"] == "400"
    assert markers.texts[1] == '{"event":"mark","text":"größer 98"}'
    assert markers.channel_labels == ("",)
    assert recording.find(type="gaze", name="markers") == [markers]


@pytest.mark.parametrize(
    "options", [{}, {"synchronize_clocks": False, "dejitter_timestamps": False}], ids=["default", "raw"]
)
def test_pyxdf_reads_every_stream_without_a_warning(tmp_path: Path, caplog, options: dict) -> None:
    stamps, values = write_example(tmp_path / "a.xdf")
    streams = load_with_pyxdf(tmp_path / "a.xdf", caplog, **options)
    assert np.array_equal(streams["gaze"]["time_series"], values)
    expected = stamps + (1e-5 if not options else 0.0)
    assert streams["gaze"]["time_stamps"] == pytest.approx(expected, abs=1e-8)
    assert [row[0] for row in streams["markers"]["time_series"]] == read_xdf(tmp_path / "a.xdf").streams[1].texts


def test_boundary_marks_stand_every_ten_seconds_and_a_file_is_never_overwritten(tmp_path: Path) -> None:
    write_example(tmp_path / "a.xdf", seconds=25.0)
    content = (tmp_path / "a.xdf").read_bytes()
    assert content.count(BOUNDARY_MARK) == 3
    with pytest.raises(FileExistsError):
        XdfWriter(tmp_path / "a.xdf")
    assert (tmp_path / "a.xdf").read_bytes() == content


def test_a_file_cut_at_any_byte_keeps_every_whole_chunk(tmp_path: Path) -> None:
    stamps, values = write_example(tmp_path / "a.xdf", seconds=1.0)
    content = (tmp_path / "a.xdf").read_bytes()
    last = 0
    for size in range(4, len(content), 37):
        (tmp_path / "cut.xdf").write_bytes(content[:size])
        recording = read_xdf(tmp_path / "cut.xdf")
        assert not (recording.complete and recording.streams)
        assert recording.bytes_good <= size
        for stream in recording.find(name="gaze"):
            n = len(stream.time_raw)
            assert n >= last and (n % 7 == 0 or n == 100)
            assert np.array_equal(stream.time_raw, stamps[:n]) and np.array_equal(stream.numbers, values[:n])
            last = n
    assert last == 100


@pytest.mark.parametrize("cut", [1, 13, 400, 3000])
def test_a_closed_cut_recording_reads_everywhere_without_a_warning(tmp_path: Path, caplog, cut: int) -> None:
    path = tmp_path / "a.xdf"
    write_example(path)
    content = path.read_bytes()
    path.write_bytes(content[:-cut])
    before = read_xdf(path)
    closed = close_truncated(path)
    after = read_xdf(path)
    assert after.complete
    assert path.read_bytes()[: before.bytes_good] == content[: before.bytes_good]
    assert closed.bytes_put_aside == len(content) - cut - before.bytes_good
    aside = closed.side_file.read_bytes() if closed.side_file else b""
    assert aside == content[before.bytes_good : len(content) - cut]
    streams = load_with_pyxdf(path, caplog)
    assert np.array_equal(streams["gaze"]["time_series"], before.streams[0].numbers)
    assert close_truncated(path).footers_added == 0


def test_a_recording_cut_within_its_first_bytes_becomes_an_empty_complete_one(tmp_path: Path) -> None:
    (tmp_path / "a.xdf").write_bytes(b"XDF:\x01\x70\x01")
    assert close_truncated(tmp_path / "a.xdf").bytes_put_aside == 3
    recording = read_xdf(tmp_path / "a.xdf")
    assert (recording.complete, recording.streams) == (True, ())


def test_a_side_file_is_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    write_example(path)
    path.write_bytes(path.read_bytes()[:-3000])
    (tmp_path / "a.xdf.tail").write_bytes(b"older")
    assert close_truncated(path).side_file == tmp_path / "a.xdf.tail2"
    assert (tmp_path / "a.xdf.tail").read_bytes() == b"older"


def test_damage_in_the_middle_costs_only_what_lies_up_to_the_next_boundary(tmp_path: Path) -> None:
    path = tmp_path / "a.xdf"
    stamps, _ = write_example(path, seconds=25.0)
    content = bytearray(path.read_bytes())
    second_boundary = content.index(BOUNDARY_MARK, content.index(BOUNDARY_MARK) + 1)
    whole = read_xdf(path)
    content[5000:5040] = bytes(40)
    path.write_bytes(content)
    recording = read_xdf(path)
    assert not recording.complete and recording.bytes_good < 5000 and recording.problem
    kept = recording.streams[0].time_raw
    assert set(stamps[stamps >= 1010.01]) <= set(kept)
    assert len(kept) < len(whole.streams[0].time_raw)
    assert second_boundary < len(content)
    with pytest.raises(SessionError, match="middle"):
        close_truncated(path)
    assert path.read_bytes() == bytes(content)


def test_hostile_or_foreign_files_are_one_clear_error_or_a_named_problem(tmp_path: Path) -> None:
    for name, content in {"empty": b"", "text": b"hello world"}.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(SessionError, match="no XDF file"):
            read_xdf(tmp_path / name)
    with pytest.raises(SessionError, match="cannot be read"):
        read_xdf(tmp_path / "absent")
    huge = encode_length(2**62) + b"\x03\x00"
    no_header = encode_chunk(Tag.SAMPLES, encode_length(2**40), 1)
    bad_header = encode_chunk(Tag.STREAM_HEADER, b"<info><channel_count>99999999999</channel_count></info>", 1)
    for damage in (huge, no_header, bad_header, b"\x00" * 64, encode_chunk(Tag.STREAM_HEADER, b"<info>", 1)):
        (tmp_path / "bad").write_bytes(b"XDF:" + damage)
        recording = read_xdf(tmp_path / "bad")
        assert recording.streams == () and recording.problem and recording.bytes_good == 4


def test_a_promise_of_more_samples_than_a_chunk_holds_is_damage(tmp_path: Path) -> None:
    header = encode_chunk(Tag.STREAM_HEADER, info_xml("s", "string", 1).encode(), 1)
    lying = encode_chunk(Tag.SAMPLES, encode_length(2**40) + b"\x08", 1)
    (tmp_path / "a.xdf").write_bytes(b"XDF:" + header + lying)
    recording = read_xdf(tmp_path / "a.xdf")
    assert recording.streams[0].values == [] and recording.bytes_good == 4 + len(header)


def test_stamps_that_another_recorder_left_out_follow_from_the_rate(tmp_path: Path, caplog) -> None:
    content = encode_length(3) + struct.pack("<Bdi", 8, 50.0, 7) + struct.pack("<Bi", 0, 8) + struct.pack("<Bi", 0, 9)
    offset = encode_chunk(Tag.CLOCK_OFFSET, struct.pack("<dd", 50.0, 0.0), 1)
    header = encode_chunk(Tag.STREAM_HEADER, info_xml("s", "int32", 1, 4.0).encode(), 1)
    (tmp_path / "a.xdf").write_bytes(b"XDF:" + header + offset + encode_chunk(Tag.SAMPLES, content, 1))
    stream = read_xdf(tmp_path / "a.xdf").streams[0]
    assert stream.time_raw.tolist() == [50.0, 50.25, 50.5]
    assert stream.numbers.tolist() == [[7], [8], [9]]
    theirs = load_with_pyxdf(tmp_path / "a.xdf", caplog)["s"]
    assert theirs["time_stamps"] == pytest.approx(stream.time_raw)


chunk_sizes = st.lists(st.integers(1, 5), max_size=6)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), channel_format=st.sampled_from([*NUMERIC_FORMATS, "string"]), n_channels=st.integers(1, 4))
def test_any_stream_survives_the_round_trip(
    tmp_path: Path, data: st.DataObject, channel_format: str, n_channels: int
) -> None:
    path = tmp_path / f"{time.monotonic_ns()}.xdf"
    sizes = data.draw(chunk_sizes)
    stamps: list[float] = data.draw(st.lists(st.floats(0, 1e6), min_size=sum(sizes), max_size=sum(sizes)))
    if channel_format == "string":
        text = st.text(st.characters(exclude_categories=("Cs",)), max_size=300)
        rows: list = [data.draw(st.lists(text, min_size=n_channels, max_size=n_channels)) for _ in stamps]
    else:
        kind = NUMERIC_FORMATS[channel_format]
        raw = data.draw(st.binary(min_size=len(stamps) * n_channels * 8, max_size=len(stamps) * n_channels * 8))
        rows = np.frombuffer(raw, dtype=kind)[: len(stamps) * n_channels].reshape(len(stamps), n_channels)
    with XdfWriter(path) as writer:
        stream = writer.add_stream(info_xml("s", channel_format, n_channels))
        start = 0
        for size in sizes:
            writer.write_samples(stream, stamps[start : start + size], rows[start : start + size])
            start += size
    read = read_xdf(path).streams[0]
    assert read.time_raw.tolist() == stamps
    if channel_format == "string":
        assert read.values == ([row[0] for row in rows] if n_channels == 1 else rows)
    else:
        assert read.numbers.dtype == NUMERIC_FORMATS[channel_format]
        assert read.numbers.tobytes() == rows.tobytes()


def test_samples_that_do_not_fit_the_stream_are_refused(tmp_path: Path) -> None:
    with XdfWriter(tmp_path / "a.xdf") as writer:
        stream = writer.add_stream(info_xml("s", "float32", 2))
        with pytest.raises(ValueError, match="shape"):
            writer.write_samples(stream, [1.0], [[1.0, 2.0, 3.0]])
        with pytest.raises(ValueError, match="stamps"):
            writer.write_samples(stream, [1.0, 2.0], [[1.0, 2.0]])
        with pytest.raises(ValueError, match="cannot be written"):
            writer.add_stream(info_xml("s", "complex", 2))


def test_bytes_that_a_full_disk_refuses_are_written_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = XdfWriter(tmp_path / "a.xdf")
    stream = writer.add_stream(info_xml("s", "float32", 1))
    real = writer._file

    class FullDisk:
        closed = False

        def write(self, data: bytearray) -> int:
            if len(data) > 50:
                return real.write(bytes(data[:50]))
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_file", FullDisk())
    writer.write_samples(stream, np.arange(100.0), np.arange(100.0)[:, None])
    with pytest.raises(OSError, match="No space"):
        writer.flush()
    assert writer.pending_bytes > 0
    monkeypatch.setattr(writer, "_file", real)
    writer.close()
    assert read_xdf(tmp_path / "a.xdf").streams[0].numbers[:, 0].tolist() == list(range(100))


def test_ten_minutes_of_gaze_are_read_in_under_half_a_second(tmp_path: Path) -> None:
    n, chunk = 720_000, 60
    stamps = np.arange(n) / 1200.0
    values = np.random.default_rng(0).normal(size=(n, 10))
    with XdfWriter(tmp_path / "a.xdf") as writer:
        stream = writer.add_stream(info_xml("g", "double64", 10, 1200.0))
        for start in range(0, n, chunk):
            writer.write_samples(stream, stamps[start : start + chunk], values[start : start + chunk])
    best = float("inf")
    for _ in range(3):
        before = time.process_time()
        recording = read_xdf(tmp_path / "a.xdf")
        best = min(best, time.process_time() - before)
    assert np.array_equal(recording.streams[0].numbers, values)
    assert best < 0.5


def test_clock_correction_is_exact_on_a_line_and_blind_to_one_bad_measurement() -> None:
    times = np.arange(0.0, 600.0, 5.0)
    offsets = 2.0 + 2e-5 * times
    offsets[40] += 0.03
    raw = np.linspace(-1.0, 605.0, 1000)
    assert correct_times(raw, times, offsets) == pytest.approx(raw + 2.0 + 2e-5 * raw, abs=1e-9)


def test_short_series_take_the_median_and_no_series_changes_nothing() -> None:
    raw = np.array([1.0, 2.0])
    assert correct_times(raw, np.array([0.0, 5.0, 10.0]), np.array([1e-5, 3e-5, 9e-3])).tolist() == [1.00003, 2.00003]
    assert correct_times(raw, np.empty(0), np.empty(0)).tolist() == [1.0, 2.0]


def test_a_restarted_senders_clock_is_corrected_on_both_sides_of_the_jump() -> None:
    true_times = np.arange(0.0, 120.0, 0.1)
    second = true_times >= 60.0
    raw = true_times - np.where(second, -5000.0, 300.0)
    measured = np.arange(0.0, 120.0, 5.0)
    offsets = np.where(measured >= 60.0, -5000.0, 300.0)
    assert correct_times(raw, measured - offsets, offsets) == pytest.approx(true_times, abs=1e-6)


def test_a_clock_that_follows_no_line_is_followed_piecewise() -> None:
    times = np.arange(0.0, 300.0, 5.0)
    offsets = 0.02 * np.sin(times / 40.0)
    raw = np.linspace(10.0, 280.0, 500)
    assert correct_times(raw, times, offsets) - raw == pytest.approx(0.02 * np.sin(raw / 40.0), abs=2e-4)
