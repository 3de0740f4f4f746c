"""What a researcher can do in Review, as data: buttons, keys and tooltips are made from this table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class ReviewAction:
    """One action: stable id, text, key, icon of the icon font."""

    id: str
    text: str
    key: str
    icon: str

    @property
    def tooltip(self) -> str:
        """Text and key."""
        return f"{self.text} ({self.key})"


REVIEW_ACTIONS = (
    ReviewAction("play", "Play or pause", "Space", "mdi6.play"),
    ReviewAction("previous_fixation", "Previous fixation", "A", "mdi6.skip-previous"),
    ReviewAction("next_fixation", "Next fixation", "S", "mdi6.skip-next"),
    ReviewAction("slower", "Slower", "[", "mdi6.rewind"),
    ReviewAction("faster", "Faster", "]", "mdi6.fast-forward"),
    ReviewAction("free", "View as shown or free", "V", "mdi6.gesture-tap"),
    ReviewAction("gaze", "Show gaze dot", "G", "mdi6.eye-outline"),
    ReviewAction("fixations", "Show fixations", "X", "mdi6.circle-outline"),
    ReviewAction("path", "Show scan path", "C", "mdi6.vector-polyline"),
    ReviewAction("home", "Back to the first page", "Esc", "mdi6.arrow-left"),
    ReviewAction("model", "Show other readers and models", "M", "mdi6.layers-outline"),
    ReviewAction("trace", "Show slice trace", "D", "mdi6.chart-timeline-variant"),
)


def review_action(action_id: str) -> ReviewAction:
    """The action with this id; raises KeyError for others."""
    for action in REVIEW_ACTIONS:
        if action.id == action_id:
            return action
    raise KeyError(action_id)
