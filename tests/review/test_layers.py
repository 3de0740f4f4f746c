"""Layers of other readers and models: looks that last, colours that differ, one selection; no display."""

from __future__ import annotations

import pytest

from ctgaze_app.review.layers import COLOURS, LayerEntry, LayerKind, LayerList


def _entry(key: str, kind: LayerKind = "scanpath", **changes: object) -> LayerEntry:
    return LayerEntry(key, kind, key, "", **changes)  # type: ignore[arg-type]


@pytest.fixture
def layers() -> LayerList:
    made = LayerList()
    made.show([_entry("r02", "reading", colour=1, at_first=False), _entry("a"), _entry("b", "segmentation")])
    return made


def test_models_get_colours_of_their_own_and_readers_keep_theirs(layers: LayerList) -> None:
    models = [one.colour for one in layers.layers if one.by_model]
    assert len(set(models)) == 2 and layers["r02"].colour == 1
    layers.show([_entry(str(number)) for number in range(COLOURS)])
    assert {one.colour for one in layers.layers} == set(range(COLOURS))


def test_models_listed_at_once_have_the_colours_in_which_they_were_made_one_by_one() -> None:
    made, opened_again = LayerList(), LayerList()
    for newest in range(1, 4):
        made.show([_entry(str(number)) for number in reversed(range(newest))])
    opened_again.show([_entry(str(number)) for number in reversed(range(3))])
    assert [one.colour for one in opened_again.layers] == [one.colour for one in made.layers]


def test_a_colour_that_got_free_is_given_again(layers: LayerList) -> None:
    free = layers["a"].colour
    layers.remove("a")
    layers.show([_entry("b", "segmentation"), _entry("c")])
    assert layers["c"].colour == free


def test_the_first_visible_model_is_selected_and_the_selection_stays_while_listed(layers: LayerList) -> None:
    assert layers.selected is not None and layers.selected.key == "a"
    layers.select("b")
    layers.show([_entry("b", "segmentation"), _entry("c")])
    assert layers.selected.key == "b"
    layers.show([_entry("c")])
    assert layers.selected.key == "c"


def test_a_look_is_kept_when_a_trial_is_opened_again(layers: LayerList) -> None:
    layers.set_opacity("a", 0.3)
    layers.set_visible("a", False)
    layers.set_part("b", "level 2")
    layers.show([])
    assert layers.selected is None
    layers.show([_entry("a"), _entry("b", "segmentation")])
    assert (layers["a"].opacity, layers["a"].visible, layers["b"].part) == (0.3, False, "level 2")


def test_what_cannot_be_shown_is_not_shown_however_visible(layers: LayerList) -> None:
    layers.show([_entry("old", problem="made on another CT")])
    assert layers["old"].visible and not layers["old"].shown and layers.selected is None


def test_changes_are_told_once_and_only_when_something_changed(layers: LayerList) -> None:
    told: list[int] = []
    layers.changed.connect(lambda: told.append(1))
    layers.set_opacity("a", 0.5)
    layers.set_opacity("a", 0.5)
    layers.select("a")
    layers.set_opacity("a", 7.0)
    assert len(told) == 2 and layers["a"].opacity == 1.0
    with pytest.raises(KeyError):
        layers.set_visible("gone", True)
