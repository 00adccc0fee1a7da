"""What a wrapped model is made of, as a digest: the key of everything that learned nothing."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import uuid
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.digest import LIBRARIES
from fldbench.errors import MethodError, must_be
from fldbench.files import sha256_of
from fldbench.method import Method


def kind_of(model: Any) -> str:
    """Return estimator, torch, onnx, function or command; raise MethodError for anything else."""
    if isinstance(model, (str, Path)) and str(model).endswith(".onnx"):
        return "onnx"
    if isinstance(model, (list, tuple)) and model and all(isinstance(word, str) for word in model):
        return "command"
    if hasattr(model, "state_dict") and hasattr(model, "forward"):
        return "torch"
    if hasattr(model, "fit") and hasattr(model, "predict") and not isinstance(model, (type, Method)):
        return "estimator"
    if callable(model) and not isinstance(model, type):
        return "function"
    allowed = "an estimator, a torch module, the path of an .onnx file, a function, or a command as a list of words"
    raise MethodError(must_be("wrap", "the model", model, allowed))


def home_of(model: Any, kind: str) -> str:
    """Return the module with the code of a model, if that is not a library whose version is in the key anyway."""
    home = getattr(model, "__module__", None) if inspect.isroutine(model) else type(model).__module__
    if kind in ("onnx", "command") or not home or home.partition(".")[0] in (*LIBRARIES, "builtins"):
        return __name__
    return str(home)


def content_of(model: Any) -> str:
    """Return a digest of what decides a model's answers: weights, parameters, files, closures, versions.

    What cannot be read so gets a digest of its own each time, so that no result of it is ever reused.
    """
    kind = kind_of(model)
    if kind == "onnx":
        return f"{sha256_of(model)} {_version('onnxruntime')}"
    if kind == "command":
        words = [f"{word} {sha256_of(word)}" if Path(word).is_file() else word for word in model]
        return hashlib.sha256("\0".join(words).encode()).hexdigest()
    library = _version(type(model).__module__.partition(".")[0])
    return f"{_hash_of(model)} {library}".strip()


def _hash_of(thing: Any) -> str:
    if hasattr(thing, "state_dict"):
        total = hashlib.sha256(repr(thing).encode())
        for name, value in thing.state_dict().items():
            total.update(name.encode() + np.ascontiguousarray(as_array(value)).tobytes())
        return total.hexdigest()
    if inspect.isfunction(thing):
        cells = [cell.cell_contents for cell in thing.__closure__ or ()]
        names = [name for name in thing.__code__.co_names if name in thing.__globals__]
        used = [*cells, *(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
        used += [thing.__globals__[name] for name in names]
        parts = [_hash_of(one) for one in used if not (inspect.ismodule(one) or inspect.isclass(one) or one is thing)]
        code = [thing.__code__.co_code.hex(), repr([c for c in thing.__code__.co_consts if not inspect.iscode(c)])]
        return hashlib.sha256("\0".join([*code, *map(str, thing.__code__.co_names), *parts]).encode()).hexdigest()
    if inspect.isroutine(thing):
        return f"{thing.__module__}.{thing.__qualname__}"
    try:
        return str(importlib.import_module("joblib").hash(thing))
    except Exception:
        return uuid.uuid4().hex


def _version(library: str) -> str:
    try:
        return version("scikit-learn" if library == "sklearn" else library)
    except PackageNotFoundError:
        return ""


def as_array(answer: Any) -> Any:
    """Return a tensor of torch as an array; anything else as it is."""
    return answer.detach().cpu().numpy() if hasattr(answer, "detach") else answer
