"""CT-Searcher: from a CT volume to a reader's scan path in three dimensions (arXiv 2507.12591), published or corrected.

`settings` and the targets need no torch; everything else does.
"""
