"""The conventions of the field as changes of a protocol, one at a time: who counts how.

A convention is a set of modifiers (see `fldbench list protocols`), so that `fldbench evaluate` gives the same number
under the name of the protocol that a table shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from fldbench.protocols import Protocol
from fldbench.protocols.legacy import AUC_RULES
from fldbench.protocols.modifiers import NUMBERED
from fldbench.schemes import get_scheme

NORMALISER, POINTS, PIXELS = "errors are divided by", "points that count", "pixels of the answers"
MEAN, MISSED, CODE = "what is averaged", "what a missed face counts", "rules of a code"
THRESHOLDS = (0.05, 0.07, 0.08, 0.10)  # of STAR on 300-W, of FAN and LUVLi, of 300-W, of WFLW and COFW


class Convention(NamedTuple):
    """A way to count: which part of a protocol it changes, how, and who counts so (empty if nobody is named)."""

    part: str
    words: str
    change: str
    who: str = ""


_NORMALISERS = (
    ("outer eye corners", "interocular", "HRNet, SAN, MDM, STAR, PIPNet and mmpose on 300-W"),
    ("eye centres or pupils", "interpupil", "CFSS, cGPRT, Wing and dlib's example on 300-W, AWing on COFW"),
    ("sqrt(w h) of the true points' box", "norm=box", "LUVLi on 300-W, JD-106"),
    ("diagonal of the true points' box", "norm=diagonal", "DAN on Menpo"),
    ("(w + h) / 2 of the true points' box", "norm=mean-edge", "menpofit by default"),
    ("longer side of the true points' box", "norm=longer-side", ""),
    ("height of the true points' box", "norm=height", ""),
    ("sqrt(w h) of the dataset's own box", "boxes=official,norm=given-box", "SAN on AFLW"),
    ("diagonal of the dataset's own box", "boxes=official,norm=given-diagonal", "FaRL on AFLW"),
    ("height of the dataset's own box", "boxes=official,norm=given-height", "DCFE on AFLW"),
    ("longer side of the dataset's own box", "boxes=official,norm=face-size", "HRNet on AFLW"),
    ("nothing: 1 % is 1 px", "norm=pixels", "dlib's test_shape_predictor without scales"),
)
_PIXELS = (
    ("moved by 2 px right and down", "offset=2", ""),
    ("moved by 1 px, as if 1 had been subtracted once too often", "offset=1", "FaRL's reading of 300-W"),
    ("moved by half a pixel", "offset=0.5", ""),
    ("moved by half a pixel left and up", "offset=-0.5", ""),
    ("moved by -1 px, as if they counted from 1", "offset=-1", "HRNet's and PIPNet's lists of 300-W"),
    ("moved by -2 px", "offset=-2", ""),
    ("cut to whole pixels", "integer", "HRNet"),
    ("rounded to whole pixels", "rounded", "dlib"),
)
_MEANS = (
    ("mean over faces", "reduction=macro", ""),
    ("mean over all points of all faces", "reduction=micro", "mmpose"),
    ("median over faces", "reduction=median", ""),
    ("in the box, stretched to a square", "stretched", "PIPNet"),
    ("sum divided by all points, annotated or not", "diluted", "LUVLi and SPIGA on MERL-RAV"),
    ("truth clipped to the given box", "clipped", "PIPNet on WFLW and AFLW"),
    ("without the shift that all faces have in common", "unshifted", ""),
)
_MISSED = (
    ("a failure, and no part of the NME", "missed=failure", "COFW-68's script"),
    ("left out of every number", "missed=skipped", "FAN's demo"),
    ("an error of 100 %", "missed=value:1", ""),
    ("the error of the mean shape in its box", "missed=mean-shape", ""),
)
_CODES = (
    ("whole pixels", "hrnet", "HRNet"),
    ("Simpson's AUC, truth clipped, a square box", "pipnet,stretched", "PIPNet"),
    ("AUC in steps of 0.5 %", "mdm", "MDM and 300-W's curves"),
    ("mean edge, Simpson's AUC", "menpo", "menpofit"),
    ("Simpson's AUC at 5 %", "t=0.05,auc=menpo", "STAR on 300-W"),
    ("box, 7 %, its own AUC", "fan", "FAN"),
    ("box, 7 %, its own AUC", "norm=box,t=0.07,auc=luvli", "LUVLi"),
    ("AUC from a histogram", "spiga", "SPIGA"),
    ("AUC by trapezoids, an error at the threshold is a failure", "auc=san,strict", "SAN"),
    ("mean over all points", "mmpose", "mmpose"),
)


def conventions(protocol: Protocol) -> Iterator[Convention]:
    """Yield the conventions that a protocol's scheme knows, part by part; some may be impossible for its dataset."""
    inner = inner_eye_corners(protocol.scheme)
    for words, change, who in _NORMALISERS:
        yield Convention(NORMALISER, words, change, who)
        if change == "interpupil" and inner is not None:
            yield Convention(NORMALISER, "inner eye corners", f"norm=points:{inner[0]}/{inner[1]}")
    n_points = get_scheme(protocol.scheme).n_points
    yield Convention(POINTS, f"all {n_points}", "points=all")
    for name in sorted(NUMBERED.get(protocol.scheme, {}), key=int, reverse=True):
        yield Convention(POINTS, f"{name} of the {n_points}", f"points={name}")
    yield Convention(POINTS, "those marked visible", "visible", "SAN on AFLW")
    for part, rows in ((PIXELS, _PIXELS), (MEAN, _MEANS), (MISSED, _MISSED), (CODE, _CODES)):
        yield from (Convention(part, *row) for row in rows)


def inner_eye_corners(scheme: str) -> tuple[int, int] | None:
    """Return the points of the eyes' outlines that are nearest to the other eye, or None where eyes have no corners.

    >>> inner_eye_corners("ibug-68"), inner_eye_corners("wflw-98"), inner_eye_corners("mtfl-5")
    ((39, 42), (64, 68), None)
    """
    known = get_scheme(scheme)
    if known.outer_eye_corners is None or known.eye_points is None or known.template is None:
        return None
    left, right = known.eye_points
    if min(len(left), len(right)) < 2:
        return None
    x = np.asarray(known.template)[:, 0]
    return int(left[x[list(left)].argmax()]), int(right[x[list(right)].argmin()])


def curves(protocol: Protocol) -> Iterator[tuple[str, float, str]]:
    """Yield (rule of the AUC, threshold, modifiers) for every rule and threshold."""
    thresholds = sorted({*THRESHOLDS, *protocol.thresholds})
    for rule in AUC_RULES:
        yield from ((rule, t, f"t={np.format_float_positional(t, trim='-')},auc={rule}") for t in thresholds)
