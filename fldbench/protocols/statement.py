"""A protocol as a paragraph for a paper: written from its fields, so that it says what was computed."""

from __future__ import annotations

from importlib.metadata import version

from fldbench.faces.harm import VERSION, in_words
from fldbench.protocols import mapped, missed, normalisers
from fldbench.protocols.names import MODIFIERS, percent
from fldbench.protocols.protocol import METRICS_VERSION, Protocol
from fldbench.schemes import get_scheme

HASH = 12  # hex digits of the rules' hash
_MEAN = {
    "macro": "The NME is the mean of these errors over the faces",
    "micro": "The NME is the mean of the distances over all counted points of all faces, each divided so",
    "median": "The NME is the median of these errors over the faces",
}
_FLAGS = ("integer", "rounded", "clipped", "stretched", "diluted", "unshifted")


def statement(protocol: Protocol) -> str:
    """Return what is measured and how, in a few sentences; every field that decides a number is in it.

    >>> from fldbench.protocols import get_protocol
    >>> statement(get_protocol("wflw")).partition(". ")[0]
    'The test faces are the split test of wflw (2500 faces)'
    """
    parts = [_faces(protocol), _points(protocol), _boxes(protocol), *_numbers(protocol)]
    rules = f"protocol {protocol.name}, hash {protocol.hash[:HASH]}, version {METRICS_VERSION} of the metrics"
    return " ".join([*parts, f"All numbers were computed by fldbench {version('fldbench')} ({rules})."])


def _faces(protocol: Protocol) -> str:
    subset = f"the subset {protocol.subset} of " if protocol.subset else ""
    options = ", ".join(f"{name}={value}" for name, value in protocol.options)
    read = f", read with {options}" if options else ""
    listed = f"; SHA-256 of the list of their ids {protocol.ids_sha256[:HASH]}" if protocol.ids_sha256 else ""
    first = f" Of these, the first {protocol.first} by id are used." if protocol.first else ""
    where = f"{subset}the split {protocol.split} of {protocol.dataset}{read}"
    return f"The test faces are {where} ({protocol.n_expected} faces{listed}).{first}"


def _points(protocol: Protocol) -> str:
    scheme = get_scheme(protocol.scheme)
    some = f"{len(protocol.points or ())} of the {scheme.n_points}"
    counted = f"all {scheme.n_points}" if protocol.points is None else some
    which = "" if protocol.points is None else f" (points {normalisers.ranges(protocol.points, ', ')}, counted from 0)"
    marked = "points that are marked visible" if protocol.visible else "points"
    length = normalisers.in_words(protocol.normaliser, protocol.normaliser_points)
    mean = f"the mean Euclidean distance between predicted and annotated points over {counted} {marked} of"
    told = [f"The error of a face is {mean} {protocol.scheme}{which}, divided by {length}."]
    whence = mapped.in_words(protocol.dataset, dict(protocol.options), protocol.scheme)
    if whence:
        told.append(f"The annotated points are {whence}.")
    if protocol.offset:
        told.append(f"To x and y of the predictions, {protocol.offset:g} px are added.")
    differs = [MODIFIERS[flag][1] for flag in _FLAGS if getattr(protocol, flag)]
    return " ".join([*told, *([f"Other than usual: {', '.join(differs)}."] if differs else [])])


def _boxes(protocol: Protocol) -> str:
    harms = f" Images and boxes are harmed (version {VERSION}): {in_words(protocol.harms)}." if protocol.harms else ""
    return f"Methods are given the photo and one box for each face, {protocol.boxes_in_words()}.{harms}"


def _numbers(protocol: Protocol) -> list[str]:
    levels = [f"{percent(level)} %" for level in protocol.thresholds]
    failed = "at or above" if protocol.strict else "above"
    rule = "exactly" if protocol.auc_rule == "exact" else f"by the rule of {protocol.auc_rule}"
    found = "" if missed.is_charged(protocol.missed) else " that were found"
    missed_face = missed.in_words(protocol.missed)
    return [
        f"{_MEAN[protocol.reduction]}{found}.",
        f"The failure rate is the share of faces whose error is {failed} {' or '.join(levels)}, reported for each.",
        f"AUC is the area under the cumulative error distribution up to {levels[0]}, divided by {levels[0]}, and taken "
        f"{rule}.",
        f"{missed_face[0].upper()}{missed_face[1:]}.",
    ]
