"""Names that the shell completes after Tab; nothing heavy is imported for them."""

from __future__ import annotations

from collections.abc import Callable


def _names(kind: str) -> list[str]:
    from fldbench import registry

    return registry.names(kind)


def method_name(incomplete: str) -> list[str]:
    """Return the registered methods that begin with the text so far."""
    return _starting(incomplete, lambda: _names("method"))


def dataset_name(incomplete: str) -> list[str]:
    """Return the registered datasets that begin with the text so far."""
    return _starting(incomplete, lambda: _names("dataset"))


def protocol_name(incomplete: str) -> list[str]:
    """Return the protocol bases that begin with the text so far."""
    return _starting(incomplete, lambda: _names("protocol"))


def detector_name(incomplete: str) -> list[str]:
    """Return the registered face detectors that begin with the text so far."""
    return _starting(incomplete, lambda: _names("detector"))


def any_name(incomplete: str) -> list[str]:
    """Return the methods, datasets, detectors, protocols and schemes, and builtin, that begin with the text so far."""
    from fldbench import builtin
    from fldbench.schemes import list_schemes

    kinds = ("method", "dataset", "detector", "protocol")
    others = [*list_schemes(), builtin.NAME]
    return _starting(incomplete, lambda: [*(name for kind in kinds for name in _names(kind)), *others])


def _starting(incomplete: str, names: Callable[[], list[str]]) -> list[str]:
    return sorted({name for name in names() if name.startswith(incomplete)})
