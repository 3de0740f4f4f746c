"""Calibration and validation on the screen: the page that shows targets and the page that shows the result."""
