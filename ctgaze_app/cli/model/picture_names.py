"""What a picture is called in a table of fixations: nobody's gaze is taken as gaze on another picture."""

from __future__ import annotations

from collections.abc import Mapping

from ctgaze_app.cli.model.predicted_subject import Place

FIXATIONS, PICTURE = "fixations", "picture"
"""Options of the models that take a reader's gaze: the table, and what it calls the picture."""


def named_picture(options: Mapping[str, str], place: Place, code: str, *, code_given: bool) -> Mapping[str, str]:
    """The options, with the picture's name for a table of fixations: its code where somebody gave one, else its file's.

    A trial's picture keeps the code of its case.
    """
    if FIXATIONS not in options or PICTURE in options or place.session is not None:
        return options
    source = place.case or place.picture or place.nifti
    assert source is not None
    if source.is_dir() and len(files := [file for file in source.iterdir() if file.is_file()]) == 1:
        source = files[0]
    own = source.name if source.is_dir() else source.stem.removesuffix(".nii")
    return {**options, PICTURE: code if code_given else own}
