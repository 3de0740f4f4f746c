"""Presets, style and the demo case recipe, read through `importlib.resources.files("resources")`."""
