"""Gaze samples, coordinate frames, painted views and what follows from both: voxels, fixations, quality. No Qt."""
