"""True points that are those of another scheme, mapped by the dataset's option `map_to`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fldbench import registry
from fldbench.errors import FldbenchError
from fldbench.protocols.names import percent
from fldbench.schemes import conversion_floor


def in_words(dataset: str, options: Mapping[str, Any], scheme: str) -> str:
    """Return whence the points of a protocol are mapped, and what an exact answer loses; nothing for its own points.

    >>> in_words("wflw", {"map_to": "ibug-68"}, "ibug-68")
    'true points mapped from wflw-98: an exact answer has 0.39 % on synthetic faces, and more where annotators differ'
    """
    if options.get("map_to") is None:
        return ""
    try:
        source = options.get("scheme") or registry.resolve("dataset", dataset).scheme
    except (FldbenchError, AttributeError):  # not installed here, or the reader knows its scheme when it has read
        source = None
    floor = None if source is None else conversion_floor(source, scheme)
    lost = (
        "what that costs an exact answer is not known" if floor is None else f"an exact answer has {percent(floor)} %"
    )
    if floor:
        lost += " on synthetic faces, and more where annotators differ"
    return f"true points mapped{f' from {source}' if source else ''}: {lost}"
