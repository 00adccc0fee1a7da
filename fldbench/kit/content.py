"""What a wrapped model is made of, as a digest: the key of everything that learned nothing."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import sys
import uuid
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import CodeType
from typing import Any

import numpy as np

from fldbench.digest import LIBRARIES, code_of
from fldbench.errors import MethodError, must_be
from fldbench.files import sha256_of
from fldbench.live_code import is_of_python, is_own
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


def code_within(model: Any) -> dict[str, str]:
    """Return module -> digest of the user's own code that is in a model: layers, steps, what a partial function calls.

    The code of the model itself counts by the module of its class (`home_of`); that of libraries by their versions.
    """
    thing: Any = model.__self__ if inspect.ismethod(model) else model
    if hasattr(thing, "named_modules"):
        homes = {type(part).__module__ for _, part in thing.named_modules()}
    elif inspect.isroutine(thing) or kind_of(model) in ("onnx", "command"):
        return {}
    else:
        homes = _homes_within(thing)
    found: dict[str, str] = {}
    for home in sorted(homes):
        file = getattr(sys.modules.get(home), "__file__", None)
        if is_own(file) if file else not is_of_python(home):
            found |= code_of(type("Part", (), {"__module__": home}))
    return found


def _homes_within(thing: Any) -> set[str]:
    """Return the modules of all classes and functions that a pickle of an object would name."""
    homes: set[str] = set()
    hashing = importlib.import_module("joblib.hashing")

    class Walk(hashing.NumpyHasher):  # type: ignore[name-defined, misc]
        def save(self, part: Any) -> None:
            named = part if isinstance(part, type) or inspect.isfunction(part) else type(part)
            homes.add(named.__module__)
            super().save(part)

    with suppress(Exception):  # what cannot be pickled is never reused, see `content_of`
        Walk("md5").hash(thing)
    return homes - {"builtins", __name__}


def _hash_of(thing: Any, within: tuple[Any, ...] = ()) -> str:
    """Return a digest of a value; `within` are the functions that use it."""
    if hasattr(thing, "state_dict"):
        total = hashlib.sha256(repr(thing).encode())
        for name, value in [*thing.state_dict().items(), *_settings_of(thing)]:
            held = as_array(value)
            total.update(name.encode())
            total.update(np.ascontiguousarray(held).tobytes() if held is not value else _hash_of(held, within).encode())
        return total.hexdigest()
    if inspect.isfunction(thing):
        codes, within = _codes(thing.__code__), (*within, thing)
        named = dict.fromkeys(name for code in codes for name in code.co_names)
        used = [cell.cell_contents for cell in thing.__closure__ or ()]
        used += [*(thing.__defaults__ or ()), *(thing.__kwdefaults__ or {}).values()]
        used += [thing.__globals__[name] for name in named if name in thing.__globals__]
        known = [one for one in used if not (inspect.ismodule(one) or inspect.isclass(one))]
        parts = [_hash_of(one, within) for one in known if not any(one is other for other in within)]
        texts = [text for code in codes for text in (code.co_code.hex(), repr(_constants(code)))]
        return hashlib.sha256("\0".join([*texts, *named, *parts]).encode()).hexdigest()
    if inspect.isroutine(thing):
        name, owner = f"{thing.__module__}.{thing.__qualname__}", getattr(thing, "__self__", None)
        plain = owner is None or inspect.ismodule(owner) or inspect.isclass(owner)
        return name if plain else f"{name} {_hash_of(owner, within)}"
    try:
        return str(importlib.import_module("joblib").hash(thing))
    except Exception:
        return uuid.uuid4().hex


def _settings_of(module: Any) -> list[tuple[str, Any]]:
    """Return what a torch module and its parts were made with: their attributes that are no weights and no code."""
    parts: Any = getattr(module, "named_modules", list)()
    return [
        (f"{place}.{name}", value)
        for place, part in parts
        for name, value in sorted(vars(part).items())
        if not (name.startswith("_") or name == "training" or callable(value))
    ]


def _codes(code: CodeType) -> list[CodeType]:
    """Return a function's code and that of the functions in it."""
    return [code, *(one for inner in code.co_consts if inspect.iscode(inner) for one in _codes(inner))]


def _constants(code: CodeType) -> list[Any]:
    return [one for one in code.co_consts if not inspect.iscode(one)]


def _version(library: str) -> str:
    try:
        return version("scikit-learn" if library == "sklearn" else library)
    except PackageNotFoundError:
        return ""


def as_array(answer: Any) -> Any:
    """Return a tensor of torch as an array; anything else as it is."""
    return answer.detach().cpu().numpy() if hasattr(answer, "detach") else answer
