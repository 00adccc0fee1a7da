"""Run records on disk: atomic, content-addressed, resumable.

    OUT/records/KEY/run.json, faces.npz     one run: a fitted model measured under one protocol
    OUT/records/KEY.failed/run.json         one that failed or was skipped; tried again by the next run
    OUT/models/KEY/model.safetensors, fit.json    one fitted model

A folder is written under a temporary name and renamed when it is whole, so that a killed run leaves no half record.
Keys are SHA-256 over all that can change the numbers.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import StoreError

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Record:
    """One run.

    key        of the run; status ok, failed or skipped, with its reason
    method     name, label, params, version, code (digest of its module), files (digests of what it was
               given), parameters, multiply_adds, model_bytes
    train      label, dataset, split, faces, n_expected, parts, left_out, fingerprint
    protocol   all its fields, with its hash
    test       n, missed, left_out, complete, ids_sha256, fingerprint, parts
    seed       None for a method without random_state
    metrics    nme, fr08, fr10, auc08 in percent; empty unless ok
    timings    fit_seconds, ms_per_face, ms_one_face (median of faces predicted one by one), device, threads
    machine, started, ended   platform and library versions; UTC
    traceback  of a failure, for whoever mends it
    """

    key: str
    status: str
    method: dict[str, Any]
    train: dict[str, Any]
    protocol: dict[str, Any]
    seed: int | None
    test: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, float | None] = field(default_factory=dict)
    timings: dict[str, Any] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    reason: str = ""
    traceback: str = ""
    started: str = ""
    ended: str = ""
    schema_version: int = SCHEMA_VERSION


class Store:
    """The folder of one benchmark. Raises StoreError when it cannot be created or written."""

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)
        try:
            for name in ("records", "models"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
            probe = self.folder / f".write-test.{os.getpid()}"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise StoreError(
                f"the output folder {str(folder)!r} cannot be written ({error.strerror}); choose another with --out"
            ) from error
        self._sweep()

    def record_path(self, key: str) -> Path:
        """Where the record of a run that went well lies."""
        return self.folder / "records" / key

    def model_path(self, key: str) -> Path:
        """Where a fitted model lies."""
        return self.folder / "models" / key

    def has_record(self, key: str) -> bool:
        """Whether this run is done and went well; failures do not count."""
        return self.record_path(key).is_dir()

    def has_model(self, key: str) -> bool:
        """Whether this model has been fitted."""
        return self.model_path(key).is_dir()

    def read(self, key: str) -> Record:
        """The record of a run, or that of its last failure. Raises StoreError."""
        path = self.record_path(key)
        return read_record(path if path.is_dir() else path.with_name(f"{key}.failed"))

    def write(self, record: Record, arrays: dict[str, np.ndarray] | None = None) -> None:
        """Adds a record; one that went well stays for ever, a failure is replaced by the next try."""

        def fill(folder: Path) -> None:
            text = json.dumps(asdict(record), indent=1, sort_keys=True, allow_nan=False)
            (folder / "run.json").write_text(text + "\n", encoding="utf-8")
            if arrays:
                np.savez(folder / "faces.npz", **arrays)

        failed = self.record_path(f"{record.key}.failed")
        if record.status == "ok":
            self._place(self.record_path(record.key), fill)
            shutil.rmtree(failed, ignore_errors=True)
        else:
            shutil.rmtree(failed, ignore_errors=True)
            self._place(failed, fill)

    def write_model(self, key: str, save: Callable[[Path], Any], fit: dict[str, Any]) -> None:
        """Adds a fitted model: `save(path)` writes it, `fit` says how it was fitted (timings, counts)."""

        def fill(folder: Path) -> None:
            path = folder / "model.safetensors"
            save(path)
            full = fit | {"model_bytes": path.stat().st_size}
            (folder / "fit.json").write_text(json.dumps(full, indent=1, sort_keys=True) + "\n", encoding="utf-8")

        self._place(self.model_path(key), fill)

    def read_fit(self, key: str) -> dict[str, Any]:
        """How a model was fitted. Raises StoreError."""
        return _read_json(self.model_path(key) / "fit.json")

    def forget(self, keys: Iterable[str]) -> None:
        """Removes records and models, for a run that starts afresh."""
        for key in keys:
            for path in (self.record_path(key), self.record_path(f"{key}.failed"), self.model_path(key)):
                shutil.rmtree(path, ignore_errors=True)

    def _place(self, path: Path, fill: Callable[[Path], None]) -> None:
        """Fills a temporary folder and renames it; the first of two writers wins, both have the same content."""
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        shutil.rmtree(part, ignore_errors=True)
        try:
            part.mkdir()
            fill(part)
            part.rename(path)
        except OSError as error:
            shutil.rmtree(part, ignore_errors=True)
            if not path.is_dir():
                raise StoreError(f"{path}: cannot be written ({error.strerror or error}); is the disk full?") from error
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise

    def _sweep(self) -> None:
        """Removes temporary folders whose writer is gone."""
        for part in (*self.folder.glob("records/.*.part"), *self.folder.glob("models/.*.part")):
            if not _alive(int(part.suffixes[-2][1:])):
                shutil.rmtree(part, ignore_errors=True)


def read_record(folder: str | Path) -> Record:
    """The record in a folder. Raises StoreError that names the file when it is damaged or of another version."""
    path = Path(folder) / "run.json"
    content = _read_json(path)
    if content.get("schema_version") != SCHEMA_VERSION:
        raise StoreError(f"{path}: schema_version {content.get('schema_version')!r}; {SCHEMA_VERSION} is read here")
    try:
        return Record(**content)
    except TypeError as error:
        raise StoreError(f"{path}: not a run record ({error})") from error


def read_records(folder: str | Path) -> list[Record]:
    """All records below OUT, or below OUT/records; failures too, unless the same run went well later.

    Raises StoreError when there is none.
    """
    folder = Path(folder)
    found = {*folder.glob("records/*/run.json"), *folder.glob("*/run.json")}
    places = sorted(path.parent for path in found if not path.parent.name.startswith("."))
    if not places:
        raise StoreError(f"no run record below {str(folder)!r}; `fldbench run` writes them to OUT/records/KEY/run.json")
    return [read_record(place) for place in places]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: the record is damaged ({error}); remove its folder and run again") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path}: the record is damaged (no mapping); remove its folder and run again")
    return content


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
