"""The other end of `worker.py`: starts it in a Python that has mediapipe, and asks it photo by photo."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import weakref
from contextlib import suppress
from functools import lru_cache
from typing import IO, Any

import numpy as np

from fldbench.baselines.mediapipe import worker
from fldbench.errors import MethodError, MissingDependencyError

SECONDS = 60  # to say its version, or to end, on a busy machine
SHOWN = 300  # letters of what a worker said before it ended
HOW = (
    "make one by `python -m venv DIR` and `DIR/bin/pip install mediapipe==0.10.21` (0.10.14 does as well; newer ones "
    "come without models), and give DIR/bin/python"
)


@lru_cache
def installed(python: str) -> str:
    """Return the version of mediapipe in the environment of a Python; raise MissingDependencyError if it has none."""
    try:
        done = subprocess.run(
            [python, worker.__file__, "--version"], capture_output=True, env=_environment(), timeout=SECONDS
        )
        said = _head(done.stdout)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingDependencyError(f"mediapipe: {python} cannot be started ({error}); {HOW}") from error
    except ValueError as error:
        raise MissingDependencyError(f"mediapipe: {python} is no Python: {_tail(done.stderr)}; {HOW}") from error
    return _version(python, said)


class Client:
    """One worker process, which lives as long as this object.

    Parameters
    ----------
    python : str
        The Python that runs it.
    """

    def __init__(self, python: str):
        self._python = python
        self._said = tempfile.TemporaryFile()  # noqa: SIM115  # it is open as long as the process runs
        self._process = subprocess.Popen(
            [python, worker.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=_environment(),
        )
        self._photos: Any = self._process.stdin
        self._answers: Any = self._process.stdout
        self._end = weakref.finalize(self, _end, self._process, self._said)
        _version(python, self._answer())

    def meshes(self, image: np.ndarray) -> np.ndarray:
        """Return the faces of an RGB photo (h, w, 3) uint8, (k, 478, 3): x, y and depth in px.

        Raises MethodError if the process has ended.
        """
        try:
            self._photos.write(json.dumps({"shape": image.shape}).encode() + b"\n" + image.tobytes())
            self._photos.flush()
        except OSError as error:
            raise self._died() from error
        shape = (int(self._answer()["faces"]), worker.POINTS, 3)
        body = self._answers.read(int(np.prod(shape)) * 4)
        if len(body) < np.prod(shape) * 4:
            raise self._died()
        return np.frombuffer(body, "<f4").reshape(shape).astype(float)

    def _answer(self) -> dict[str, Any]:
        try:
            return _head(self._answers.readline())
        except ValueError as error:
            raise self._died() from error

    def _died(self) -> MethodError:
        with suppress(OSError):
            self._photos.close()  # it ends then, if it has not
        with suppress(subprocess.TimeoutExpired):  # a library may hang
            self._process.wait(SECONDS)
        self._process.kill()
        self._process.wait()
        self._said.seek(0)
        said = _tail(self._said.read())
        return MethodError(f"mediapipe: its process in {self._python} ended with {self._process.returncode}: {said}")


def _head(line: bytes) -> dict[str, Any]:
    """Return the first line of an answer; raise ValueError for anything but the JSON of a mapping."""
    found = json.loads(line)
    if not isinstance(found, dict):
        raise ValueError("no mapping")
    return found


def _version(python: str, said: dict[str, Any]) -> str:
    if "error" in said:
        raise MissingDependencyError(f"mediapipe: {python} does not serve: {said['error']}; {HOW}")
    return str(said["mediapipe"])


def _environment() -> dict[str, str]:
    """Return this process's environment without what would lead another Python to our packages."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}


def _tail(said: bytes) -> str:
    return " ".join(said.decode(errors="replace").split())[-SHOWN:] or "it said nothing"


def _end(process: subprocess.Popen[bytes], said: IO[bytes]) -> None:
    """End a worker, which waits for a photo or works on one that nobody waits for."""
    process.kill()
    process.wait()
    for stream in (process.stdin, process.stdout, said):
        with suppress(OSError):  # a photo that it did not take is still in a pipe
            stream.close()  # type: ignore[union-attr]  # both are pipes
