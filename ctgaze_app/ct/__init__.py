"""Files to `Volume`: grouping, sorting, decoding, geometry and VOI windows. Nothing here knows of Qt or gaze."""
