"""Named, hashed evaluation protocols: everything that decides a number. A name is a base, or a base with modifiers."""

from fldbench.protocols.bases import catalogue, evaluate, get_protocol, list_protocols, register_protocol, varied
from fldbench.protocols.boxes import BOX_SOURCES, boxes_from
from fldbench.protocols.definitions import definitions, read_protocols
from fldbench.protocols.ids import hash_of_ids, ids_hash
from fldbench.protocols.protocol import METRICS_VERSION, Protocol
from fldbench.protocols.score import Score

__all__ = [
    "BOX_SOURCES",
    "METRICS_VERSION",
    "Protocol",
    "Score",
    "boxes_from",
    "catalogue",
    "definitions",
    "evaluate",
    "get_protocol",
    "hash_of_ids",
    "ids_hash",
    "list_protocols",
    "read_protocols",
    "register_protocol",
    "varied",
]
