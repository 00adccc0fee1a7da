"""Maps between schemes: averages, by hand, by geometry and under flips."""

import numpy as np
import pytest

import fldbench
from fldbench.errors import DataError, UnknownNameError
from fldbench.schemes import conversion_floor, get_scheme, list_schemes, map_landmarks, map_matrix

CHAIN = ("jd-106", "wflw-98", "ibug-68", "ibug-51", "ibug-49", "mtfl-5")
TO_FIVE = ("imm-frontal-73", "youtu-88", "cofw-29", "aflw-19", "kaggle-15", "muct-76")
MAPS = [
    *((a, b) for i, a in enumerate(CHAIN) for b in CHAIN[i:]),
    *((name, "dlib-5") for name in CHAIN[:-1]),
    *((name, "mtfl-5") for name in TO_FIVE),
    *((name, name) for name in (*TO_FIVE, "dlib-5", "imm-58", "helen-194", "menpo-39", "webmorph-189")),
]

every_map = pytest.mark.parametrize(("source", "target"), MAPS)


def some_faces(scheme, n=3, seed=0):
    """Templates, moved by a few px: (n, L, 2) on a 200 px image."""
    noise = np.random.default_rng(seed).normal(0, 4, (n, scheme.n_points, 2))
    return 200 * scheme.template + noise


def test_these_maps_and_no_others():
    defined = set()
    for source in list_schemes():
        for target in list_schemes():
            try:
                map_matrix(source, target)
                defined.add((source, target))
            except UnknownNameError:
                continue
    assert defined == set(MAPS)


@every_map
def test_maps_are_averages(source, target):
    weights = map_matrix(source, target)
    assert weights.shape == (get_scheme(target).n_points, get_scheme(source).n_points)
    assert np.all(weights >= 0) and np.allclose(weights.sum(axis=1), 1)
    face = some_faces(get_scheme(source), n=1)[0]
    by_hand = [sum(w * face[j] for j, w in enumerate(row)) for row in weights]
    assert np.allclose(map_landmarks(face, source, target), by_hand)


@every_map
def test_maps_commute_with_flip(source, target):
    a, b = get_scheme(source), get_scheme(target)
    faces = some_faces(a)
    mapped_last = map_landmarks(a.flip(faces, 200), source, target)
    assert np.allclose(mapped_last, b.flip(map_landmarks(faces, source, target), 200), atol=1e-9)


@every_map
def test_maps_keep_the_meaning_of_points(source, target):
    """The template mapped is the target's template: exact for subsets, near for WFLW's lids and brows, and eyes."""
    gap = np.abs(map_landmarks(get_scheme(source).template, source, target) - get_scheme(target).template).max()
    blended = target == "mtfl-5" or (source in ("jd-106", "wflw-98") and target.startswith("ibug"))
    assert gap <= (0.02 if blended else 1e-12)


@every_map
def test_maps_compose(source, target):
    middle = [b for a, b in MAPS if a == source and (b, target) in MAPS]
    for name in middle:
        assert np.allclose(map_matrix(name, target) @ map_matrix(source, name), map_matrix(source, target))


def test_subsets_of_ibug_are_exact():
    face = some_faces(get_scheme("ibug-68"), n=1)[0]
    assert np.array_equal(map_landmarks(face, "ibug-68", "ibug-51"), face[17:])
    assert np.array_equal(map_landmarks(face, "ibug-68", "ibug-49"), np.delete(face, [*range(17), 60, 64], axis=0))
    assert np.array_equal(map_landmarks(face, "ibug-68", "ibug-68"), face)


def test_68_to_5_by_hand():
    face = np.full((68, 2), -1000.0)
    face[36:42] = [[10, 20], [12, 18], [14, 18], [16, 20], [14, 22], [12, 22]]
    face[42:48] = [[30, 21], [32, 19], [34, 19], [36, 21], [34, 23], [32, 23]]
    face[[30, 48, 54]] = [[23, 33], [15, 41], [31, 42]]
    mapped = map_landmarks(face, "ibug-68", "mtfl-5")
    assert np.allclose(mapped, [[13, 20], [33, 21], [23, 33], [15, 41], [31, 42]])


def test_98_to_68_by_hand():
    x = np.arange(98.0)
    mapped = map_landmarks(np.stack([x, 2 * x], axis=1), "wflw-98", "ibug-68")
    assert np.allclose(mapped[:, 1], 2 * mapped[:, 0])
    got = dict(enumerate(mapped[:, 0]))
    expected = {
        0: 0, 1: 2, 8: 16, 16: 32,  # every second jaw point
        17: 33, 18: (34 + 41) / 2, 21: (37 + 38) / 2, 22: (42 + 50) / 2, 25: (45 + 47) / 2, 26: 46,
        27: 51, 30: 54, 31: 55, 35: 59,
        36: 60, 37: (2 * 61 + 62) / 3, 38: (2 * 63 + 62) / 3, 39: 64, 40: (2 * 65 + 66) / 3, 41: (2 * 67 + 66) / 3,
        42: 68, 43: (2 * 69 + 70) / 3, 45: 72, 47: (2 * 75 + 74) / 3,
        48: 76, 54: 82, 60: 88, 67: 95,
    }  # fmt: skip
    assert all(np.isclose(got[i], value) for i, value in expected.items())


