"""Scan paths, simulation and (later) the field's networks. Useful alone: imports neither Qt nor `ctgaze_app`."""
