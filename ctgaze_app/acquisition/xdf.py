"""XDF 1.0 files (https://github.com/sccn/xdf/wiki/Specifications): the recording's container, written and read."""

from __future__ import annotations

from ctgaze_app.acquisition.xdf_reader import XdfFile, XdfStream, read_xdf
from ctgaze_app.acquisition.xdf_salvage import ClosedRecording, close_truncated
from ctgaze_app.acquisition.xdf_writer import XdfWriter

__all__ = ["ClosedRecording", "XdfFile", "XdfStream", "XdfWriter", "close_truncated", "read_xdf"]
