"""XML annotation files, parsed so that every error knows its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.parsers import expat

from fldbench.errors import DataError


def parse_xml(parser: Any, data: bytes, path: Path) -> None:
    """Feed a whole file to a parser of expat, whose handlers may raise DataError; raise DataError if it is not XML."""
    try:
        parser.Parse(data, True)
    except DataError:
        raise
    except expat.ExpatError as error:
        raise DataError(f"not XML ({expat.ErrorString(error.code)})", path, error.lineno) from error
    except (ValueError, LookupError) as error:  # an encoding that Python does not know or that expat cannot use
        raise DataError(f"{error}; save the file as UTF-8", path, 1) from error
