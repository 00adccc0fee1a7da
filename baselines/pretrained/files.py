"""The model files of OpenCV's landmark detectors: read, and refused if anything in them is wrong.

OpenCV trusts its files: a wrong number in one ends the process or reads beyond an array, so a file is checked before it
is handed to OpenCV. Each reader gives the mean shape (L, 2) in the frame of the detector's box, which is
(0, 0) to (1, 1), and how many numbers the model has.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np

from fldbench.errors import DataError
from fldbench.files import read_bytes

LONGEST_WORD = 32  # bytes; the words in Kazemi's file are section names
MOST = {"stages_n": 2**10, "tree_n": 2**16, "tree_depth": 16, "n_landmarks": 2**16}  # of an LBF model
TALLER = 1.3  # OpenCV's FacemarkKazemi always makes the given box higher


def read_lbf(path: str | Path) -> tuple[np.ndarray, int]:
    """Return the mean shape (L, 2) and the number of parameters of OpenCV's local binary features (FacemarkLBF, YAML).

    Raises
    ------
    DataError
        For any other file.
    """
    import cv2

    try:
        file = cv2.FileStorage(str(path), cv2.FILE_STORAGE_READ)
    except (cv2.error, SystemError) as error:
        raise DataError("not the YAML file of an LBF model", path) from error
    if not file.isOpened():
        raise DataError("cannot be read as the YAML file of an LBF model", path)
    try:
        return _checked_lbf(file, path)
    except (cv2.error, SystemError) as error:
        raise DataError(f"an LBF model with something unreadable in it ({error})", path) from error
    finally:
        file.release()


def _checked_lbf(file, path: str | Path) -> tuple[np.ndarray, int]:
    def number(name: str) -> int:
        node = file.getNode(name)
        if not node.isInt() or not 1 <= node.real() <= MOST[name]:
            raise DataError(f"not an LBF model: it has no whole number {name!r} up to {MOST[name]}", path)
        return int(node.real())

    def matrix(name: str, shape: tuple[int, int]) -> np.ndarray:
        node = file.getNode(name)
        found = node.mat() if node.isMap() else None
        if found is None or found.shape != shape or found.dtype != np.float64 or not np.isfinite(found).all():
            raise DataError(f"not a whole LBF model: {name!r} is not a matrix of {shape[0]} x {shape[1]} numbers", path)
        return found

    stages, trees, depth, points = (number(name) for name in MOST)
    mean = matrix("regressor_meanshape", (points, 2))
    size = 0
    for stage in range(stages):
        for tree in (f"{stage}_{point}_{k}" for point in range(points) for k in range(trees)):
            size += matrix(f"tree_{tree}", (2**depth, 4)).size + 2**depth
            thresholds = file.getNode(f"thresholds_{tree}")
            if not thresholds.isSeq() or thresholds.size() != 2**depth:
                raise DataError(f"not a whole LBF model: tree {tree} lacks {2**depth} thresholds", path)
        size += matrix(f"weights_{stage}", (2 * points, points * trees * 2 ** (depth - 1))).size
    return (mean + 1) / 2, size + mean.size  # its box goes from -1 to 1


def read_kazemi(path: str | Path) -> tuple[np.ndarray, int]:
    """Return the mean shape (L, 2) and the number of parameters of OpenCV's regression trees (FacemarkKazemi, binary).

    Raises
    ------
    DataError
        For any other file.
    """
    reader = _Reader(read_bytes(path), path)
    reader.word("cascade_depth")
    stages = reader.count(2**16)
    reader.word("pixel_coordinates")
    pixels = reader.count(2**20)
    reader.floats(2 * pixels * stages)
    reader.word("mean_shape")
    mean = reader.floats(2 * reader.count(2**16)).reshape(-1, 2)
    reader.word("num_trees")
    trees = reader.count(2**20)
    size = mean.size + 2 * pixels * stages
    for _ in range(stages * trees):
        size += reader.tree(len(mean), pixels)
    reader.end()
    return mean * (1, TALLER), size


class _Reader:
    """Reader of Kazemi's file: words are a length (uint64) and letters, numbers are uint64 or float32."""

    def __init__(self, data: bytes, path: str | Path):
        self._data, self._path, self._at = data, path, 0

    def tree(self, points: int, pixels: int) -> int:
        """Read one tree, node i with the children 2 i + 1 and 2 i + 2; return how many numbers it has."""
        self.word("num_nodes")
        nodes, size = self.count(2**20), 0
        for node in range(nodes):
            if self.word("split", "leaf") == "split":
                first, second, threshold, _ = struct.unpack("<QQfI", self._take(24))
                if max(first, second) >= pixels or not np.isfinite(threshold) or 2 * node + 2 >= nodes:
                    raise self._wrong("a split that leads nowhere")
                size += 3
            else:
                if self.count(2**16) != points:
                    raise self._wrong("a leaf of another number of points")
                size += self.floats(2 * points).size
        return size

    def word(self, *allowed: str) -> str:
        length = self._whole()
        found = self._take(length) if length <= LONGEST_WORD else b""
        if found not in (word.encode() for word in allowed):
            raise self._wrong(f"no word {' or '.join(allowed)} where it should be")
        return found.decode()

    def count(self, most: int) -> int:
        found = self._whole()
        if not 1 <= found <= most:
            raise self._wrong(f"a count of {found}")
        return found

    def floats(self, n: int) -> np.ndarray:
        found = np.frombuffer(self._take(4 * n), "<f4").astype(float)
        if not np.isfinite(found).all():
            raise self._wrong("a number that is not finite")
        return found

    def end(self) -> None:
        if self._at != len(self._data):
            raise self._wrong(f"{len(self._data) - self._at} bytes too many")

    def _whole(self) -> int:
        return struct.unpack("<Q", self._take(8))[0]

    def _take(self, n: int) -> bytes:
        self._at += n
        if self._at > len(self._data):
            raise self._wrong("an end that comes too early")
        return self._data[self._at - n : self._at]

    def _wrong(self, what: str) -> DataError:
        return DataError(f"not a whole model of FacemarkKazemi: it has {what}", self._path)
