"""Finished records at a URL, so that machines without a common disk share their work.

    URL/KEY.zip         run.json, faces.npz and output.txt of OUT/records/KEY, uncompressed
    URL/fldbench.txt    what this place is; it is written first, so that a place that cannot be written is found early

Whatever fsspec opens can be such a place: s3://, gs://, sftp://, file://. Only the records that a plan asks for by
their keys are read, never other names that stand there, and what is not the sound record of its key is not used.
Failures and models stay on the machine that made them.
"""

from __future__ import annotations

import errno
import shutil
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from fldbench.errors import MissingDependencyError, StoreError, text_of
from fldbench.escape import without_login
from fldbench.files import LARGEST, folder_written_whole, remove
from fldbench.records.sealed import VersionError
from fldbench.records.store import OUTPUT, Store, read_record

FILES = ("run.json", "faces.npz", OUTPUT)
ABOUT = "fldbench.txt"
TEXT = b"Finished records of fldbench, one file each: `fldbench run SUITE --share URL` reads and writes them.\n"
AT_ONCE = 2**20  # bytes that are copied at once


class Shared:
    """The records at a URL.

    Parameters
    ----------
    url : str
        Of a folder that fsspec can open. A local one is made; any other, such as a bucket, has to be there.

    Raises
    ------
    MissingDependencyError
        Without the package that opens such URLs.
    StoreError
        When it cannot be reached or written.
    """

    def __init__(self, url: str):
        self.url = without_login(url, url)
        self._there: set[str] = set()  # keys whose record at the URL is sound, or is not to be replaced
        self._sizes: dict[str, int] = {}  # key -> bytes there of a record that `pull` found there and here
        self._given = url
        with self._reached():
            self._system, self._folder = _opened(url)
            self._system.pipe_file(f"{self._folder}/{ABOUT}", TEXT)

    def pull(self, store: Store, keys: Iterable[str], note: Callable[[str], None]) -> None:
        """Bring the records of some runs that the store does not have; `note` is told of each that cannot be used.

        Raises
        ------
        StoreError
            When the URL cannot be reached, or the store cannot be written.
        """
        with self._reached():
            self._system.invalidate_cache()
            try:
                found = self._system.ls(self._folder, detail=True)
            except FileNotFoundError:  # an object store has no empty folders
                found = []
        there = {str(one["name"]).rpartition("/")[2]: one for one in found}
        for key in (key for key in keys if f"{key}.zip" in there):
            if there[f"{key}.zip"]["type"] != "file":
                note(f"{self._name(key)} is no file: it is left there, and not used")
                self._there.add(key)
            elif store.has_record(key):
                self._sizes[key] = there[f"{key}.zip"]["size"]
            else:
                self._bring(store, key, note)

    def push(self, store: Store, keys: Iterable[str]) -> None:
        """Bring the finished records of some runs to the URL, unless `pull` or `push` found or put them there.

        One that is here and there is brought if its size there is another, as that of a write that ended early.

        Raises
        ------
        StoreError
            When the URL cannot be written. Those that were brought before stay.
        """
        for key in keys:
            if key in self._there or not store.has_record(key):
                continue
            with self._reached(), tempfile.TemporaryFile() as packed:
                with zipfile.ZipFile(packed, "w") as archive:
                    for name in FILES:
                        if (file := store.record_path(key) / name).is_file():
                            archive.write(file, name)
                if self._sizes.get(key) != packed.tell():
                    packed.seek(0)
                    # Most file systems show what is written in a transaction when it is whole, and not before.
                    with self._system.transaction, self._system.open(self._path(key), "wb") as target:
                        shutil.copyfileobj(packed, target, AT_ONCE)
            self._there.add(key)

    def _bring(self, store: Store, key: str, note: Callable[[str], None]) -> None:
        with tempfile.TemporaryFile() as packed:
            with self._reached(), self._system.open(self._path(key), "rb") as source:
                _copy(source, packed)  # which stops behind what a record may have
            try:
                with folder_written_whole(store.record_path(key)) as folder:
                    _check(packed, folder, key)
                    remove(store.record_path(f"{key}.failed"))
                    remove(store.record_path(key))  # a damaged one, or `has_record` had said yes
            except VersionError:
                note(f"{self._name(key)} is of another version of fldbench: it is left there, and not used")
                self._there.add(key)
            except ValueError as error:
                note(f"{self._name(key)} is not used and will be written again: {text_of(error)[:200]}")
            else:
                self._there.add(key)

    def _path(self, key: str) -> str:
        return f"{self._folder}/{key}.zip"

    def _name(self, key: str) -> str:
        return f"{self.url.rstrip('/')}/{key}.zip"

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """Turn whatever a file system raises into one clear error."""
        try:
            yield
        except (MissingDependencyError, StoreError):
            raise
        except Exception as error:
            why = without_login(text_of(error), self._given)[:200] or type(error).__name__
            raise StoreError(
                f"the shared records {self.url!r} cannot be reached or written ({why}); nothing here is lost: check "
                "the address, and the same command continues"
            ) from error


def _opened(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path of its folder there."""
    try:
        from fsspec.core import url_to_fs
        from fsspec.implementations.local import LocalFileSystem

        system, folder = url_to_fs(url)
    except ImportError as error:
        raise MissingDependencyError(
            f"{url.partition('://')[0]}:// needs a package ({text_of(error)}); install fldbench[share] and that"
        ) from error
    if isinstance(system, LocalFileSystem):
        system.makedirs(folder, exist_ok=True)
    return system, str(folder).rstrip("/")


def _copy(source: IO[bytes], target: IO[bytes]) -> None:
    """Copy at most one byte more than LARGEST."""
    left = LARGEST + 1
    while left and (block := source.read(min(AT_ONCE, left))):
        left -= len(block)
        target.write(block)


def _check(packed: IO[bytes], folder: Path, key: str) -> None:
    """Write the files of a record into a folder; raise ValueError for anything but the sound record of its key."""
    if packed.tell() > LARGEST:
        raise ValueError(f"it has more than {LARGEST} bytes")
    try:
        with zipfile.ZipFile(packed) as archive:
            members = archive.infolist()
            names = {one.filename for one in members}
            if len(names) < len(members) or not names <= set(FILES) or any(one.compress_type for one in members):
                raise ValueError(f"it holds more than {', '.join(FILES)}, uncompressed")
            for one in members:
                with archive.open(one) as source, open(folder / one.filename, "wb") as target:
                    shutil.copyfileobj(source, target, AT_ONCE)
        record = read_record(folder)
    except VersionError:
        raise
    except Exception as error:  # zip and JSON raise their own
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise  # a full disk is not the record's fault
        raise ValueError(f"it is damaged ({text_of(error).replace(str(folder), key)})") from error
    if record.key != key or record.status != "ok" or record.edited:
        raise ValueError(record.edited or f"it is that of another run or of a failed one, {record.key}")
