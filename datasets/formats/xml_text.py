"""XML annotation files, parsed so that every error knows its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.parsers import expat

from fldbench.errors import DataError


def parse_xml(parser: Any, data: bytes, path: Path) -> None:
    """Feed a whole file to a parser of expat, whose handlers may raise DataError.

    Raises
    ------
    DataError
        If it is not XML, or XML with entities of its own: they unfold to gigabytes, or to other files.
    """

    def refuse(name: str, *_: Any) -> None:
        raise DataError(f"defines the entity {name[:40]!r}; write its text out", path, parser.CurrentLineNumber)

    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except DataError:
        raise
    except expat.ExpatError as error:
        raise DataError(f"not XML ({expat.ErrorString(error.code)})", path, error.lineno) from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know or that expat cannot use
        raise DataError(f"{error}; save the file as UTF-8", path, 1) from error
