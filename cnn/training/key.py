"""The name of a training on disk: a digest of all that decides its weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import torch

from fldbench.code_digest import code_digest
from fldbench.faces import FaceSet
from fldbench.files import sha256_of
from fldbench.method import Method


def fit_key(method: Method, train: FaceSet, val: FaceSet | None, sample_weight: np.ndarray) -> str:
    """Return the SHA-256 over code, parameters, faces, their weights (n,), and the content of the method's files."""
    parts = [method.label, method.version, code_digest(type(method)), torch.__version__, method.key_params()]
    parts += [(faces.fingerprint, faces.groups_fingerprint) for faces in (train, val) if faces is not None]
    parts += [hashlib.sha256(sample_weight.tobytes()).hexdigest()]
    paths = [method.get_params().get(name) for name in method.files]
    parts += [sha256_of(path) for path in paths if path and Path(path).is_file()]
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()