@pytest.mark.parametrize(
    ("source", "points"),
    [
        ("imm-frontal-73", [32, 33, 45, 46, 52]),
        ("youtu-88", [67.5, 83.5, 21, 34, 40]),  # the eyes are means of 64..71 and 80..87
        ("cofw-29", [16, 17, 20, 22, 23]),
        ("aflw-19", [7, 10, 13, 15, 17]),
        ("kaggle-15", [1, 0, 10, 12, 11]),  # the file's left_eye_center, point 0, is at image-right
        ("muct-76", [31, 36, 67, 48, 54]),
    ],
)
def test_five_points_by_hand(source, points):
    n = get_scheme(source).n_points
    mapped = map_landmarks(np.stack([np.arange(n), 3.0 * np.arange(n)], axis=1), source, "mtfl-5")
    assert np.allclose(mapped, np.stack([points, 3.0 * np.array(points)], axis=1))


def test_106_to_98_by_hand():
    numbers = np.arange(106.0)
    mapped = map_landmarks(np.stack([numbers, numbers], axis=1), "jd-106", "wflw-98")[:, 0]
    assert len(set(mapped)) == 98 and set(range(106)) - set(mapped) == {55, 56, 57, 63, 64, 65, 74, 83}
    got = dict(enumerate(mapped))
    expected = {0: 0, 32: 32, 33: 33, 46: 46, 54: 54, 55: 58, 59: 62, 60: 66, 67: 73, 68: 75, 72: 79, 75: 82, 76: 84,
                87: 95, 88: 96, 95: 103, 96: 104, 97: 105}  # fmt: skip
    assert {i: got[i] for i in expected} == expected


def test_missing_points_spread_only_where_they_count():
    face = some_faces(get_scheme("wflw-98"), n=1)[0]
    face[62, 0], face[33], face[1] = np.nan, np.inf, np.nan  # 62: lid middle; 33: brow end; 1: jaw, not used
    mapped = map_landmarks(face, "wflw-98", "ibug-68")
    missing = np.isnan(mapped)
    assert np.flatnonzero(missing.any(axis=1)).tolist() == [17, 37, 38]
    assert missing[37].tolist() == [True, False] and missing[17].all()
    whole = map_landmarks(some_faces(get_scheme("wflw-98"), n=1)[0], "wflw-98", "ibug-68")
    assert np.array_equal(mapped[~missing], whole[~missing])


def test_maps_take_stacks_and_leave_the_input_alone():
    faces = some_faces(get_scheme("ibug-68"), n=6).reshape(2, 3, 68, 2).astype(np.float32)
    before = faces.copy()
    mapped = map_landmarks(faces, "ibug-68", "mtfl-5")
    assert mapped.shape == (2, 3, 5, 2) and mapped.dtype == np.float64
    assert np.allclose(mapped[1, 2], map_landmarks(faces[1, 2], "ibug-68", "mtfl-5"))
    assert np.array_equal(faces, before)
    map_matrix("ibug-68", "mtfl-5")[:] = 7  # a copy
    assert np.allclose(map_matrix("ibug-68", "mtfl-5").sum(axis=1), 1)


def test_undefined_map_says_which_exist():
    with pytest.raises(UnknownNameError) as error:
        map_landmarks(np.zeros((5, 2)), "mtfl-5", "ibug-68")
    assert str(error.value) == (
        "no map from scheme 'mtfl-5' to 'ibug-68'; maps: ibug-68 -> ibug-51, ibug-49, mtfl-5, dlib-5; "
        "ibug-51 -> ibug-49, mtfl-5, dlib-5; ibug-49 -> mtfl-5, dlib-5; "
        "wflw-98 -> ibug-68, ibug-51, ibug-49, mtfl-5, dlib-5; "
        "imm-frontal-73 -> mtfl-5; youtu-88 -> mtfl-5; cofw-29 -> mtfl-5; aflw-19 -> mtfl-5; kaggle-15 -> mtfl-5; "
        "muct-76 -> mtfl-5; jd-106 -> wflw-98, ibug-68, ibug-51, ibug-49, mtfl-5, dlib-5"
    )


def test_map_refuses_another_schemes_points():
    with pytest.raises(DataError, match=r"wflw-98: the shape of landmarks is \(68, 2\); must be \(\.\.\., 98, 2\)"):
        map_landmarks(np.zeros((68, 2)), "wflw-98", "ibug-68")


@pytest.mark.parametrize(
    ("source", "target", "ends"),
    [
        ("wflw-98", "ibug-68", (36, 45)),
        ("ibug-68", "mtfl-5", (0, 1)),
        ("wflw-98", "mtfl-5", (0, 1)),
        ("youtu-88", "mtfl-5", (0, 1)),
        ("imm-frontal-73", "mtfl-5", (0, 1)),
    ],
)
def test_what_an_exact_answer_loses_is_that_of_synthetic_faces(source, target, ends):
    """The constants are those of 400 test faces; 60 training faces have nearly the same."""
    exact, truth = (
        fldbench.load_dataset("synthetic", None, "train", faces=60, scheme=name).landmarks for name in (source, target)
    )
    apart = np.linalg.norm(truth[:, ends[0]] - truth[:, ends[1]], axis=1)
    lost = np.linalg.norm(map_landmarks(exact, source, target) - truth, axis=2).mean(axis=1) / apart
    assert lost.mean() == pytest.approx(conversion_floor(source, target), rel=0.15, abs=2e-4)


def test_what_is_not_measured_is_not_known():
    assert conversion_floor("jd-106", "ibug-68") is None and conversion_floor("imm-58", "imm-58") == 0


def test_a_part_of_the_same_points_costs_nothing():
    for source, target in (("ibug-68", "ibug-51"), ("ibug-68", "ibug-49"), ("ibug-51", "ibug-49")):
        assert set(np.unique(map_matrix(source, target))) == {0, 1} and conversion_floor(source, target) == 0
