"""LSL in and out, clocks, XDF, the recorder process, the microphone and the built-in trackers. No Qt."""
