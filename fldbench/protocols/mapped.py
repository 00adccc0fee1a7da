"""True points that are those of another scheme, mapped by the dataset's option `map_to`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fldbench import registry
from fldbench.errors import FldbenchError
from fldbench.protocols.names import percent
from fldbench.protocols.normalisers import has_eyes
from fldbench.schemes import conversion_floor


def in_words(dataset: str, options: Mapping[str, Any], scheme: str) -> str:
    """Return whence true points are mapped and what an exact answer loses by that; nothing where they are not mapped.

    The loss is that of all points by one length (`conversion_floor`), whatever a protocol measures and divides by.

    >>> in_words("wflw", {"map_to": "ibug-68"}, "ibug-68")
    'mapped from wflw-98: an exact answer is 0.39 % of the inter-ocular distance off on synthetic faces, over all
    points, and more where annotators differ'
    """
    if options.get("map_to") is None:
        return ""
    try:
        source = options.get("scheme") or registry.resolve("dataset", dataset).scheme
    except (FldbenchError, AttributeError):  # not installed here, or the reader knows its scheme when it has read
        source = None
    floor = None if source is None else conversion_floor(source, scheme)
    whence = f"mapped from {source}" if source else "mapped"
    if floor is None:
        return f"{whence}: what that costs an exact answer is not known"
    if floor == 0:
        return f"{whence}: that costs an exact answer nothing"
    length = "inter-ocular" if has_eyes(scheme, "inter-ocular") else "inter-pupil"
    lost = f"an exact answer is {percent(floor)} % of the {length} distance off on synthetic faces, over all points"
    return f"{whence}: {lost}, and more where annotators differ"
