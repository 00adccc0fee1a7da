"""Published records: a file, or the folder that it unpacks to, with many records and their errors for each face.

    records.jsonl       one sealed record a line: {"digest": ..., "record": {...}}
    faces.json          of each group of records: the ids of its faces, the keys of its records, its arrays' names
    faces/0/0.npy       of the first group its first array: a row for each record, with a value for each face

Records of one group have the same faces, whose ids stand there once. Whatever is the same in many records is then
written once or compresses to nothing. Two publications of the same records have the same content and the same bytes.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from fldbench.errors import StoreError, shown
from fldbench.faces.face_set import LONGEST_NAME
from fldbench.files import LARGEST, folder_written_whole, open_regular, parse_json, read_bytes, remove, written_whole
from fldbench.npz import array_from
from fldbench.protocols import Protocol
from fldbench.records.kept_faces import check_arrays
from fldbench.records.record import Record
from fldbench.records.sealed import EDITED, digest_of, to_json, unsealed

RECORDS, FACES = "records.jsonl", "faces.json"
ZIP = ".zip"
TIME = (1980, 1, 1, 0, 0, 0)  # of every member, so that bytes do not depend on when a file was written
PREFIX, MIDDLE = '{"digest":"', '","record":'  # of a line; 64 hex digits stand between them
HEAD = len(PREFIX) + 64 + len(MIDDLE)
LEVEL = 9  # of compression

Arrays = Mapping[str, np.ndarray]


def write_published(records: Iterable[tuple[Record, Arrays]], path: str | Path) -> Path:
    """Write records, each with its arrays, as one file (NAME.zip) or as a folder; what was there is replaced.

    Parameters
    ----------
    records : iterable of (Record, mapping)
        The arrays have one row for each face; `ids` are its names. A record without arrays is kept without.
    path : str or Path

    Raises
    ------
    StoreError
        When it cannot be written, or there is something else with that name.
    """
    path = Path(path)
    content = _members(list(records))
    if path.suffix == ZIP:
        with written_whole(path, "wb") as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                member = zipfile.ZipInfo(name, TIME)
                member.external_attr = 0o644 << 16
                archive.writestr(member, data, zipfile.ZIP_DEFLATED, LEVEL)
        return path
    if path.exists() and not is_published(path):
        raise StoreError(f"{str(path)!r} is there and holds no published records; choose another place, or NAME{ZIP}")
    remove(path)
    with folder_written_whole(path) as folder:
        for name, data in content.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(data)
    return path


def is_published(path: str | Path) -> bool:
    """Return whether a path is a file, which can only hold published records, or a folder that holds them."""
    path = Path(path)
    return path.is_file() or (path / RECORDS).is_file()


def read_published(path: str | Path, unreadable: list[str] | None = None) -> list[Record]:
    """Return the records of a file or folder that `write_published` wrote.

    A record or a row of errors that does not fit its digest is marked as edited.

    Parameters
    ----------
    path : str or Path
    unreadable : list, optional
        If given, what is wrong with a record that cannot be read is added to it, and the others are returned.

    Raises
    ------
    StoreError
        For anything but a file or a folder of published records, and, without `unreadable`, for a damaged record.
    """
    path = Path(path)
    try:
        with _opened(path) as read:
            lines = read(RECORDS).decode("utf-8").splitlines()
            groups = _Groups(parse_json(read(FACES)), read)
    except StoreError:
        raise
    except Exception as error:  # zip, zlib, JSON and numpy raise their own
        why = " ".join(str(error).split())[:200]
        raise StoreError(f"{path}: not what `fldbench publish` writes ({why}); write it again") from error
    found, known = [], dict[str, Protocol]()
    for number, line in enumerate(lines, 1):
        try:
            found.append(_record(line, f"{path}, record {number}", known, groups))
        except StoreError as error:
            if unreadable is None:
                raise
            unreadable.append(str(error))
    if not found and not unreadable:
        raise StoreError(f"{path}: no record is in it; publish a folder that has some")
    return found


def _members(records: Sequence[tuple[Record, Arrays]]) -> dict[str, bytes]:
    """Return name -> content of every file of a publication."""
    lines, groups = [], dict[tuple[Any, ...], list[tuple[str, Arrays]]]()
    for record, arrays in sorted(records, key=lambda one: one[0].key):
        sealed = replace(record, arrays_sha256=_digest(_digest_of_ids(arrays["ids"]), arrays) if arrays else "")
        content = {key: value for key, value in to_json(sealed).items() if key != "digest"}
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        lines.append(f"{PREFIX}{digest_of(content)}{MIDDLE}{text}}}\n")
        if arrays:
            kinds = tuple(
                (name, arrays[name].dtype.str, arrays[name].shape) for name in sorted(arrays) if name != "ids"
            )
            groups.setdefault((*map(str, arrays["ids"].tolist()), *kinds), []).append((record.key, arrays))
    about, stacked = [], {}
    for i, members in enumerate(groups.values()):
        names = _names(members[0][1])
        about.append({"ids": members[0][1]["ids"].tolist(), "keys": [key for key, _ in members], "arrays": names})
        for k, name in enumerate(names):
            file = io.BytesIO()
            np.save(file, np.stack([arrays[name] for _, arrays in members]), allow_pickle=False)
            stacked[f"faces/{i}/{k}.npy"] = file.getvalue()
    listing = json.dumps(about, separators=(",", ":")).encode()
    return {RECORDS: "".join(lines).encode("utf-8"), FACES: listing} | stacked


def _names(arrays: Arrays) -> list[str]:
    return sorted(arrays.keys() - {"ids"})


def _digest_of_ids(ids: np.ndarray) -> str:
    return hashlib.sha256(json.dumps(ids.tolist()).encode()).hexdigest()


def _digest(of_ids: str, arrays: Arrays) -> str:
    """Return the SHA-256 of the ids, by their digest, and of all other arrays of a record."""
    total = hashlib.sha256(of_ids.encode())
    for name in _names(arrays):
        about = f"\n{name} {arrays[name].dtype.str} {arrays[name].shape}\n"
        total.update(about.encode("utf-8", "surrogatepass"))  # JSON may hold half a letter in a name
        total.update(np.ascontiguousarray(arrays[name]).tobytes())
    return total.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[Callable[[str], bytes]]:
    """Yield what returns the content of a file of a publication, by its name."""
    if path.is_dir():
        yield _Limited(lambda name: io.BytesIO(read_bytes(path / name)))
        return
    with open_regular(path) as file, zipfile.ZipFile(file) as archive:
        yield _Limited(archive.open)


class _Limited:
    """Reads the files of a publication by their names, LARGEST bytes of all together."""

    def __init__(self, opened: Callable[[str], IO[bytes]]):
        self._opened, self._left = opened, LARGEST

    def __call__(self, name: str) -> bytes:
        with self._opened(name) as file:
            content = file.read(self._left + 1)
        self._left -= len(content)
        if self._left < 0:
            raise ValueError(f"more than {LARGEST} bytes")
        return content


@dataclass(frozen=True)
class _Row:
    """The arrays of one record, which are read when they are asked for."""

    groups: _Groups
    group: int
    row: int

    def __call__(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        found = self.written(names)
        if "charged" in names and "charged" not in found:  # it is written where it differs
            errors = self.written(("errors",))
            found |= {"charged": errors["errors"]} if errors else {}
        check_arrays(found, f"{FACES}, group {self.group}")
        return {name: values.astype(float) if values.dtype.kind == "f" else values for name, values in found.items()}

    def written(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return the arrays as they are written."""
        arrays = self.groups.loaded[self.group]
        return {name: arrays[name] if name == "ids" else arrays[name][self.row] for name in names if name in arrays}


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ValueError(f"{FACES} holds {shown(value)}; must be a list of texts")
    return value


