"""Folds: no group in two, sizes as promised, and the numbers that FaceSet and the methods have always had."""

from dataclasses import replace

import numpy as np
import pytest

import fldbench
from fldbench.errors import DataError
from fldbench.shapes import fold_of

GROUPS = np.repeat(list("abcdefgh"), [9, 1, 4, 4, 2, 7, 1, 3])


@pytest.mark.parametrize("balance", ["faces", "groups"])
@pytest.mark.parametrize("k", [1, 2, 3, 8])
def test_no_group_is_cut_and_no_fold_is_empty(k, balance):
    folds = fold_of(GROUPS, k, np.random.default_rng(1), balance)
    assert set(folds.tolist()) == set(range(k))
    assert all(len(set(folds[name == GROUPS].tolist())) == 1 for name in "abcdefgh")


@pytest.mark.parametrize("seed", range(5))
def test_the_folds_are_balanced_as_promised(seed):
    faces = np.bincount(fold_of(GROUPS, 3, np.random.default_rng(seed)))
    assert np.ptp(faces) <= 9  # the largest group
    folds = fold_of(GROUPS, 3, np.random.default_rng(seed), "groups")
    assert sorted(len(set(GROUPS[folds == fold].tolist())) for fold in range(3)) == [2, 3, 3]


def test_by_hand():
    """Sizes 9, 7, 4, 4, 3, 2, 1, 1 go one by one to the smaller fold: 9 + 4 + 2 + 1 against 7 + 4 + 3 + 1."""
    folds = fold_of(GROUPS, 2, np.random.default_rng(0))
    assert folds[GROUPS == "a"][0] == 0 and folds[GROUPS == "f"][0] == 1  # the largest first, to the first fold
    assert sorted(np.bincount(folds).tolist()) == [15, 16]


def test_they_are_those_of_a_face_set():
    faces = fldbench.load_dataset("synthetic", split="train")[: len(GROUPS)]
    faces = replace(faces, groups=GROUPS)
    for k, seed in ((2, 0), (3, 5), (8, 1)):
        assert np.array_equal(fold_of(GROUPS, k, np.random.default_rng(seed)), faces.fold_of(k, seed))


@pytest.mark.parametrize("k", [0, 9])
def test_impossible_numbers_of_folds(k):
    with pytest.raises(DataError, match=f"folds: their number is {k}; must be from 1 to 8, the number of groups"):
        fold_of(GROUPS, k, np.random.default_rng(0))
