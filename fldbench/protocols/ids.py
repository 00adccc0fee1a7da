"""What identifies the faces behind a number: a hash of their ids."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from fldbench.faces import FaceSet


def ids_hash(faces: FaceSet) -> str:
    """Return the SHA-256 of the sorted ids of faces, one per line: it identifies the faces behind a number."""
    return hash_of_ids(faces.ids.tolist())


def hash_of_ids(ids: Iterable[str]) -> str:
    """Return the SHA-256 of the sorted ids, one per line.

    Blanks do not count: one file of 300-W is called `image_092 _01` in the release and `image_092_01` in many copies.
    """
    lines = "\n".join(sorted("".join(one.split()) for one in ids))
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
