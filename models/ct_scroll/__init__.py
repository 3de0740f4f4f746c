"""CT-Scroll: findings of a chest CT from triplets of slices that attend to their neighbours as a scrolling reader does.

`settings` and `preprocessing` need no torch; `family` is what the commands and the application call.
"""
