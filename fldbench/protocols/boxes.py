"""The box of each face that a method gets: the true points' tight box, that box jittered, or the dataset's own."""

from __future__ import annotations

import numpy as np

from fldbench.errors import DataError, ProtocolError, must_be
from fldbench.faces import FaceSet
from fldbench.faces.draws import rng_of
from fldbench.files import listed
from fldbench.geometry import jitter_box, tight_box
from fldbench.protocols.names import decimals, number

BOX_SOURCES = ("tight", "jittered:S", "official")
DEFAULT_JITTER = 0.05
LARGEST_JITTER = 0.5
SEED = "0"
OLD_NAMES = {"truth-tight": "tight", "truth-jittered": "jittered"}  # of the first version


def box_source(text: str, where: str) -> str:
    """Return the canonical name of a box source: tight, jittered:S with at least two decimals, or official.

    `jittered` alone is `jittered:0.05`; `truth-tight` and `truth-jittered` are the names of the first version. Raises
    ProtocolError, which begins with `where`, for anything else.

    >>> [box_source(text, "p") for text in ("jittered", "jittered:.1", "truth-tight", "official")]
    ['jittered:0.05', 'jittered:0.10', 'tight', 'official']
    """
    kind, colon, size = OLD_NAMES.get(str(text), str(text)).partition(":")
    if kind in ("tight", "official") and not colon:
        return kind
    if kind == "jittered":
        spread = number(size) if colon else DEFAULT_JITTER
        if 0 < spread <= LARGEST_JITTER:
            return f"jittered:{decimals(spread)}"
    allowed = f"tight, official, or jittered:S with S above 0 up to {LARGEST_JITTER}"
    raise ProtocolError(must_be(where, "boxes", text, allowed))


def boxes_from(faces: FaceSet, source: str) -> FaceSet:
    """Return the faces with the boxes of a source.

    Parameters
    ----------
    faces : FaceSet
        As the dataset's reader returned them.
    source : str
        tight : the smallest box around the true points;
        jittered:S : that box shifted by N(0, S) of its width and height and scaled by N(1, S), drawn from the face's
        id alone, so that the box of a face does not depend on the other faces;
        official : the dataset's own box, which the reader gave; `box_source` of the result says if there was none.

    Raises
    ------
    ProtocolError
        For an unknown source.
    DataError
        For faces without any landmark, unless their boxes are the dataset's own.
    """
    source = box_source(source, "boxes_from")
    kind, _, spread = source.partition(":")
    if kind == "official":
        return faces
    bare = faces.ids[~np.isfinite(faces.landmarks).all(axis=-1).any(axis=-1)].tolist()
    if bare:
        raise DataError(
            f"{faces.label}: faces without any landmark have no tight box: {listed(bare)}; take the dataset's own "
            "boxes (official), or leave these faces out"
        )
    boxes = tight_box(faces.landmarks).reshape(-1, 4)
    if kind == "jittered":
        jittered = [
            jitter_box(box, rng_of(SEED, face), float(spread), float(spread))
            for face, box in zip(faces.ids, boxes, strict=True)
        ]
        boxes = np.reshape(jittered, (-1, 4))
    return faces.with_boxes(boxes, source)
