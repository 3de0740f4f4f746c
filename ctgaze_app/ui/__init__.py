"""The only place where Qt, pyqtgraph and windows live."""
