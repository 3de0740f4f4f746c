"""The coordinator's view of a running session."""
