"""Parts of large columns: they cover every row once, and pages of mapped files are handed back without any change."""

from pathlib import Path

import numpy as np
import pytest

from fldbench.blocks import FACES, blocks, let_go


@pytest.mark.parametrize("n", [0, 1, 2, FACES - 1, FACES, FACES + 1, 2 * FACES + 1, 1_000_003])
def test_parts_cover_every_row_once_and_none_is_a_single_row_of_many(n):
    parts = list(blocks(n))
    assert np.array_equal(np.concatenate([np.arange(n)[part] for part in parts] or [np.arange(0)]), np.arange(n))
    sizes = [part.stop - part.start for part in parts]
    assert max(sizes, default=0) <= FACES and (n < 2 or min(sizes) > 1)


def mapped_megabytes():
    """The megabytes of mapped files that count as memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssFile")) / 1024


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells by /proc")
def test_pages_of_a_mapped_file_are_handed_back_and_can_be_read_again(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(4_000_000.0).reshape(-1, 4))
    column = np.load(tmp_path / "a.npy", mmap_mode="r")
    before = mapped_megabytes()
    total = column.sum()
    held = mapped_megabytes() - before
    let_go(np.asarray(column)[1:])
    assert held > 25 and mapped_megabytes() - before < 3
    assert column.sum() == total


def test_only_pages_that_the_file_holds_are_handed_back(tmp_path):
    np.save(tmp_path / "a.npy", np.zeros(100_000))
    private = np.load(tmp_path / "a.npy", mmap_mode="c")
    private[:] = 1.0  # in memory alone
    own = np.ones(100_000)
    let_go(private, own, own[:0])
    assert private.all() and own.all()
