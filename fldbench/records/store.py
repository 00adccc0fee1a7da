"""Run records on disk: atomic, content-addressed, resumable.

    OUT/records/KEY/run.json, faces.npz     one run: a fitted model measured under one protocol
    OUT/records/KEY/output.txt              what its cell printed, if it had a process of its own
    OUT/records/KEY.failed/run.json         one that failed or was skipped; tried again by the next run
    OUT/models/LABEL-KEY/model.safetensors, fit.json    one fitted model; see `fldbench.records.models`
    OUT/training/KEY/                       checkpoint and curves of the training of a network

A folder is written under a temporary name and renamed when it is whole, so that a killed run leaves no half record.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import DataError, StoreError
from fldbench.files import folder_written_whole, parse_json, read_text, remove, sha256_of, sweep, write_text
from fldbench.protocols import Protocol
from fldbench.records.kept_faces import read_arrays
from fldbench.records.models import Models, SavedModel
from fldbench.records.published import is_published, read_published
from fldbench.records.record import Record
from fldbench.records.sealed import VersionError, from_json, to_json

LARGEST_RECORD = 10**8  # bytes of run.json
OUTPUT = "output.txt"


class Store:
    """The folder of one benchmark.

    Parameters
    ----------
    folder : str or Path
    create : bool
        Make the folder, and remove what killed runs left in it; without, it is only read, and may be absent.

    Raises
    ------
    StoreError
        When it cannot be created or written.
    """

    def __init__(self, folder: str | Path, create: bool = True):
        self.folder = Path(folder)
        self.models = Models(self.folder / "models")
        if create:
            self._create()
        else:
            self._check_place()

    def _check_place(self) -> None:
        """Raise StoreError if the folder, or the one that it would be created in, cannot be written."""
        place = next(one for one in (self.folder.absolute(), *self.folder.absolute().parents) if os.path.lexists(one))
        if not place.is_dir():
            raise self._refusal(f"{str(place)!r} is no folder")
        if not os.access(place, os.W_OK | os.X_OK):
            raise self._refusal(os.strerror(errno.EACCES))

    def _refusal(self, why: str | None) -> StoreError:
        return StoreError(
            f"the output folder {str(self.folder)!r} cannot be written ({why}); choose another with --out"
        )

    def _create(self) -> None:
        try:
            for name in ("records", "models"):
                (self.folder / name).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._refusal(error.strerror) from error
        probe = self.folder / f"write-test-{uuid.uuid4().hex}"  # another run may begin at the same time
        with folder_written_whole(probe):
            pass
        probe.rmdir()
        for place in (self.folder, self.folder / "records", self.models.folder, *self.folder.glob("training/*")):
            sweep(place)

    def record_path(self, key: str) -> Path:
        """Return the folder of the record of a successful run."""
        return self.folder / "records" / key

    def path_of(self, model: SavedModel) -> str:
        """Return the path of a model's file below OUT."""
        return model.file.relative_to(self.folder).as_posix()

    def training_path(self, key: str) -> Path:
        """Return the folder where a method that keeps its training continues, and leaves its curves."""
        return self.folder / "training" / key

    def has_record(self, key: str) -> bool:
        """Return whether this run is done and was successful; failures, edited and damaged records do not count.

        Raises
        ------
        StoreError
            For a record of another version, which is not to be done again.
        """
        try:
            return self.record_path(key).is_dir() and not self.read(key).edited
        except VersionError:
            raise
        except StoreError:
            return False

    def read(self, key: str) -> Record:
        """Return the record of a run, or that of its last failure; raise StoreError if it cannot be read."""
        path = self.record_path(key)
        record = read_record(path if path.is_dir() else path.with_name(f"{key}.failed"))
        return record if record.key == key or record.edited else replace(record, edited="it is that of another run")

    def alike(self) -> dict[str, list[Record]]:
        """Return `like` -> the sound, successful records of that work by any code, the newest last."""
        found: dict[str, list[Record]] = {}
        for place in record_folders(self.folder):
            try:
                record = read_record(place)
            except StoreError:
                continue
            if record.status == "ok" and record.like and not record.edited:
                found.setdefault(record.like, []).append(record)
        return {like: sorted(records, key=lambda one: one.ended) for like, records in found.items()}

    def write(self, record: Record, arrays: dict[str, np.ndarray] | None = None) -> None:
        """Add a record. A successful one is never replaced; a failure or an edited record is."""
        content = b""
        if arrays:
            buffer = io.BytesIO()
            np.savez(buffer, **arrays)  # type: ignore[arg-type]  # the stubs take a name for allow_pickle
            content = buffer.getvalue()
            record = replace(record, arrays_sha256=hashlib.sha256(content).hexdigest())
        failed, done = self.record_path(f"{record.key}.failed"), self.record_path(record.key)
        remove(failed)
        if record.status == "ok" and not self.has_record(record.key):
            remove(done)
        with folder_written_whole(done if record.status == "ok" else failed) as folder:
            text = json.dumps(to_json(record), indent=1, sort_keys=True, allow_nan=False)
            (folder / "run.json").write_text(text + "\n", encoding="utf-8")
            if content:
                (folder / "faces.npz").write_bytes(content)

    def keep_output(self, keys: Iterable[str], text: str) -> None:
        """Keep what a cell printed beside its records, unless they have an output already."""
        for key in keys:
            for place in (self.record_path(key), self.record_path(f"{key}.failed")):
                if place.is_dir() and not (place / OUTPUT).exists():
                    write_text(place / OUTPUT, text)

    def take(self, folder: Path) -> None:
        """Move the records and models of another store here; what is here already stays, but for failures."""
        for part in ("records", "models"):
            for found in sorted((folder / part).iterdir()):
                target = self.folder / part / found.name
                if found.name.endswith(".failed"):
                    remove(target)
                if not target.exists():
                    with folder_written_whole(target) as place:
                        shutil.copytree(found, place, dirs_exist_ok=True)

    def forget(self, keys: Iterable[str]) -> None:
        """Remove records and models, for a run that starts afresh."""
        for key in keys:
            folders = self.record_path(key), self.record_path(f"{key}.failed"), self.training_path(key)
            for path in folders:
                remove(path)
            self.models.remove(key)


