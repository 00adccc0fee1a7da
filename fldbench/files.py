"""Files: written whole or not at all, read as UTF-8 with the bad line named, and their content as a digest.

Only regular files are read: a named pipe, a device or a folder is refused without waiting for it.
"""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import lru_cache
from io import BufferedReader, TextIOWrapper
from pathlib import Path
from typing import IO, Any

from fldbench.errors import DataError, StoreError

NAMED = 5  # items that a message names
LARGEST = 2**31  # bytes that are read of one file of annotations or weights
ABANDONED = 86400.0  # seconds after which a temporary file that another machine or container left is removed
_PART = re.compile(r"\..*\.[0-9a-f]{8}\.([0-9a-f]{8})\.([0-9]{1,18})\.part")  # of which machine, and process


@contextmanager
def written_whole(path: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a file that appears under its name when the block ends without an error, and not at all otherwise.

    It is written under a temporary name in the same folder, flushed to the disk and renamed, so that a reader, a full
    disk or a killed process never leaves half a file. A file of that name is replaced.

    Parameters
    ----------
    path : str or Path
        The file to write. Its folder is made if it is not there.
    mode : {"w", "wb"}
        Text is written as UTF-8 with the line endings that it has; what UTF-8 cannot hold, such as a byte of a Latin-1
        file name, is written as a backslash escape.

    Raises
    ------
    StoreError
        When the folder or the file cannot be written.
    """
    path = Path(path)
    part = _part_of(path)
    text: dict[str, Any] = {"encoding": "utf-8", "errors": "backslashreplace", "newline": ""} if "b" not in mode else {}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, mode, **text) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(_cannot_write(path, error)) from error
    finally:
        with suppress(OSError):
            part.unlink()


def write_text(path: str | Path, text: str) -> Path:
    """Write a UTF-8 text file whole or not at all; raise StoreError if that is impossible."""
    with written_whole(path) as file:
        file.write(text)
    return Path(path)


def check_writable(path: str | Path) -> None:
    """Raise StoreError if a file cannot be written under this name, before the work that it is to hold is begun."""
    path = Path(path)
    part = _part_of(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        part.touch()
    except OSError as error:
        raise StoreError(_cannot_write(path, error)) from error
    finally:
        with suppress(OSError):
            part.unlink()


@contextmanager
def folder_written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its name when the block ends without an error.

    Of two writers the first one wins, and the other's folder is dropped: both are expected to hold the same content.
    The temporary folder is named `.NAME.RANDOM.MACHINE.PID.part`.

    Raises
    ------
    StoreError
        When it cannot be written.
    """
    path = Path(path)
    part = _part_of(path)
    try:
        part.mkdir(parents=True)
        yield part
        try:
            part.rename(path)
        except OSError:
            if not path.is_dir():
                raise
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(_cannot_write(path, error)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Yield a folder among the system's temporary files that is removed when the block ends.

    Those of processes that were killed are removed first.
    """
    place = Path(tempfile.gettempdir())
    sweep(place)
    folder = _part_of(place / "fldbench")
    folder.mkdir(mode=0o700)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(folder: str | Path) -> None:
    """Remove the temporary files and folders in `folder` whose writer no longer runs.

    A writer on another machine or in another container cannot be asked: what it left is removed after a day without a
    change. Anything else in the folder stays.
    """
    try:
        names = os.listdir(folder)
    except OSError:
        return
    for name in names:
        found = _PART.fullmatch(name)
        part = Path(folder, name)
        if found is None or (_runs(int(found[2])) if found[1] == _machine() else not _is_old(part)):
            continue
        remove(part)


def remove(path: str | Path) -> None:
    """Remove a file, a link or a folder with everything in it, if it is there and can be removed."""
    with suppress(OSError):
        os.unlink(path)
    shutil.rmtree(path, ignore_errors=True)


def open_regular(path: str | Path) -> BufferedReader:
    """Open a regular file for reading; raise OSError for one that is absent, or a folder, pipe or device."""
    # A named pipe without a writer would block.
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    mode = os.fstat(handle).st_mode
    if not stat.S_ISREG(mode):
        os.close(handle)
        raise OSError(errno.EINVAL, "Is a directory" if stat.S_ISDIR(mode) else "not a regular file", os.fspath(path))
    return open(handle, "rb")


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, 64 hex digits; raise DataError when it cannot be read."""
    try:
        with open_regular(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        raise DataError(f"cannot be read ({_why(error)}); check the path", path) from error


def read_bytes(path: str | Path, kind: type[DataError] = DataError, most: int = LARGEST) -> bytes:
    """Return the content of a regular file that is not blank and has at most `most` bytes; raise `kind` otherwise."""
    content, size = b"", 0
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            if size <= most:
                content = file.read()
    except (OSError, ValueError, MemoryError) as error:
        raise kind(f"cannot be read ({_why(error)}); check the path", path) from error
    if size > most:
        raise kind(f"more than {most} bytes, too many for a file of this kind; check the path", path)
    if not content.strip():
        raise kind("the file is empty; restore it", path, 1)
    return content


def contains(path: str | Path, mark: bytes) -> bool:
    """Return whether the content of a regular file has some bytes in it; raise DataError if it cannot be read."""
    try:
        with open_regular(path) as file:
            return os.fstat(file.fileno()).st_size > 0 and mark in read_bytes(path)
    except OSError as error:
        raise DataError(f"cannot be read ({_why(error)}); check the path", path) from error


def read_text(path: str | Path, kind: type[DataError] = DataError, most: int = LARGEST) -> str:
    """Return UTF-8 text of at most `most` bytes, with or without a byte order mark.

    Raises
    ------
    DataError
        Of the given kind, for a file that cannot be read, is blank or is not UTF-8; it names the line of the first bad
        byte. A NUL byte is bad too, because text contains none.
    """
    content = read_bytes(path, kind, most)
    bad, text = content.find(b"\0"), ""
    if bad < 0:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            bad = error.start
    if bad >= 0:
        line = content.count(b"\n", 0, bad) + 1
        raise kind(f"not UTF-8 text (byte 0x{content[bad]:02x}); save the file as UTF-8", path, line)
    return text


def text_lines(path: str | Path, kind: type[DataError] = DataError, most: int = LARGEST) -> Iterator[str]:
    """Yield the lines of UTF-8 text with their ends, as they are, without reading the whole file at once.

    Raises
    ------
    DataError
        As `read_text` does, at the latest when it comes to the bad line.
    """
    blank = True
    try:
        with open_regular(path) as raw, TextIOWrapper(raw, "utf-8-sig", newline="") as file:
            if os.fstat(raw.fileno()).st_size > most:
                raise ValueError
            for line in file:
                if "\0" in line:
                    raise ValueError
                blank = blank and not line.strip()
                yield line
    except (OSError, ValueError) as error:
        read_text(path, kind, most)  # which finds the fault again, and says what it is
        raise kind(f"cannot be read ({_why(error)}); check the path", path) from error
    if blank:
        read_text(path, kind, most)


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises
    ------
    ValueError
        In one line, also for NaN and infinities, which JSON does not have, for whole numbers of more than 64 bits, and
        for brackets nested too deeply.

    >>> parse_json('{"a": [1]}')
    {'a': [1]}
    """
    try:
        return json.loads(text, parse_constant=_finite, parse_float=_finite, parse_int=_whole)
    except RecursionError as error:
        raise ValueError("brackets are nested too deeply") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg}, line {error.lineno}") from error
    except UnicodeDecodeError as error:
        raise ValueError("not UTF-8 text") from error


def listed(items: Sequence[object], most: int = NAMED) -> str:
    """Return the items in one line, and how many more there are.

    >>> listed(["a", "b", "c", "d"], 2), listed([3])
    ('a, b and 2 more', '3')
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(str(item) for item in items[:most]) + more


def _part_of(path: Path) -> Path:
    # Threads of one process may write the same file at the same time; each needs a name of its own. A long name is cut,
    # so that it stays within what file systems allow.
    return path.with_name(f".{path.name[:60]}.{os.urandom(4).hex()}.{_machine()}.{os.getpid()}.part")


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return 8 hex digits for the machine since its start and, on Linux, the container: where process ids mean one."""
    known = [os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")]
    with suppress(OSError):
        known.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8"))
    with suppress(OSError, AttributeError):
        known.append(os.readlink("/proc/self/ns/pid"))
    return hashlib.sha256("\n".join(known).encode("utf-8", "surrogatepass")).hexdigest()[:8]


def _is_old(part: Path) -> bool:
    try:
        newest = max(os.lstat(one).st_mtime for one in (part, *part.rglob("*")))
    except OSError:
        return False
    return time.time() - newest > ABANDONED


def _cannot_write(path: Path, error: OSError) -> str:
    return f"{path}: cannot be written ({_why(error)}); choose another place, or free some space"


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__


def _finite(word: str) -> float:
    value = float(word)
    if not math.isfinite(value):
        raise ValueError(f"{word[:20]} is not a finite number")
    return value


def _whole(word: str) -> int:
    value = int(word)
    if value.bit_length() > 64:
        raise ValueError(f"{word[:20]} is too large a number")
    return value


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
