"""Segmentation that learns from where people looked: gaze to pseudo-masks, and a network of several levels.

Heat maps, CRF and pseudo-masks need no torch; settings neither. The network, its training and prediction do.
"""