def read_record(folder: str | Path, known: dict[str, Protocol] | None = None) -> Record:
    """Return the record in a folder; `known` is that of `fldbench.records.sealed.from_json`.

    If the record or its file of faces does not fit its digest, `edited` of the returned record says so.

    Raises
    ------
    StoreError
        For a file that is damaged or of another version; the message names it.
    """
    path = Path(folder) / "run.json"
    record = from_json(_read_json(path), path, known)
    if record.arrays_sha256 and not record.edited:
        arrays = path.with_name("faces.npz")
        try:
            sound = sha256_of(arrays) == record.arrays_sha256
        except DataError:
            return replace(record, edited="its faces.npz is gone")
        return replace(record, edited="" if sound else "its faces.npz does not fit its digest", kept=_Npz(arrays))
    return record


def read_records(folder: str | Path, unreadable: list[str] | None = None) -> list[Record]:
    """Return all records below OUT, below OUT/records, or of published ones; failures too.

    Parameters
    ----------
    folder : str or Path
        Of a benchmark, or a file or folder that `fldbench publish` wrote.
    unreadable : list, optional
        If given, what is wrong with a record that cannot be read is added to it, and the others are returned.

    Raises
    ------
    StoreError
        When there is none, or one cannot be read.
    """
    if is_published(folder):
        return read_published(folder, unreadable)
    found = []
    known: dict[str, Protocol] = {}
    for place in record_folders(Path(folder)):
        try:
            found.append(read_record(place, known))
        except StoreError as error:
            if unreadable is None:
                raise
            unreadable.append(str(error))
    if not found and not unreadable:
        raise StoreError(f"no run record below {str(folder)!r}; `fldbench run` writes them to OUT/records/KEY/run.json")
    return found


@dataclass(frozen=True)
class _Npz:
    """The arrays in a file, read when they are asked for."""

    path: Path

    def __call__(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        return read_arrays(self.path, names)


def record_folders(folder: Path) -> list[Path]:
    """Return the folders of all records below OUT, or below OUT/records, in order."""
    found = {*folder.glob("records/*/run.json"), *folder.glob("*/run.json")}
    return sorted(path.parent for path in found if not path.parent.name.startswith("."))


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = parse_json(read_text(path, most=LARGEST_RECORD))
    except DataError as error:
        raise StoreError(f"{error}; if that does not help, remove its folder and run again") from error
    except ValueError as error:
        raise StoreError(f"{path}: the record is damaged ({error}); remove its folder and run again") from error
    if not isinstance(content, dict):
        raise StoreError(f"{path}: the record is damaged (no mapping); remove its folder and run again")
    return content
