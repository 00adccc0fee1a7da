"""Records of earlier versions of fldbench as ones of this version."""

from __future__ import annotations

from typing import Any

from fldbench.metrics import Metric
from fldbench.protocols import Protocol

SCHEMA_VERSION = 2


def upgrade(old: dict[str, Any]) -> dict[str, Any]:
    """Return the content of version 1 as one of this version.

    Version 1 had one digest for all of a method's code, metrics by names that could collide, and a guess of threads.
    """
    protocol = Protocol.from_dict(old["protocol"])
    method = {key: old["method"].get(key) for key in ("params", "parameters", "multiply_adds", "model_bytes")}
    method |= {"name": old["method"].get("name", ""), "label": old["method"]["label"]}
    method |= {"params": method["params"] or {}, "version": old["method"].get("version") or 1}
    method["code"] = {"all": old["method"]["code"]} if old["method"].get("code") else {}
    method["files"] = {str(i): digest for i, digest in enumerate(old["method"].get("files") or [])}
    known: dict[str, tuple[str, float | None, str | None]] = {Metric("nme", 0.0).key: ("nme", None, None)}
    known |= {Metric("fr", 0.0, t).key: ("fr", t, None) for t in protocol.thresholds}
    known[Metric("auc", 0.0, protocol.thresholds[0]).key] = ("auc", protocol.thresholds[0], "exact")
    metrics = [
        {"name": name, "threshold": threshold, "rule": rule, "value": old["metrics"][key]}
        for key, (name, threshold, rule) in known.items()
        if key in old["metrics"]
    ]
    timings = {key: old["timings"].get(key) for key in ("fit_seconds", "ms_per_face", "ms_one_face", "device")}
    facts = dict(old["machine"])
    machine = {name: facts.pop(name, "") for name in ("platform", "python")}
    cores = facts.pop("cores", None)
    machine |= {"cores": None if cores is None else int(cores), "libraries": facts}
    new = {"method": method, "metrics": metrics, "timings": timings, "machine": machine, "like": ""}
    return old | new | {"schema_version": SCHEMA_VERSION}
