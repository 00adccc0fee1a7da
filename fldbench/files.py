"""Files: written whole or not at all, read as UTF-8 with the bad line named, and what is in them as a digest."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from fldbench.errors import DataError, StoreError

NAMED = 5  # items that a message names


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
        Text is written as UTF-8 with the line endings that it has.

    Raises
    ------
    StoreError
        When the folder or the file cannot be written.
    """
    path = Path(path)
    part = _part_of(path)
    encoding, newline = (None, None) if "b" in mode else ("utf-8", "")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(part, mode, encoding=encoding, newline=newline) as file:
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
    """Write a UTF-8 text file whole or not at all; raise StoreError where that is not possible."""
    with written_whole(path) as file:
        file.write(text)
    return Path(path)


@contextmanager
def folder_written_whole(path: str | Path) -> Iterator[Path]:
    """Yield a temporary folder beside `path` that takes its name when the block ends without an error.

    Of two writers the first one wins, and the other's folder is dropped: both are expected to hold the same content.
    The temporary folder is named `.NAME.RANDOM.PID.part`.

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


def sweep(folder: str | Path) -> None:
    """Remove the temporary files and folders in `folder` whose writer no longer runs."""
    for part in Path(folder).glob(".*.part"):
        pid = part.name.split(".")[-2]
        if not pid.isdecimal() or _runs(int(pid)):
            continue
        shutil.rmtree(part, ignore_errors=True)
        with suppress(OSError):
            part.unlink()


def sha256_of(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, 64 hex digits; raise DataError when it cannot be read."""
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"cannot be read ({error.strerror or error}); check the path", path) from error


def read_bytes(path: str | Path, kind: type[DataError] = DataError) -> bytes:
    """Return the content of a file that is not blank; raise `kind` otherwise."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise kind(f"cannot be read ({error.strerror or error}); check the path", path) from error
    if not content.strip():
        raise kind("the file is empty; restore it", path, 1)
    return content


def read_text(path: str | Path, kind: type[DataError] = DataError) -> str:
    """Return UTF-8 text, with or without a byte order mark.

    Raises
    ------
    DataError
        Of the given kind, for a file that cannot be read, is blank or is not UTF-8; it names the line of the first bad
        byte. A NUL byte is bad too, since text has none.
    """
    content = read_bytes(path, kind)
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


def listed(items: Sequence[object], most: int = NAMED) -> str:
    """Return the items in one line, and how many more there are.

    >>> listed(["a", "b", "c", "d"], 2), listed([3])
    ('a, b and 2 more', '3')
    """
    more = f" and {len(items) - most} more" if len(items) > most else ""
    return ", ".join(str(item) for item in items[:most]) + more


def _part_of(path: Path) -> Path:
    # Threads of one process may write the same file at the same time; each needs a name of its own.
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}.{os.getpid()}.part")


def _cannot_write(path: Path, error: OSError) -> str:
    return f"{path}: cannot be written ({error.strerror or error}); choose another place, or free some space"


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
