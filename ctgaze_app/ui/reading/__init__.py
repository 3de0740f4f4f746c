"""The reading room: the CT, full screen, and nothing else."""
