"""Random numbers of a face: drawn from its id alone, so that they depend on no other face, order or process."""

from __future__ import annotations

import hashlib

import numpy as np


def rng_of(purpose: str, face_id: str) -> np.random.Generator:
    """Return the generator of a face for one purpose.

    >>> a, b, c = (rng_of(*words).random() for words in (("blur", "1"), ("blur", "1"), ("blur", "2")))
    >>> a == b, a == c
    (True, False)
    """
    digest = hashlib.sha256(f"{purpose}:{face_id}".encode("utf-8", "surrogatepass")).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))
