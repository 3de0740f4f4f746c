"""Presets, style, protocol templates and the demo case recipe, read through `importlib.resources.files("resources")`."""
