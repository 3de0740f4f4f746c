"""CTGaze: read CT under eye tracking, record it on one clock, replay and measure it."""

__version__ = "0.1.0"
