"""dlib's trainer of shape predictors, in a process of its own.

It runs in a process, because dlib reports its progress only on the streams of its process, cannot be interrupted, and
has been seen to loop for ever. It reads files (imglab's XML and PNG), because its function for arrays shares their
reference counts between threads without a lock, on which numpy reports "Reference count error detected" (dlib 20.0.1).
"""

from __future__ import annotations

import importlib.util
import json
import os
import queue
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np

from fldbench.errors import MethodError, MissingDependencyError
from fldbench.progress import say_progress

PATIENCE = 900  # seconds without news after which dlib is taken to loop for ever
PROGRESS = re.compile(rb"Progress: (\d+)/\d+")

# A process whose reader is gone dies of SIGPIPE at its next line of progress, so that none outlives a killed parent.
CHILD = """
import json, signal, sys
import dlib
if hasattr(signal, "SIGPIPE"):
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
options = dlib.shape_predictor_training_options()
for name, value in json.loads(sys.argv[1]).items():
    setattr(options, name, value)
dlib.train_shape_predictor("faces.xml", "model.dat", options)
"""


def train_dlib(folder: Path, faces: list[str], options: dict[str, Any], patience: float = PATIENCE) -> bytes:
    """Train a predictor by dlib and return the content of the file that it saves.

    dlib keeps all images and, for every start shape of every face, some kilobytes in memory; nothing here bounds that.

    Parameters
    ----------
    folder : Path
        Where the faces' images lie.
    faces : list of str
        An `xml_entry` for each face.
    options : dict
        Of `dlib.shape_predictor_training_options`.
    patience : float
        Seconds without news after which dlib is stopped.

    Raises
    ------
    MethodError
        When dlib fails, with its own words.
    MissingDependencyError
        When dlib is not installed.
    """
    if importlib.util.find_spec("dlib") is None:
        raise MissingDependencyError("the method ert needs dlib to be trained; install dlib-bin")
    (folder / "faces.xml").write_text(f"<?xml version='1.0'?><dataset><images>{''.join(faces)}</images></dataset>")
    arguments = json.dumps(options | {"be_verbose": True})
    trees = options["cascade_depth"] * options["num_trees_per_cascade_level"]
    # -P: a file dlib.py in the current folder must not be taken for dlib.
    said = follow([sys.executable, "-P", "-c", CHILD, arguments], folder, trees, patience)
    try:
        return (folder / "model.dat").read_bytes()
    except FileNotFoundError as error:
        raise MethodError(f"ert: dlib wrote no model ({said})") from error


def follow(command: list[str], folder: Path, total: int, patience: float) -> str:
    """Run a command and report the lines `Progress: 12/500 ...` that it writes to stderr; return its last line.

    It is stopped whenever this function is left, by Ctrl-C too.

    Raises
    ------
    MethodError
        When it fails, or writes nothing for `patience` seconds.
    """
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    news: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    say_progress("trees", 0, total)
    with subprocess.Popen(command, cwd=folder, **streams) as process:
        # A thread, because not every system can wait for a pipe with a time limit.
        reader = threading.Thread(target=_read, args=(process.stderr.fileno(), news))
        reader.start()
        try:
            said = b""
            while chunk := news.get(timeout=patience):
                said = (said + chunk)[-4096:]
                if done := PROGRESS.findall(said):
                    say_progress("trees", int(done[-1]), total)
            code = process.wait()
        except queue.Empty:
            raise MethodError(
                f"ert: dlib said nothing for {patience:g} s and was stopped; a smaller oversampling_amount may help"
            ) from None
        finally:
            process.kill()
            reader.join()
    last = said.decode(errors="replace").strip().rpartition("\n")[2]
    if code:
        how = f"signal {-code}, as when the memory is full" if code < 0 else last or f"exit code {code}"
        raise MethodError(f"ert: dlib failed to train ({how})")
    say_progress("trees", total, total)
    return last


def _read(stream: int, news: queue.SimpleQueue[bytes]) -> None:
    while chunk := os.read(stream, 1 << 16):
        news.put(chunk)
    news.put(b"")


def write_png(path: Path, grey: np.ndarray) -> None:
    """Write a grey image without loss, quickly rather than small: it is read once."""
    import cv2

    path.write_bytes(cv2.imencode(".png", grey, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes())


def xml_entry(name: str, corners: np.ndarray, shape: np.ndarray) -> str:
    """Return one face of an imglab file: corners (2, 2) and points (L, 2) px, rounded, as dlib reads no fractions.

    The points are named by numbers of one width, because dlib sorts them by name. Every point must be there: a face
    that lacks some has made dlib loop for ever.

    >>> xml_entry("0.png", np.array([[1.0, 2.0], [4.0, 6.0]]), np.array([[3.2, 4.9]]))
    "<image file='0.png'><box top='2' left='1' width='4' height='5'><part name='0000' x='3' y='5'/></box></image>"
    """
    left, top, right, bottom = _whole(corners)
    right, bottom = max(right, left + 1), max(bottom, top + 1)  # in a box without a size dlib would divide by zero
    points = [_whole(point) for point in shape]
    parts = "".join(f"<part name='{i:04d}' x='{x}' y='{y}'/>" for i, (x, y) in enumerate(points))
    # A box of dlib's includes both border pixels, hence + 1.
    box = f"top='{top}' left='{left}' width='{right - left + 1}' height='{bottom - top + 1}'"
    return f"<image file='{name}'><box {box}>{parts}</box></image>"


def _whole(values: np.ndarray) -> list[int]:
    return [round(value) for value in values.ravel().tolist()]
