"""A few lines of YAML -> bases: the built-in file, a suite's `define`, and the user's own files."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fldbench.dataset import make_dataset
from fldbench.errors import DataError, FldbenchError, ProtocolError, must_be
from fldbench.protocols import normalisers
from fldbench.protocols.names import suggestion
from fldbench.protocols.protocol import Protocol
from fldbench.yaml_text import Place, at_line, read_yaml, telling

if TYPE_CHECKING:
    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

BUILT_IN = Path(__file__).with_name("builtin.yaml")
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


@cache
def _model() -> type[BaseModel]:
    """The keys of a base and the kinds of their values; pydantic is imported only where a definition is read."""
    from pydantic import BaseModel, ConfigDict, Field

    class Points(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        name: str = "points"
        points: list[list[int]] = Field(min_length=2, max_length=2)

    class Base(BaseModel):
        model_config = ConfigDict(extra="forbid", strict=True)
        name: str
        dataset: str
        options: dict[str, Any] = {}
        split: str = "test"
        subset: str | None = None
        n_expected: int | None = Field(default=None, ge=1)
        ids_sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
        scheme: str | None = None
        normaliser: str | Points
        thresholds: list[float] = [0.08, 0.10]
        boxes: str = "tight"
        official_boxes: str = ""
        union_of: list[str] = []

    return Base


def definitions(content: Any, where: str, lines: Mapping[Place, int] | None = None) -> list[Protocol]:
    """Return the bases of a `define` block.

    Parameters
    ----------
    content : list or dict
        A list of mappings with a name each, or a mapping from names. The keys of a base: name, dataset, options (of the
        dataset's reader), split (default test), subset, n_expected and scheme (default: what the dataset's reader
        says), ids_sha256, normaliser, thresholds (default 0.08 and 0.10), boxes (default tight), official_boxes,
        union_of. The normaliser is one of `normalisers.NORMALISERS`, `points:8/9`, or a mapping with the keys name and
        points, two lists of indices.
    where : str
        The file, for messages.
    lines : mapping, optional
        The line of each base, by its place in `content`.

    Raises
    ------
    ProtocolError
        It names the base and the key, the value found and the allowed values.

    >>> lines = {"dataset": "own", "n_expected": 9, "scheme": "mtfl-5", "normaliser": "points:3/4"}
    >>> definitions({"mine": lines}, "suite.yaml")[0].normaliser_points
    ((3,), (4,))
    """
    found: list[Protocol] = []
    for place, item in _items(content, where, lines or {}):
        protocol = _defined(item, place)
        if protocol.name in [other.name for other in found]:
            raise ProtocolError(f"{place}: the base {protocol.name!r} is given twice; write it once")
        found.append(protocol)
    return found


def read_protocols(path: str | Path) -> list[Protocol]:
    """Return the bases of a YAML file; its content is that of `definitions`.

    Raises ProtocolError with the file, and the line where it is not YAML.
    """
    try:
        content, lines = read_yaml(path)
    except DataError as error:
        raise ProtocolError(str(error)) from error
    return definitions(content, str(path), lines)


@cache
def built_in() -> dict[str, Protocol]:
    """Return the bases that come with fldbench, by their names."""
    return {protocol.name: protocol for protocol in read_protocols(BUILT_IN)}


def check_base_name(name: str, where: str) -> None:
    """Raise ProtocolError for a name that looks like one with modifiers."""
    if not _NAME.fullmatch(name):
        raise ProtocolError(
            must_be(where, "the name", name, "letters, digits and any of . _ + -, without @ or a comma")
        )


def _items(content: Any, where: str, lines: Mapping[Place, int]) -> Iterator[tuple[str, Any]]:
    """Yield each base with its place, for messages; in a mapping, the key is the name of the base."""
    if isinstance(content, dict):
        for name, item in content.items():
            yield (
                f"{at_line(where, lines, name)}: {name}",
                item | {"name": str(name)} if isinstance(item, dict) else item,
            )
    elif isinstance(content, list):
        for number, item in enumerate(content):
            named = isinstance(item, dict) and isinstance(item.get("name"), str)
            yield f"{at_line(where, lines, number)}: {item['name'] if named else f'define[{number}]'}", item
    else:
        raise ProtocolError(
            must_be(at_line(where, lines), "define", content, "a list of bases, or a mapping from their names")
        )


def _defined(item: Any, where: str) -> Protocol:
    from pydantic import ValidationError

    model = _model()
    keys = ", ".join(model.model_fields)
    if not isinstance(item, dict):
        raise ProtocolError(must_be(where, "the base", item, f"a mapping with the keys {keys}"))
    try:
        base: Any = model.model_validate(item)
    except ValidationError as invalid:
        raise ProtocolError(_explained(telling(invalid.errors()), where, model)) from invalid
    check_base_name(base.name, where)
    facts = {"scheme": base.scheme, "n_expected": base.n_expected}
    for key, value in facts.items():
        facts[key] = _of_reader(key, base, where) if value is None else value
    name, points = _normaliser(base.normaliser)
    try:
        return Protocol(
            **facts,
            name=base.name,
            dataset=base.dataset,
            options=tuple(base.options.items()),
            split=base.split,
            subset=base.subset,
            normaliser=name,
            normaliser_points=points,
            box_source=base.boxes,
            thresholds=tuple(base.thresholds),
            ids_sha256=base.ids_sha256,
            union_of=tuple(base.union_of),
            official_boxes=base.official_boxes,
        )
    except FldbenchError as error:
        raise ProtocolError(f"{where}: {error}") from error


def _explained(error: ErrorDetails, where: str, model: type[BaseModel]) -> str:
    """Return an error of pydantic in fldbench's grammar of messages."""
    path = [str(part) for part in error["loc"]]
    key, keys = path[0], list(model.model_fields)
    if error["type"] == "extra_forbidden" and len(path) == 1:
        return must_be(where, "a key", key, f"one of {', '.join(keys)}", suggestion(key, keys))
    if error["type"] == "missing" and len(path) == 1:
        return f"{where}: the key {key!r} is missing; a base has the keys {', '.join(keys)}"
    if key == "normaliser":
        allowed = f"one of {', '.join(normalisers.NORMALISERS)}, or a mapping: name, and points, two lists of indices"
        return must_be(where, key, error["input"], allowed)
    return must_be(where, ".".join(path), error["input"], error["msg"].lower().removeprefix("input should be "))


def _of_reader(key: str, base: Any, where: str) -> Any:
    """Return the scheme, or the number of faces of the split or subset, from the dataset's reader."""
    try:
        reader = make_dataset(base.dataset, **base.options)
    except FldbenchError as error:
        raise ProtocolError(f"{where}: {error}") from error
    known = reader.expected.get(base.subset or base.split)
    found = (reader.map_to or getattr(reader, "scheme", None)) if key == "scheme" else known
    if found is None:
        what = "the scheme of its points" if key == "scheme" else "how many faces are measured"
        raise ProtocolError(f"{where}: the dataset {base.dataset!r} does not say {what}; give the key {key!r}")
    return found


def _normaliser(value: Any) -> tuple[str, Any]:
    """Name and points of a normaliser as it is written."""
    if not isinstance(value, str):
        return value.name, tuple(map(tuple, value.points))
    name, _, text = value.partition(":")
    groups = normalisers.two_groups(text) if name == "points" else None
    return (value, None) if groups is None else (name, groups)
