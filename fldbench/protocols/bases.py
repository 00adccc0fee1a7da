"""Protocols by name: the known bases, and any base with modifiers, made on request."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from contextlib import suppress
from types import MappingProxyType

import numpy as np

from fldbench import registry
from fldbench.attribute_metrics import Answered
from fldbench.errors import FldbenchError, ProtocolError
from fldbench.faces import FaceSet
from fldbench.protocols.definitions import check_base_name
from fldbench.protocols.modifiers import modified
from fldbench.protocols.names import MODIFIERS, is_modifier, parse
from fldbench.protocols.protocol import Protocol
from fldbench.protocols.score import Score

_FOLDED = 3  # from this number on, bases that differ only in their subset share one row


def get_protocol(name: str | Protocol) -> Protocol:
    """Return a protocol by its name; a Protocol is returned as it is.

    Parameters
    ----------
    name : str or Protocol
        A base, or a base with modifiers in any order, such as `300w-helen@interpupil,boxes=jittered`. The names of the
        first version, such as `300w-helen-jittered`, mean what they did.

    Returns
    -------
    Protocol
        Its `name` is the canonical one.

    Raises
    ------
    UnknownNameError
        For a base that nobody registered.
    ProtocolError
        For a modifier without a base, one that is unknown, or one whose value is not allowed for this base.
    """
    if isinstance(name, Protocol):
        return name
    base, modifiers = parse(name)
    if not modifiers and is_modifier(base):
        raise ProtocolError(
            f"{base!r} is a modifier without a base; write BASE@{base}; in a YAML list in brackets, where commas "
            f"divide items, divide modifiers by @: BASE@MODIFIER@{base}"
        )
    protocol = registry.resolve("protocol", base)
    return modified(protocol, modifiers, name) if modifiers else protocol


def varied(protocol: Protocol, change: str) -> Protocol:
    """Return a protocol with further modifiers, such as `interpupil,t=0.05`; they replace its own of the same key.

    Raises ProtocolError, as `get_protocol` does, for a modifier that is unknown or impossible here.

    >>> varied(get_protocol("300w-helen@interpupil,integer"), "norm=box").name
    '300w-helen@norm=box,integer'
    """
    base, own = parse(protocol.name)
    asked = f"{protocol.name}@{change}"
    changes = parse(f"{base}@{change}")[1]
    if base in list_protocols() and get_protocol(protocol.name) == protocol:
        return modified(registry.resolve("protocol", base), own | changes, asked)
    return modified(protocol, changes, asked)


def register_protocol(protocol: Protocol) -> Protocol:
    """Add a protocol as a base under its name, so that modifiers apply to it; a known name is replaced.

    Raises ProtocolError for a name that has an @ or a comma.
    """
    check_base_name(protocol.name, "register_protocol")
    return registry.register("protocol", protocol.name, protocol)


def list_protocols() -> list[str]:
    """Return the names of the bases."""
    return registry.names("protocol")


def evaluate(
    predictions: np.ndarray,
    faces: FaceSet,
    protocol: str | Protocol,
    attributes: Mapping[str, Answered] = MappingProxyType({}),
) -> Score:
    """Measure predictions (n, L, 2) px for n faces under a protocol, given by name or as an object.

    Also answers for attributes, as `fldbench.attribute_answers.predict_attributes_checked` returns them.
    `faces` are the protocol's own test faces (`protocol.select(load_dataset(...))`); this function leaves none out, and
    `complete` of the result says whether they are. Warns if the protocol would leave some out. Raises as
    `Protocol.score` does.
    """
    rules = get_protocol(protocol)
    score = rules.score(predictions, faces, attributes)
    if not score.complete:
        with suppress(FldbenchError):  # faces without these subsets
            own = len(rules.select(faces))
            if own < len(faces):
                warnings.warn(
                    f"evaluate: {rules.name} counts {own} of these {len(faces)} faces, and all were measured; "
                    "give the faces and boxes of protocol.select(faces), and predictions for them",
                    stacklevel=2,
                )
    return score


def catalogue() -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return all bases as (name, one line) and all modifiers as (form, one line), to fit on a screen.

    Bases that extend the name of another base and differ from it only in their subset share one row.
    """
    bases = {name: registry.resolve("protocol", name) for name in list_protocols()}
    families = {name: base.family for name, base in bases.items()}
    rows: list[tuple[str, str]] = []
    folded: set[str] = set()
    for name, base in bases.items():
        parts = [other for other in bases if other.startswith(f"{name}-") and families[other] == families[name]]
        if name not in folded:
            rows.append((name, _line(base)))
            if len(parts) >= _FOLDED:
                rows.append((f"{name}-SUBSET", " ".join(part.removeprefix(f"{name}-") for part in parts)))
                folded |= set(parts)
    return rows, list(MODIFIERS.values())


def _line(base: Protocol) -> str:
    boxes = "" if base.box_source == "tight" else f", boxes {base.box_source}"
    return f"{base.n_expected:>5} faces, {base.scheme}, {base.normaliser}{boxes}"
