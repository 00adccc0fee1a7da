"""Start shapes and crops of a training in bounded memory."""

import numpy as np

from fldbench.baselines.parts import normalised


def test_shapes_are_moved_alike_in_parts_of_any_size(monkeypatch):
    rng = np.random.default_rng(0)
    shapes, sides = rng.uniform(0, 100, (7, 5, 2)), rng.uniform(50, 80, (7, 2))

    def moved(dtype=float):
        return normalised.perturbed(shapes, sides, 3, 0.1, 0.2, 9.0, np.random.default_rng(1), dtype)

    whole = moved()
    assert np.allclose(whole[:, 0], shapes)
    # Copies are similar to their shape: distances grow by one factor each.
    lengths = (
        np.linalg.norm(np.diff(whole, axis=2), axis=-1) / np.linalg.norm(np.diff(shapes, axis=1), axis=-1)[:, None]
    )
    assert np.allclose(lengths, lengths[:, :, :1]) and lengths[:, 1:].std() > 0.05
    monkeypatch.setattr(normalised, "SHAPES_AT_ONCE", 2)
    assert np.array_equal(moved(), whole)
    assert moved(np.float32).dtype == np.float32 and np.allclose(moved(np.float32), whole, atol=1e-4)


def resident_of(path):
    """Return the kB of a mapped file that are in this process's memory."""
    with open("/proc/self/smaps", encoding="utf-8") as lines:
        here, found = False, 0
        for line in lines:
            if line.split()[0].count("-") == 1 and not line.split()[0].endswith(":"):
                here = str(path) in line
            elif here and line.startswith("Rss:"):
                found += int(line.split()[1])
        return found


def test_mapped_crops_are_given_back_and_read_again(tmp_path):
    content = np.random.default_rng(0).integers(0, 256, (50, 100, 100), np.uint8)
    np.save(tmp_path / "crops.npy", content)
    crops = np.load(tmp_path / "crops.npy", mmap_mode="r")
    assert crops.sum() == content.sum() and resident_of(tmp_path / "crops.npy") > 400
    normalised.let_go(crops)
    assert resident_of(tmp_path / "crops.npy") < 100
    assert np.array_equal(crops, content)
    normalised.let_go(content)  # an array of its own is kept
    assert content.any()
