"""Compiled loops survive NaN and huge numbers, and need no folder that can be written."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from fldbench.baselines.parts import compiled, hog
from fldbench.errors import DataError

# Every number that was in a file, a box or a point of a user who lost a process to it, and what follows from them.
BAD = "[np.nan, np.inf, -np.inf, 1e308, -1e308, 1e19, 2.0**63, -1e10, 1e-320, -0.7]"

KERNELS = f"""
import numpy as np
from fldbench.baselines.asm import search
from fldbench.baselines.ert import cascade
from fldbench.baselines.pretrained.trees import Trees, run_trees
from fldbench.baselines.lbf import forest
from fldbench.baselines.parts import hog_kernels

rng = np.random.default_rng(0)
images, field = rng.integers(0, 256, (2, 20, 24)).astype(np.uint8), rng.random((20, 24, 4)).astype(np.float32)
planes, energy = np.ascontiguousarray(np.moveaxis(field, 2, 0)), field.sum(axis=2)
offsets = rng.normal(0, 3, (3, 2, 3, 4)).astype(np.float32)
pixels = rng.integers(0, 5, (1, 2, 3, 2)).astype(np.uint16)
ert = dict(
    mean=rng.random((3, 2)).astype(np.float32), pixels=pixels, thresholds=np.zeros((1, 2, 3), np.float32),
    leaves=np.zeros((1, 2, 4, 6), np.float32),
    anchors=np.zeros((1, 5), np.uint16), deltas=np.zeros((1, 5, 2), np.float32),
)
cells = np.array([[-2, -2], [2, 2]])

def all_of_them(points, turns):
    which, flip = np.array([0, 1]), np.array([False, True])
    shapes = np.tile(points, (2, 1, 1))
    leaves = np.full((3, 2, 2), 255, np.uint8)
    forest.find_leaves(images, which, flip, shapes, turns, offsets, np.zeros((3, 2, 3), np.int16), leaves)
    values = np.empty((5, len(which)), np.uint8)
    forest.pool_values(images, which, flip, shapes[:, 0], turns, rng.normal(0, 3, (5, 2)), values)
    linear = np.stack([turns.real, turns.imag], axis=1)
    frames, grey = np.empty((2, 2)), np.empty((5, 2), np.uint8)
    cascade.find_frames(good - good.mean(axis=0), shapes, frames)
    for some in (frames, linear):
        pool = (np.array([0, 1, 2, 1, 0]), rng.normal(0, 3, (5, 2)))
        cascade.read_values(images, which, flip, shapes, some, *pool, np.arange(2), grey)
    tent = np.float32([0.25, 0.5, 0.25])
    patches = hog_kernels.sample_patches(field, shapes, linear, 3.0, 2, 0.2, 0.04, tent, (0,) * field.shape[2])
    differences, steps = np.empty((3, 9)), np.full(3, 99)
    search.profiles(images[0].astype(np.float32), points, points, 4, differences)
    search.best_offsets(differences, points[:, :1] * np.ones(5), np.tile(np.eye(5), (3, 1, 1)) * turns[0].real, steps)
    with np.errstate(all="ignore"):
        whole = np.nan_to_num(points).clip(-2.0**62, 2.0**62).astype(np.int64)
    maps, found = np.empty((3, 5, 5), np.float32), np.empty((3, 8), np.float32)
    search.gather_patches(planes, energy, whole, cells, found)
    search.response_maps(planes, energy, whole, 5, cells, np.ones((3, 8), np.float32), maps)
    search.peaks(maps, whole, turns.real[[0, 1, 0]], points, 3.0, 1.0, np.empty((3, 2)), np.empty((3, 2, 2)))
    answers = run_trees(Trees(**ert), images, np.tile(points[:2], (2, 1, 1)), np.float32(shapes[:1]))
    assert leaves.max() < 4 and np.abs(steps).max() <= 2 and values.shape == (5, 2) and answers.shape == (2, 1, 3, 2)
    return patches

