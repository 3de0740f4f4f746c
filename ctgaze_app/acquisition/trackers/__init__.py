"""Built-in trackers, one file each; each runs in a process of its own with its own LSL outlet."""
