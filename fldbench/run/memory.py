"""How much the memory of this process grew during a piece of work, where the system tells: Linux."""

from __future__ import annotations

from pathlib import Path

_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


class Peak:
    """The largest resident memory of this process within a block, above that at its beginning.

    What was loaded before (libraries, faces, other models) does not count; memory that was freed before and is used
    again does not either, so it is a lower bound. Memory of child processes and of a GPU is not seen.

    >>> from mmap import mmap
    >>> with Peak() as peak, mmap(-1, 50_000_000) as block:  # pages that were never this process's
    ...     for page in range(0, len(block), 4096):
    ...         block[page] = 1
    >>> peak.megabytes is None or peak.megabytes > 40
    True
    """

    megabytes: float | None = None

    def __enter__(self) -> Peak:
        try:
            _RESET.write_text("5", encoding="ascii")  # the peak is set to the memory of now
        except OSError:
            self._before = None
        else:
            self._before = _resident("VmRSS")
        return self

    def __exit__(self, *_: object) -> None:
        peak = None if self._before is None else _resident("VmHWM")
        if self._before is not None and peak is not None:
            self.megabytes = round(max(0.0, peak - self._before), 1)


def _resident(name: str) -> float | None:
    """Return a number of /proc/self/status in MB; None where it is not there."""
    try:
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    found = next((line.split()[1] for line in lines if line.startswith(f"{name}:")), None)
    return None if found is None else int(found) * 1024 / 1e6