good = rng.uniform(2, 18, (3, 2))
expected = all_of_them(good, np.ones(2, complex))
for bad in {BAD}:
    for row in range(3):
        points = good.copy()
        points[row, row % 2] = bad
        others = np.delete(all_of_them(points, np.ones(2, complex)).reshape(2, 3, -1), row, axis=1)
        assert np.array_equal(others, np.delete(expected.reshape(2, 3, -1), row, axis=1)), (bad, row)
    for turn in (complex(bad, 1.0), complex(1.0, bad), complex(bad, bad)):
        all_of_them(good, np.array([1.0, turn]))
print("survived")
"""

# numba keeps machine code beside the source, in NUMBA_CACHE_DIR or in the user's cache: here, none of them is a folder.
KERNEL = """
import sys
sys.path.insert(0, sys.argv[1])
from compiled import compiled, within

@compiled
def twice(x):
    return 2 * within(x, 9.0)

{between}
print(twice(3.0), twice(1e308), twice(float("nan")))
"""


def test_no_number_ends_the_process():
    with_errors = {**os.environ, "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-W", "ignore", "-c", KERNELS]
    run = subprocess.run(command, capture_output=True, text=True, env=with_errors, check=False)
    assert (run.returncode, run.stdout) == (0, "survived\n"), run.stderr[-2000:]


@pytest.mark.parametrize(
    ("value", "expected"),
    [(3.5, 3.5), (0.0, 0.0), (9.0, 9.0), (9.5, 9.0), (-1.0, 0.0), (np.nan, 0.0), (np.inf, 9.0), (-np.inf, 0.0)],
)
def test_within_moves_everything_into_bounds(value, expected):
    assert compiled.within(value, 9.0) == expected


def test_pixels_that_are_not_finite_are_refused():
    for bad in (np.nan, np.inf, 1e308):
        grey = np.zeros((8, 8))
        grey[3, 3] = bad
        with pytest.raises(DataError, match="pixels that are not finite"), np.errstate(over="ignore"):
            hog.orientation_channels(grey)


def run_kernel(folder, between="", **places):
    env = {name: value for name, value in os.environ.items() if name not in ("NUMBA_CACHE_DIR", "XDG_CACHE_HOME")}
    code = KERNEL.format(between=between)
    (folder / "kernel.py").write_text(code)
    command = [sys.executable, str(folder / "kernel.py"), str(folder)]
    run = subprocess.run(command, capture_output=True, text=True, env=env | places, check=False)
    assert run.stdout == "6.0 18.0 0.0\n", run.stderr[-2000:]


@pytest.fixture
def installed(tmp_path):
    """The module in a folder of its own, whose __pycache__ is a file, so that nothing can be kept in it."""
    shutil.copy(compiled.__file__, tmp_path / "compiled.py")
    (tmp_path / "__pycache__").write_text("")
    return tmp_path


def test_a_kernel_is_compiled_where_nothing_can_be_written(installed):
    run_kernel(installed, HOME="/dev/null/nobody")


def test_a_cache_that_was_damaged_or_removed_is_no_error(installed):
    cache = installed / "cache"
    run_kernel(installed, HOME="/dev/null/nobody", NUMBA_CACHE_DIR=str(cache))
    kept = [path for path in cache.rglob("*.nb*") if path.is_file()]
    assert kept  # it is used where it can be
    for path in kept:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    run_kernel(installed, HOME="/dev/null/nobody", NUMBA_CACHE_DIR=str(cache))
    removed = f"import shutil; shutil.rmtree({str(cache)!r}); open({str(cache)!r}, 'w').close()"
    run_kernel(installed, removed, HOME="/dev/null/nobody", NUMBA_CACHE_DIR=str(cache))


def test_every_kernel_is_compiled_in_this_one_way():
    house = Path(compiled.__file__).parents[2]
    users = [path for folder in ("baselines", "cnn", "datasets") for path in (house / folder).rglob("*.py")]
    assert len(users) > 40
    assert [path.name for path in users if "numba" in path.read_text() and "import njit" in path.read_text()] == [
        "compiled.py"
    ]
