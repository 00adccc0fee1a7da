"""A record as JSON and back, with a digest of itself and an upgrade from older versions."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import asdict, fields, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from fldbench.attribute_metrics import AttributeFacts
from fldbench.errors import FldbenchError, StoreError, first_fault, must_be
from fldbench.metrics import Metric
from fldbench.protocols import Protocol
from fldbench.records.keys import like_of_version_1
from fldbench.records.record import Machine, MethodFacts, Metrics, Record, TestFacts, Timings, TrainFacts
from fldbench.records.upgrade import SCHEMA_VERSION, upgrade

READ_BACK = ("edited", "other_code", "kept")  # set when a record is read; not part of its file
EDITED = "its content does not fit its digest"


class VersionError(StoreError):
    """A record of another version."""


def to_json(record: Record) -> dict[str, Any]:
    """Return the record as JSON values, sealed with the digest of its content."""
    content = {one.name: getattr(record, one.name) for one in fields(record) if one.name not in READ_BACK}
    parts = ("method", "train", "test", "attributes", "timings", "machine")
    content |= {name: asdict(getattr(record, name)) for name in parts}
    content["protocol"] = record.protocol.to_dict() | {"hash": record.protocol.hash}
    content["metrics"] = [
        asdict(one) | {"value": None if math.isnan(one.value) else one.value} for one in record.metrics.values_
    ]
    content["schema_version"] = SCHEMA_VERSION
    content = json.loads(json.dumps(content, allow_nan=False, default=_as_text))
    return content | {"digest": digest_of(content)}


def _as_text(value: Any) -> Any:
    """Return a path or a number of numpy in a method's parameters as a JSON value."""
    return value.tolist() if hasattr(value, "tolist") else os.fspath(value)


def from_json(content: dict[str, Any], where: object, known: dict[str, Protocol] | None = None) -> Record:
    """Return the record from JSON values; older versions are upgraded.

    `known` holds the protocols of records that were read before: thousands of records share a few.

    Raises
    ------
    VersionError
        For an unknown version.
    StoreError
        For content that is not a record.
    """
    sealed = {key: value for key, value in content.items() if key != "digest"}
    fits = content.get("schema_version") == 1 or content.get("digest") == digest_of(sealed)
    return unsealed(sealed, where, known, "" if fits else EDITED)


def unsealed(
    sealed: dict[str, Any], where: object, known: dict[str, Protocol] | None = None, edited: str = ""
) -> Record:
    """Return the record from JSON values without their digest, which somebody has compared; see `from_json`."""
    version = sealed.get("schema_version")
    if version not in (1, SCHEMA_VERSION):
        raise VersionError(must_be(where, "schema_version", version, f"1 or {SCHEMA_VERSION}", "update fldbench"))
    try:
        if version == 1:
            sealed = upgrade(sealed)
        protocol = _protocol(sealed["protocol"], {} if known is None else known)
        metrics = [one | {"value": math.nan if one["value"] is None else one["value"]} for one in sealed["metrics"]]
        record = Record(
            **_Head.model_validate(sealed).model_dump(),
            **{name: _PARTS[name].validate_python(sealed[name]) for name in _PARTS if name not in _LATER},
            **{name: _PARTS[name].validate_python(sealed[name]) for name in _LATER if name in sealed},
            protocol=protocol,
            metrics=Metrics(_METRICS.validate_python(metrics)),
            edited=edited,
        )
        return record if version != 1 else replace(record, like=_like_of_version_1(record))
    except ValidationError as error:
        fault = first_fault(error, error.title)
        raise StoreError(f"{where}: not a run record ({fault}); remove its folder") from error
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, FldbenchError) as error:
        raise StoreError(f"{where}: not a run record ({error!r}); remove its folder and run again") from error


def _protocol(content: dict[str, Any], known: dict[str, Protocol]) -> Protocol:
    name = json.dumps(content, sort_keys=True)
    if name not in known:
        known[name] = Protocol.from_dict(content)
    return known[name]


def _like_of_version_1(record: Record) -> str:
    work = record.method.name, record.method.params, record.seed
    return like_of_version_1(*work, record.train.fingerprint, record.protocol.hash, record.test.fingerprint)


def digest_of(content: dict[str, Any]) -> str:
    """Return the SHA-256 of the canonical JSON of a record without its digest."""
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


class _Head(BaseModel):
    """The values of a record that belong to none of its parts."""

    model_config = ConfigDict(strict=True)

    key: str
    status: Literal["ok", "failed", "skipped"]
    seed: int | None
    like: str = ""
    reason: str = ""
    traceback: str = ""
    started: str = ""
    ended: str = ""
    arrays_sha256: str = ""


_PARTS: dict[str, TypeAdapter[Any]] = {
    "method": TypeAdapter(MethodFacts),
    "train": TypeAdapter(TrainFacts),
    "test": TypeAdapter(TestFacts),
    "attributes": TypeAdapter(AttributeFacts),
    "timings": TypeAdapter(Timings),
    "machine": TypeAdapter(Machine),
}
_LATER = ("attributes",)  # parts that records of earlier versions do not have
_METRICS = TypeAdapter(tuple[Metric, ...])
