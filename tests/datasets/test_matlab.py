"""MATLAB 5 files: compared with scipy, which wrote them, and damaged files."""

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from fldbench.datasets.formats import matlab
from fldbench.datasets.formats.matlab import read_matlab
from fldbench.errors import DataError, DatasetNotFoundError

VALUES = {
    "a": np.arange(12.0).reshape(3, 4),
    "b": np.array([[1, -2, 3]], np.int16),
    "c": np.array([[200]], np.uint8),
    "d": np.random.default_rng(0).normal(size=(2, 3, 2)).astype(np.float32),
    "words": np.array([["ab/c d.jpg"], ["é"]], object),
    "text": "hello",
}


@pytest.mark.parametrize("compressed", [False, True])
def test_it_reads_what_scipy_reads(tmp_path, compressed):
    savemat(tmp_path / "x.mat", VALUES, do_compression=compressed)
    known = loadmat(tmp_path / "x.mat")
    a, b, c, d = read_matlab(tmp_path / "x.mat", "a", "b", "c", "d")
    for name, value in {"a": a, "b": b, "c": c, "d": d}.items():
        assert value.shape == known[name].shape and np.array_equal(value, known[name]), name
    words, text = read_matlab(tmp_path / "x.mat", "words", "text")
    assert words.shape == (2, 1) and words.ravel().tolist() == ["ab/c d.jpg", "é"] and text == "hello"


def test_real_files_read_as_scipy_reads_them(data_root):
    for path in sorted((data_root / "cofw68/test_annotations").glob("*.mat"))[:20]:
        points, occluded = read_matlab(path, "Points", "Occ")
        known = loadmat(path)
        assert np.array_equal(points, known["Points"]) and np.array_equal(occluded, known["Occ"])


def test_structs_are_named_but_not_read(tmp_path):
    savemat(tmp_path / "x.mat", {"s": {"field": 1.0}, "a": 1.0})
    assert read_matlab(tmp_path / "x.mat", "a")[0].tolist() == [[1.0]]
    with pytest.raises(DataError, match=r"x\.mat: has no variable 's' that can be read; it holds s, a"):
        read_matlab(tmp_path / "x.mat", "s")


def test_damage_is_an_error(tmp_path):
    path = tmp_path / "x.mat"
    with pytest.raises(DatasetNotFoundError, match=r"x\.mat: this file of the dataset is absent"):
        read_matlab(path, "a")
    savemat(path, VALUES)
    good = path.read_bytes()
    for content, text in (
        (b"", r"x\.mat, line 1: the file is empty; restore it"),
        (b"x" * 500, r"x\.mat: damaged, or not a MATLAB 5 file \(no MATLAB 5 header\); fetch it again"),
        (good[:300], "an element of"),
        (good[:150] + b"\xff" * 40 + good[190:], r"x\.mat.*: (damaged, or not a MATLAB 5 file|the file is empty)"),
    ):
        path.write_bytes(content)
        with pytest.raises(DataError, match=text):
            read_matlab(path, "a")


def test_a_file_may_not_unfold_to_any_size(tmp_path, monkeypatch):
    monkeypatch.setattr(matlab, "LARGEST", 3000)
    savemat(tmp_path / "x.mat", {"a": np.zeros(300)}, do_compression=True)
    assert read_matlab(tmp_path / "x.mat", "a")[0].shape == (1, 300)
    for sizes in ([400], [200, 200], [100, 200, 300]):  # 8 bytes each: one variable, or all of them together
        savemat(tmp_path / "x.mat", {f"a{i}": np.zeros(n) for i, n in enumerate(sizes)}, do_compression=True)
        with pytest.raises(DataError, match="a compressed variable unfolds to more than 3000 bytes"):
            read_matlab(tmp_path / "x.mat", "a0")
