"""Calibration of gaze on a screen: targets, procedure, fit, validation and drift. Needs numpy and scipy only."""
