"""What is kept of test faces so that reports can part their errors by it, without the dataset and without persons."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from fldbench.faces import FaceSet
from fldbench.geometry import box_size, tight_box
from fldbench.run.facts import groups_of

SIZES = (64, 128, 256, 512)  # px: bounds of the classes of sizes
HIDDEN = 0.25  # of the points: more of them hidden is `many`


def slice_evidence(faces: FaceSet) -> dict[str, np.ndarray]:
    """Return the arrays that are kept beside the errors of n test faces.

    - `groups`: a number for each person, clip or photo, (n,), where some have several faces; the names are not kept.
    - `slices`: the names of the following.
    - `attribute:NAME`: the class of each face, (n,) text, empty where it is not known. Also the share of points that
      are marked as hidden, where some are, and the size of the face (the longer side of the points' box).
    - `subset:NAME`: whether each face belongs to it, (n,) bool; subsets of none or of all of these faces are left out.
    """
    found: dict[str, np.ndarray] = {}
    for name, codes in faces.attributes.items():
        if name in faces.attribute_types:
            names = np.array([*faces.attribute_types[name].classes, ""])
            found[f"attribute:{name}"] = names[np.asarray(codes, int)]  # -1, unknown, is the last
    if len(faces):
        found |= _seen(faces)
    found |= {
        f"subset:{name}": np.asarray(member, bool)
        for name, member in faces.subsets.items()
        if 0 < np.count_nonzero(member) < len(faces)
    }
    return groups_of(faces) | {"slices": np.array(list(found), dtype=str)} | found


def _seen(faces: FaceSet) -> dict[str, np.ndarray]:
    """Return the classes of hidden points and of the size of faces."""
    there = np.isfinite(faces.landmarks).all(axis=-1)
    share = np.where(there, ~faces.visible, False).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    found = {}
    if (share > 0).any():
        classes = np.select([share == 0, share <= HIDDEN], ["none", "some"], "many")
        found["attribute:hidden points"] = np.where(there.any(axis=1), classes, "")
    sides = np.full(len(faces), np.nan)
    whole = there.any(axis=1)
    if whole.any():
        sides[whole] = box_size(tight_box(faces.landmarks[whole])).max(axis=1)
    names = [f"below {SIZES[0]} px", *(f"{a} to {b} px" for a, b in pairwise(SIZES))]
    names += [f"{SIZES[-1]} px and more", ""]
    bands = np.where(np.isfinite(sides), np.searchsorted(SIZES, np.nan_to_num(sides), side="right"), len(SIZES) + 1)
    found["attribute:size"] = np.array(names)[bands]
    return found
