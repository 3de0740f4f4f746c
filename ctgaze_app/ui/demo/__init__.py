"""The demo: the whole main job, driven by a scripted reader with the real widgets."""
