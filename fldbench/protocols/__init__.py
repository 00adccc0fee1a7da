"""Named, hashed evaluation protocols: all that decides a number."""

from fldbench.protocols.protocol import (
    BOX_SOURCES,
    JITTER,
    METRICS_VERSION,
    Protocol,
    Score,
    boxes_from,
    evaluate,
    get_protocol,
    ids_hash,
    list_protocols,
    register_protocol,
)

__all__ = [
    "BOX_SOURCES",
    "JITTER",
    "METRICS_VERSION",
    "Protocol",
    "Score",
    "boxes_from",
    "evaluate",
    "get_protocol",
    "ids_hash",
    "list_protocols",
    "register_protocol",
]
