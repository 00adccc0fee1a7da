"""JSON annotation files: parsed, and their values checked, with the place in every error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fldbench.dataset import FAR
from fldbench.datasets.formats.text import refusal
from fldbench.errors import DataError
from fldbench.files import parse_json, read_text


def read_json(path: str | Path, kind: type, what: str) -> Any:
    """Return the value of a JSON file, which must be a dict or list; `what` says what such a file holds.

    Raises
    ------
    DataError
        With the file and, if it is not JSON, the line.
    """
    text = read_text(path)
    try:
        content = parse_json(text)
    except ValueError as error:
        cause = error.__cause__
        line = cause.lineno if isinstance(cause, json.JSONDecodeError) else None
        raise DataError(f"not JSON ({error})", path, line) from error
    if not isinstance(content, kind):
        raise DataError(f"not a file of this kind: must hold {what}", path)
    return content


def pixel(value: Any, what: str, path: str | Path) -> float:
    """Return a coordinate, a number below a million; raise DataError for anything else.

    >>> pixel(3, "x", "a.json")
    3.0
    """
    if type(value) not in (int, float) or not abs(value) < FAR:
        raise refusal(what, value, f"a number below {FAR:g}", path)
    return float(value)


def pair(value: Any, what: str, path: str | Path) -> tuple[float, float]:
    """Return a list of two coordinates; raise DataError for anything else."""
    if not isinstance(value, list) or len(value) != 2:
        raise refusal(what, value, "two numbers", path)
    return pixel(value[0], what, path), pixel(value[1], what, path)


def objects(value: Any, what: str, path: str | Path) -> list[dict[str, Any]]:
    """Return a list of objects; raise DataError for anything else."""
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise refusal(what, type(value).__name__, "a list of objects", path)
    return value
