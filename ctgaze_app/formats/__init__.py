"""Exchange formats, one file each, read and write. No Qt."""
