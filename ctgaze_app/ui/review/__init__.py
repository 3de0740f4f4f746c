"""Replay of recorded sessions: workspace, timeline, overlays."""
