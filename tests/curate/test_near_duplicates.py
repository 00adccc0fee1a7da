"""Near duplicates: copies are found whatever was done to them, others are not; hashes against brute force."""

import cv2
import numpy as np
import pytest

from fldbench.curate.verify import near_duplicates as nd

RNG = np.random.default_rng(0)


def pictures(n, rng=RNG):
    """n smooth random grey pictures, 64 x 64."""
    coarse = rng.integers(0, 256, (n, 12, 12)).astype(np.float32)
    return (
        np.stack([cv2.resize(one, (64, 64), interpolation=cv2.INTER_CUBIC) for one in coarse])
        .clip(0, 255)
        .astype(np.uint8)
    )


def shifted(crop):
    return cv2.warpAffine(crop, np.array([[1.02, 0, 1.5], [0, 1.02, -1.0]]), (64, 64), borderMode=cv2.BORDER_REPLICATE)


CHANGES = {
    "itself": lambda crop: crop,
    "darker": lambda crop: (crop * 0.5 + 10).astype(np.uint8),
    "brighter": lambda crop: (crop * 0.6 + 95).astype(np.uint8),
    "resized": lambda crop: cv2.resize(cv2.resize(crop, (30, 30), interpolation=cv2.INTER_AREA), (64, 64)),
    "jpeg": lambda crop: cv2.imdecode(cv2.imencode(".jpg", crop, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], 0),
    "another box": shifted,
}


@pytest.mark.parametrize("change", CHANGES)
def test_copies_are_found_and_others_are_not(change):
    train, test = pictures(60), pictures(20)
    test[3], test[11] = CHANGES[change](train[40]), CHANGES[change](train[5])
    found = nd.near_duplicates(test, train)
    assert [(row, other) for row, other, _ in found] == [(3, 40), (11, 5)]
    assert all(nd.LIMIT <= value <= 1 for _, _, value in found)


def test_the_nearest_hashes_are_those_of_brute_force(monkeypatch):
    monkeypatch.setattr(nd, "_COMPARED_AT_ONCE", 7)
    mine, theirs = RNG.random((20, 100)) < 0.5, RNG.random((31, 100)) < 0.5
    apart = (mine[:, None] != theirs[None]).sum(2)
    near = nd._nearest(mine, theirs)
    assert np.array_equal(np.take_along_axis(apart, near, 1), np.sort(apart, 1)[:, :3])
    assert nd._nearest(mine, theirs[:2]).shape == (20, 2)


def test_flat_crops_are_no_pictures():
    flat = np.full((2, 64, 64), 128, np.uint8)
    assert nd.near_duplicates(flat, flat) == []
    assert nd.correlation(flat[0], pictures(1)[0]) == 0.0


def test_nothing_is_found_in_nothing():
    assert nd.near_duplicates(pictures(2), pictures(2)[:0]) == [] == nd.near_duplicates(pictures(2)[:0], pictures(2))


def test_correlation_is_one_for_a_shifted_window():
    wide = cv2.resize(pictures(1)[0], (80, 80))
    assert nd.correlation(wide[4:68, 6:70], wide[8:72, 4:68]) > 0.97


def test_crops_of_one_group_are_not_compared():
    some = pictures(30)
    some[20], some[25] = some[4], some[9]
    groups = np.arange(30)
    assert [(a, b) for a, b, _ in nd.near_duplicates(some, some, groups=(groups, groups))] == [
        (4, 20),
        (9, 25),
        (20, 4),
        (25, 9),
    ]
    groups[25] = groups[9]
    assert [(a, b) for a, b, _ in nd.near_duplicates(some, some, groups=(groups, groups))] == [(4, 20), (20, 4)]
    crowd = np.repeat(some[:1], 8, axis=0)  # the copies of its own group must not hide that of another one
    assert nd.near_duplicates(some[:1], np.concatenate([crowd, some[:1]]), groups=(np.zeros(1), np.arange(9) // 8))[0][
        :2
    ] == (0, 8)
