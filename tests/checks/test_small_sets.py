"""Degenerate training sets, for every registered method: sane answers, or an error that says what is needed."""

import warnings
from dataclasses import replace

import numpy as np
import pytest
from small_methods import NETWORKS, SMALL

import fldbench
from fldbench.checks import quick_faces
from fldbench.errors import DataError
from fldbench.faces import FaceSet, ImageArrays

FEW = 6
NEEDS_TWO_GROUPS = {"hybrid", "stack"}  # they learn from answers of models that never saw the face's person
SANE = 3.0  # sides of the box from its centre
SLOW = NETWORKS - {"cnn-small", "heatmap"}  # the same code trains them: for them, one set is enough


def with_points(faces, landmarks):
    return replace(faces, landmarks=landmarks, visible=None)


def repeated(faces, groups):
    """One face several times, under other ids."""
    rows, images = np.zeros(FEW, int), ImageArrays([faces.images[0]] * FEW)
    return FaceSet(list("abcdef"), images, faces.boxes[rows], faces.landmarks[rows], faces.scheme, groups=groups)


def alike(faces):
    """All shapes the same, in units of their boxes."""
    corner, size = faces.boxes[:, None, :2], (faces.boxes[:, 2:] - faces.boxes[:, :2])[:, None]
    return with_points(faces, (faces.landmarks[0] - corner[0]) / size[0] * size + corner)


def grey(faces, size):
    return replace(faces, images=ImageArrays([np.full((size, size, 3), 128, np.uint8)] * len(faces)))


def only(faces, there):
    """The same faces with some of their points."""
    return with_points(faces, np.where(there[:, None], faces.landmarks, np.nan))


SETS = {
    "one face": lambda faces: faces[:1],
    "two faces": lambda faces: faces[:2],
    "three faces": lambda faces: faces[:3],
    "one group": lambda faces: replace(faces, groups=np.array(["a"] * FEW)),
    "two groups": lambda faces: replace(faces, groups=np.array(["a", "b"] * 3)),
    "three groups": lambda faces: replace(faces, groups=np.array(["a", "b", "c"] * 2)),
    "one face repeated": lambda faces: repeated(faces, list("abcdef")),
    "one face repeated in one group": lambda faces: repeated(faces, ["a"] * FEW),
    "points of a face in one place": lambda faces: with_points(faces, faces.landmarks * 0 + faces.landmarks[:, 30:31]),
    "identical shapes": alike,
    "constant images": lambda faces: grey(faces, 200),
    "images of one pixel": lambda faces: grey(faces, 1),
}
NEEDS = r"has no faces; a method needs at least one|0 group\(s\) of faces; (hybrid|stack) needs two"
NO_POINT = r"no (training )?face has point {} \({} such point"
IMPOSSIBLE = {
    "no face": (lambda faces: faces[:0], NEEDS),
    "a point that no face has": (lambda faces: only(faces, np.arange(68) != 3), NO_POINT.format(3, 1)),
    "one point of 68": (lambda faces: only(faces, np.arange(68) == 30), NO_POINT.format(0, 67)),
}
CASES = [(name, which) for name in SMALL for which in (SETS if name not in SLOW else ["one face"])]


@pytest.mark.parametrize(("name", "which"), CASES)
def test_small_and_uniform_sets_give_sane_answers_or_say_what_is_needed(name, which):
    train, test = quick_faces()
    train, test = SETS[which](train[:FEW]), test[:2]
    alone = {"tasks": ("landmarks",)} if "tasks" in SMALL[name] else {}  # so few faces know one class of an attribute
    method = fldbench.make_method(name, **SMALL[name] | alone)
    if name in NEEDS_TWO_GROUPS and len(np.unique(train.groups)) < 2:
        with pytest.raises(DataError, match=rf"1 group\(s\) of faces; {name} needs two"):
            method.fit(train)
        return
    if name == "asm" and which == "points of a face in one place":
        with pytest.raises(DataError, match="all points of a face lie in one place; asm learns shapes, so check"):
            method.fit(train)
        return
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* was fitted on .*; the boxes given now")
        answer = method.fit(train).predict(list(test.images), test.boxes)
    assert np.isfinite(answer).all()
    centre, side = (test.boxes[:, :2] + test.boxes[:, 2:]) / 2, (test.boxes[:, 2:] - test.boxes[:, :2]).max(axis=1)
    off = np.linalg.norm(answer - centre[:, None], axis=-1).max(axis=1) / side
    assert name in SLOW or (off < SANE).all(), off


@pytest.mark.parametrize("which", IMPOSSIBLE)
@pytest.mark.parametrize("name", SMALL)
def test_sets_from_which_nothing_can_be_learned_are_refused(name, which):
    make, text = IMPOSSIBLE[which]
    with pytest.raises(DataError, match=text):
        fldbench.make_method(name, **SMALL[name]).fit(make(quick_faces()[0][:FEW]))
