"""The description of a pack, checked before anything that it claims is allocated or read."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from fldbench.errors import DataError, first_fault
from fldbench.escape import plain
from fldbench.faces.attributes import Attribute, codes_out_of_range
from fldbench.files import parse_json
from fldbench.geometry import FAR

LARGEST = 10**7  # bytes of the JSON text
_LAST_LETTER = 0x10FFFF  # of Unicode

# Column -> type, and shape behind the number of faces; None is any number.
_FIXED: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "ids": (r"<U\d{1,4}", ()),
    "groups": (r"<U\d{1,4}", ()),
    "boxes": ("<f8", (4,)),
    "landmarks": ("<f8", (None, 2)),
    "visible": (r"\|b1", (None,)),
    "image/start": ("<u8", ()),
    "image/size": ("<u8", ()),
    "image/crc": ("<u4", ()),
    "image/digest": (r"\|u1", (None,)),
    "image/digest_size": (r"\|u1", ()),
}
_OPTIONAL: dict[str, tuple[str, tuple[int | None, ...]]] = {
    "matrices": ("<f8", (2, 3)),
    "attributes": ("<i8", ()),
    "subsets": (r"\|b1", ()),
}


class AttributeAbout(BaseModel):
    """An `Attribute` in the JSON text."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    classes: list[str]
    mirrored: bool
    ordered: bool

    @model_validator(mode="after")
    def _check(self) -> AttributeAbout:
        Attribute(**self.model_dump())  # refuses what cannot be; its DataError is a ValueError
        return self


class About(BaseModel):
    """The JSON text of an index: see `fldbench.faces.pack`; `columns` are name, type, shape and CRC-32."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    n: int = Field(ge=0)
    scheme: str
    own_scheme: dict[str, Any] | None = None
    name: str
    split_name: str
    box_source: str = ""
    parts: dict[str, list[int]]
    attribute_types: dict[str, AttributeAbout] = {}
    raw_size: int | None = Field(ge=1, le=65_535)
    images_end: int = Field(ge=0)
    columns: list[list[str | list[int] | int]]


class Column(NamedTuple):
    """Where a column lies in the index, what it holds, and its CRC-32."""

    start: int
    end: int
    dtype: str
    shape: tuple[int, ...]
    crc: int


def read_about(text: bytes, start: int, size: int, file: Path) -> tuple[About, dict[str, Column]]:
    """Return the description and the columns of an index of `size` bytes, in which the columns begin at `start`.

    Raises
    ------
    DataError
        For a text that does not describe exactly such a file.
    """
    try:
        about = About.model_validate(parse_json(text))
    except ValidationError as error:
        raise _damaged(first_fault(error), file) from error
    except (ValueError, RecursionError) as error:
        raise _damaged(str(error), file) from error
    if not all(len(counts) == 2 for counts in about.parts.values()):
        raise _damaged("parts must be faces found and expected", file)
    columns: dict[str, Column] = {}
    end = start
    for entry in about.columns:
        match entry:
            case [str(name), str(dtype), list(shape), int(crc)] if name not in columns:
                _check_kind(name, dtype, shape, about.n, file)
                begin, end = end, end + math.prod(shape) * np.dtype(dtype).itemsize
                columns[name] = Column(begin, end, dtype, tuple(shape), crc)
            case _:
                raise _damaged(f"the column {str(entry)[:80]}", file)
    typed = (f"attributes/{name}" for name in about.attribute_types)
    absent = ", ".join(plain(name)[:80] for name in (*_FIXED, *typed) if name not in columns)
    if absent:
        raise _damaged(f"no column {absent}", file)
    if end != size:
        raise _damaged(f"its columns take {end} bytes of {size}", file)
    if about.n and columns["landmarks"].shape[1] != columns["visible"].shape[1]:
        raise _damaged("landmarks and visible have other numbers of points", file)
    return about, columns


def is_impossible(name: str, dtype: str, part: memoryview | bytes, attribute: Attribute | None = None) -> bool:
    r"""Return whether a part of a column holds what no pack has: impossible letters, points, flags or codes.

    The attribute is what the codes mean, if the column has any.

    >>> is_impossible("subsets/a", "|b1", b"\0\1"), is_impossible("subsets/a", "|b1", b"\2")
    (False, True)
    """
    if not len(part):
        return False
    if dtype.startswith("<U"):
        return bool(np.frombuffer(part, np.uint32).max() > _LAST_LETTER)
    if dtype == "|b1":
        return bool(np.frombuffer(part, np.uint8).max() > 1)
    if attribute is not None:
        return bool(codes_out_of_range(np.frombuffer(part, "<i8"), attribute).any())
    return name == "landmarks" and bool((np.abs(np.frombuffer(part, "<f8")) > FAR).any())


def _check_kind(name: str, dtype: str, shape: list[int], n: int, file: Path) -> None:
    known = _FIXED.get(name) or _OPTIONAL.get(name.partition("/")[0])
    if known is None:
        raise _damaged(f"an unknown column {name[:80]!r}", file)
    kind, rest = known
    fits = len(shape) == 1 + len(rest) and all(one >= 0 for one in shape) and shape[0] == n
    fits = fits and all(want in (None, got) for want, got in zip(rest, shape[1:], strict=True))
    if not re.fullmatch(kind, dtype) or (not fits and n):
        raise _damaged(f"the column {name[:80]!r} is {dtype[:20]} of the shape {str(shape)[:80]}", file)
    if not fits and any(one < 0 for one in shape):
        raise _damaged(f"the column {name[:80]!r} has the shape {str(shape)[:80]}", file)


def _damaged(why: str, file: Path) -> DataError:
    return DataError(f"damaged: its description is not that of a pack ({plain(why)[:200]}); pack the faces again", file)
