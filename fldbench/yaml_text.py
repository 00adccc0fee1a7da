"""YAML that people write, read in bounded time and memory: text, numbers, true, false, null, lists and mappings.

YAML can do more than a suite or a list of protocols needs: aliases that unfold to gigabytes, tags that make objects,
keys that repeat. All of that is refused, with the line.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from fldbench.errors import DataError
from fldbench.escape import plain
from fldbench.files import read_text

Place = tuple[str | int, ...]  # the keys and indices that lead to a value

LARGEST = 1_000_000  # bytes
DEEPEST = 32  # lists and mappings within each other
MOST_VALUES = 20_000
LONGEST_NUMBER, LONGEST_KEY, LONGEST_TEXT = 40, 200, 10_000  # letters
SHOWN = 60  # letters of the text that an error quotes

_KINDS = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:null": type(None),
    "tag:yaml.org,2002:bool": bool,
    "tag:yaml.org,2002:int": int,
    "tag:yaml.org,2002:float": float,
}
_NO_TEXT = re.compile("[\x00\ud800-\udfff]")  # only escapes in quotes can give these
_POWER = re.compile(r"[-+]?[0-9]+[eE][-+]?[0-9]+")  # 1e-3: a number in YAML 1.2, text for PyYAML


def read_yaml(path: str | Path) -> tuple[Any, dict[Place, int]]:
    """Return the content of a YAML file, and the line of each of its values.

    Raises
    ------
    DataError
        In one line, with the file and the line: for what is not YAML, for YAML beyond text, finite numbers, true,
        false, null, lists and mappings from text, and for a file that is larger or nested more deeply than any that a
        person writes.
    """
    return parse_yaml(read_text(path, most=LARGEST), path)


def parse_yaml(text: str, file: str | Path) -> tuple[Any, dict[Place, int]]:
    """Return the content of a YAML text, and path -> line from 1 of its values; `file` is named in errors.

    >>> parse_yaml("a: [1, x]", "suite.yaml")
    ({'a': [1, 'x']}, {(): 1, ('a',): 1, ('a', 0): 1, ('a', 1): 1})
    """
    try:
        reader = _Reader(text, file)
        return reader.document(), reader.lines
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise DataError(f"not YAML: the letter #x{ord(text[error.position]):04x} is not allowed", file, line) from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        what = plain(getattr(error, "problem", None) or error)[: 2 * SHOWN]
        raise DataError(f"not YAML: {what}", file, mark.line + 1 if mark else None) from error


def below(lines: Mapping[Place, int], key: str) -> dict[Place, int]:
    """Return the lines of what stands under a key, by its place there.

    >>> below({(): 1, ("a",): 1, ("a", 0): 2}, "a")
    {(): 1, (0,): 2}
    """
    return {place[1:]: line for place, line in lines.items() if place[:1] == (key,)}


def at_line(file: str, lines: Mapping[Place, int], *place: str | int) -> str:
    """Return `FILE, line N` of a value, or `FILE` where the line is not known.

    >>> at_line("s.yaml", {("a",): 3}, "a"), at_line("a dict", {}, "a")
    ('s.yaml, line 3', 'a dict')
    """
    return f"{file}, line {lines[place]}" if place in lines else file


def telling(errors: Sequence[Any]) -> Any:
    """Return the error of pydantic that tells most: an unknown key, which explains a missing one; or the first.

    >>> telling([{"type": "missing", "loc": ("seeds",)}, {"type": "extra_forbidden", "loc": ("seed",)}])["loc"]
    ('seed',)
    """
    return next((error for error in errors if error["type"] == "extra_forbidden"), errors[0])


class _Reader:
    """The one document of a text, built from the parser's events, so that nothing is built before it is checked."""

    def __init__(self, text: str, file: str | Path):
        self.lines: dict[Place, int] = {}
        self._file = file
        self._loader: Any = yaml.SafeLoader(text)  # its methods have no types
        self._values = 0

    def document(self) -> Any:
        """Return the content of the only document; None if there is none."""
        self._next(yaml.StreamStartEvent)
        if self._loader.check_event(yaml.StreamEndEvent):
            return None
        self._next(yaml.DocumentStartEvent)
        content = self._value((), 0)
        self._next(yaml.DocumentEndEvent)
        if not self._loader.check_event(yaml.StreamEndEvent):
            raise self._refused("a second document begins", self._loader.peek_event(), "write one file for each")
        return content

    def _next(self, kind: type[yaml.Event]) -> Any:
        event = self._loader.get_event()
        assert isinstance(event, kind)
        return event

    def _value(self, path: Place, depth: int) -> Any:
        event: Any = self._loader.get_event()
        self.lines[path] = event.start_mark.line + 1
        self._values += 1
        if self._values > MOST_VALUES:
            raise self._refused(f"more than {MOST_VALUES} values", event)
        if depth > DEEPEST:
            raise self._refused(f"more than {DEEPEST} lists and mappings within each other", event)
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            sign = "*" if isinstance(event, yaml.AliasEvent) else "&"
            raise self._refused(f"{sign}{event.anchor[:SHOWN]}: aliases are not read", event, "write the value out")
        if event.tag is not None and not (event.tag == "!" and isinstance(event, yaml.ScalarEvent)):
            raise self._refused(f"the tag {event.tag[:SHOWN]!r} is not read", event, "write the value without it")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(path, depth)
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Any] = []
            while not self._loader.check_event(yaml.SequenceEndEvent):
                items.append(self._value((*path, len(items)), depth + 1))
            self._loader.get_event()
            return items
        return self._scalar(event)

    def _mapping(self, path: Place, depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {}
        while not self._loader.check_event(yaml.MappingEndEvent):
            event = self._loader.peek_event()
            key = self._value((*path, ""), depth + 1)
            del self.lines[(*path, "")]
            if isinstance(event, yaml.ScalarEvent) and event.value == "<<" and event.style is None:
                raise self._refused("the key '<<' is not read", event, "write the keys out")
            if not isinstance(key, str):
                raise self._refused(f"the key {_shown(event, key)} is no text", event, "put it in quotes")
            if len(key) > LONGEST_KEY:
                raise self._refused(f"a key of {len(key)} letters", event, f"the longest may have {LONGEST_KEY}")
            if key in found:
                raise self._refused(f"the key {key[:SHOWN]!r} is given twice", event, "write it once")
            line = event.start_mark.line + 1
            found[key] = self._value((*path, key), depth + 1)
            self.lines[(*path, key)] = line
        self._loader.get_event()
        return found

    def _scalar(self, event: Any) -> Any:
        text: str = event.value
        if len(text) > LONGEST_TEXT:
            raise self._refused(f"a text of {len(text)} letters", event, f"the longest may have {LONGEST_TEXT}")
        if _NO_TEXT.search(text):
            raise self._refused("a zero byte, or half of a letter", event, "write the text without it")
        if event.style is not None or event.tag == "!":
            return text
        tag = self._loader.resolve(yaml.ScalarNode, text, (True, False))
        if tag == "tag:yaml.org,2002:str" and _POWER.fullmatch(text):
            tag = "tag:yaml.org,2002:float"
        if tag not in _KINDS:
            if tag in ("tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"):
                return text
            what = tag.rpartition(":")[2]
            raise self._refused(f"{text[:SHOWN]} is a {what}, which is not read", event, "put it in quotes")
        if _KINDS[tag] in (int, float) and len(text) > LONGEST_NUMBER:
            raise self._refused(f"a number of {len(text)} letters", event, f"the longest may have {LONGEST_NUMBER}")
        try:
            return self._number_or_word(tag, text)
        except ValueError as error:
            raise self._refused(f"{text[:SHOWN]} is not a finite number", event) from error

    def _number_or_word(self, tag: str, text: str) -> Any:
        if _POWER.fullmatch(text):
            value: Any = float(text)
        else:
            value = self._loader.construct_object(yaml.ScalarNode(tag, text))
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(text)
        return value

    def _refused(self, what: str, event: Any, then: str = "") -> DataError:
        message = plain(what) + (f"; {then}" if then else "")
        return DataError(message, self._file, event.start_mark.line + 1)


def _shown(event: Any, key: Any) -> str:
    return repr(event.value[:SHOWN]) if isinstance(event, yaml.ScalarEvent) else f"a {type(key).__name__}"