class _Groups:
    """The arrays of a publication, by groups of records with the same faces."""

    def __init__(self, listed: list[dict[str, Any]], read: Callable[[str], bytes]):
        self.loaded: list[dict[str, np.ndarray]] = []
        self.digests: list[str] = []
        self.rows: dict[str, _Row] = {}
        for i, one in enumerate(listed):
            ids, keys, names = (_texts(one[name]) for name in ("ids", "keys", "arrays"))
            if "ids" in names:
                raise ValueError(f"{FACES} lists ids among the arrays")
            if max(map(len, ids), default=0) > LONGEST_NAME:  # an array gives each id the room of the longest
                raise ValueError(f"an id has more than {LONGEST_NAME} letters")
            arrays = {"ids": np.array(ids, str)}
            for k, name in enumerate(names):
                content = read(f"faces/{i}/{k}.npy")
                arrays[name] = array_from(io.BytesIO(content), f"faces/{i}/{k}.npy", len(content))
                if arrays[name].shape[:2] != (len(keys), len(ids)):
                    raise ValueError(f"faces/{i}/{k}.npy has the shape {arrays[name].shape}")
            self.loaded.append(arrays)
            self.digests.append(_digest_of_ids(arrays["ids"]))
            self.rows |= {key: _Row(self, i, row) for row, key in enumerate(keys)}

    def digest(self, row: _Row) -> str:
        """Return the digest of the arrays of one record."""
        return _digest(self.digests[row.group], row.written(list(self.loaded[row.group])))


def _record(line: str, where: str, known: dict[str, Protocol], groups: _Groups) -> Record:
    text = line[HEAD:-1]
    try:
        if not line.startswith(PREFIX) or line[HEAD - len(MIDDLE) : HEAD] != MIDDLE:
            raise ValueError("it does not begin with its digest")
        content = parse_json(text)
        if not isinstance(content, dict):
            raise ValueError("no mapping")
    except ValueError as error:
        raise StoreError(f"{where}: the record is damaged ({error}); publish it again") from error
    # The text is as `digest_of` writes it, so that nothing has to be written again to compare the digest.
    sound = hashlib.sha256(text.encode()).hexdigest() == line[len(PREFIX) : len(PREFIX) + 64]
    record = unsealed(content, where, known, "" if sound else EDITED)
    if not record.arrays_sha256 or record.edited:
        return record
    row = groups.rows.get(record.key)
    if row is None:
        return replace(record, edited="its errors are gone")
    fits = groups.digest(row) == record.arrays_sha256
    return replace(record, edited="" if fits else "its errors do not fit its digest", kept=row)
