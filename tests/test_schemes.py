"""Schemes: groups, mirror maps and maps between numberings, by hand, by geometry and on real faces."""

import dataclasses
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from fldbench.errors import DataError, UnknownNameError
from fldbench.schemes import get_scheme, list_schemes, map_landmarks, map_matrix

SIZES = {
    "ibug-68": 68, "ibug-51": 51, "ibug-49": 49, "mtfl-5": 5, "wflw-98": 98, "imm-58": 58, "imm-frontal-73": 73,
    "youtu-88": 88,
}  # fmt: skip
MAPS = [
    (a, b)
    for chain in [("wflw-98", "ibug-68", "ibug-51", "ibug-49", "mtfl-5")]
    for i, a in enumerate(chain)
    for b in chain[i:]
]

every_scheme = pytest.mark.parametrize("scheme", [get_scheme(name) for name in SIZES], ids=list(SIZES))
every_map = pytest.mark.parametrize(("source", "target"), MAPS)


def other_side(group):
    swap = {"left": "right", "right": "left"}
    side, _, rest = group.partition("_")
    return f"{swap[side]}_{rest}" if side in swap else group


def some_faces(scheme, n=3, seed=0):
    """Templates, moved by a few px: (n, L, 2) on a 200 px image."""
    noise = np.random.default_rng(seed).normal(0, 4, (n, scheme.n_points, 2))
    return 200 * scheme.template + noise


def test_list_schemes_names_all_in_order():
    assert list_schemes() == list(SIZES)


@every_scheme
def test_size_and_partition(scheme):
    assert scheme.n_points == SIZES[scheme.name] == len(scheme.template)
    assert scheme.name.endswith(f"-{scheme.n_points}")
    assert sorted(i for group in scheme.groups.values() for i in group) == list(range(scheme.n_points))
    assert scheme.source


@every_scheme
def test_mirror_is_an_involution_that_swaps_left_and_right(scheme):
    mirror = np.array(scheme.mirror)
    assert np.array_equal(mirror[mirror], np.arange(scheme.n_points))
    for name, group in scheme.groups.items():
        assert {scheme.mirror[i] for i in group} == set(scheme.groups[other_side(name)]), name


@every_scheme
def test_edges_are_in_range_and_mirror_onto_themselves(scheme):
    edges = {frozenset(edge) for edge in scheme.edges}
    assert len(edges) == len(scheme.edges)
    assert all(len(edge) == 2 and edge <= set(range(scheme.n_points)) for edge in edges)
    assert {frozenset(scheme.mirror[i] for i in edge) for edge in edges} == edges


@every_scheme
def test_mirror_agrees_with_the_geometry_of_the_template(scheme):
    flipped = scheme.template * (-1, 1) + (1, 0)
    assert np.array_equal(flipped[list(scheme.mirror)], scheme.template)
    gaps = np.linalg.norm(flipped[:, None] - scheme.template[None], axis=2)  # second route: the point that it lands on
    assert np.array_equal(gaps.argmin(axis=1), scheme.mirror)
    assert np.sort(gaps, axis=1)[:, 1].min() > 0.01, "two points of the template fall together"
    fixed = [i for i in range(scheme.n_points) if scheme.mirror[i] == i]
    assert np.array_equal(fixed, np.flatnonzero(scheme.template[:, 0] == 0.5))
    assert np.all((scheme.template >= 0) & (scheme.template <= 1))


@every_scheme
def test_template_is_a_face(scheme):
    centre = {name: scheme.template[list(group)].mean(axis=0) for name, group in scheme.groups.items()}
    for name in centre:
        if name.startswith("left"):
            assert centre[name][0] < 0.5 < centre[other_side(name)][0]
    order = [("left_brow", "left_eye"), ("left_eye", "nose_base"), ("left_eye", "nose"), ("left_eye", "nose_tip"),
             ("nose_bridge", "nose_base"), ("nose_tip", "mouth"), ("nose", "outer_lip"),
             ("nose_base", "outer_lip")]  # fmt: skip
    for above, below in order:
        if above in centre and below in centre:
            assert centre[above][1] < centre[below][1], (above, below)
    if "jaw" in scheme.groups:
        chin = scheme.template[:, 1].argmax()
        assert chin in scheme.groups["jaw"] and scheme.mirror[chin] == chin
    if "inner_lip" in scheme.groups:
        inner, outer = (scheme.template[list(scheme.groups[name])] for name in ("inner_lip", "outer_lip"))
        assert np.all(inner.min(axis=0) > outer.min(axis=0)) and np.all(inner.max(axis=0) < outer.max(axis=0))


@every_scheme
def test_eyes_are_eyes(scheme):
    left, right = scheme.eye_points
    assert set(left) == set(scheme.groups["left_eye"]) and set(right) == set(scheme.groups["right_eye"])
    if scheme.outer_eye_corners is None:
        assert scheme.name == "mtfl-5"
    else:
        corner_left, corner_right = scheme.outer_eye_corners
        x = scheme.template[:, 0]
        assert corner_left == min(left, key=lambda i: x[i]) and corner_right == max(right, key=lambda i: x[i])
    has_pupils = scheme.name in ("wflw-98", "imm-frontal-73")
    assert (scheme.pupils is not None) == has_pupils
    if has_pupils:
        assert scheme.pupils == scheme.groups["left_pupil"] + scheme.groups["right_pupil"]
    for pair in (scheme.outer_eye_corners, scheme.pupils):
        assert pair is None or scheme.mirror[pair[0]] == pair[1]


def test_eye_indices_known_from_the_benchmarks():
    corners = {name: get_scheme(name).outer_eye_corners for name in SIZES}
    assert corners == {
        "ibug-68": (36, 45), "ibug-51": (19, 28), "ibug-49": (19, 28), "mtfl-5": None, "wflw-98": (60, 72),
        "imm-58": (21, 13), "imm-frontal-73": (16, 24), "youtu-88": (64, 80),
    }  # fmt: skip
    assert get_scheme("ibug-68").eye_points == (tuple(range(36, 42)), tuple(range(42, 48)))
    assert get_scheme("mtfl-5").eye_points == ((0,), (1,))
    assert get_scheme("wflw-98").pupils == (96, 97) and get_scheme("imm-frontal-73").pupils == (32, 33)


@pytest.mark.parametrize(
    ("name", "pairs", "fixed"),
    [
        ("ibug-68", [(0, 16), (17, 26), (31, 35), (36, 45), (41, 46), (48, 54), (59, 55), (60, 64), (67, 65)],
         [8, 30, 66]),
        ("ibug-51", [(0, 9), (14, 18), (31, 37), (43, 47)], [10, 34, 49]),
        ("ibug-49", [(0, 9), (31, 37), (43, 45), (48, 46)], [44, 47]),
        ("wflw-98", [(33, 46), (38, 50), (41, 47), (60, 72), (67, 73), (88, 92), (96, 97)], [16, 57, 90, 94]),
        ("imm-58", [(0, 12), (13, 21), (17, 25), (29, 34), (39, 43), (47, 57)], [6, 41, 45, 52]),
        ("imm-frontal-73", [(0, 8), (1, 15), (7, 9), (20, 28), (34, 44), (56, 58)], [39, 45, 49, 54, 57, 60, 67]),
        ("youtu-88", [(0, 20), (23, 33), (34, 40), (46, 50), (51, 55), (56, 72), (61, 77), (64, 80)],
         [10, 21, 22, 28, 37]),
    ],
)  # fmt: skip
def test_some_mirror_pairs_by_hand(name, pairs, fixed):
    mirror = get_scheme(name).mirror
    assert all(mirror[a] == b and mirror[b] == a for a, b in pairs)
    assert all(mirror[i] == i for i in fixed)


def test_edges_by_hand():
    edges = set(get_scheme("imm-frontal-73").edges)
    assert {(0, 1), (7, 0), (55, 46), (56, 57), (57, 58), (59, 60)} <= edges
    assert not edges & {(58, 59), (61, 56), (44, 34), (72, 62)}
    assert {(48, 43), (31, 32)} <= set(get_scheme("ibug-49").edges)  # the inner lip closes over the corner left out
    assert len(get_scheme("ibug-68").edges) == 16 + 4 + 4 + 3 + 4 + 6 + 6 + 12 + 8


@every_scheme
def test_flip_twice_is_identity_and_leaves_the_input_alone(scheme):
    faces = some_faces(scheme)
    before = faces.copy()
    flipped = scheme.flip(faces, 200)
    assert np.allclose(scheme.flip(flipped, 200), faces, atol=1e-9)
    assert np.array_equal(faces, before) and not np.shares_memory(flipped, faces)
    for one, face in zip(flipped, faces, strict=True):  # second route: point by point, for one face
        expected = [(199 - face[j, 0], face[j, 1]) for j in scheme.mirror]
        assert np.allclose(one, expected, atol=1e-9)
        assert np.allclose(scheme.flip(face, 200), one)


def test_flip_follows_the_pixels():
    image = np.zeros((4, 6), int)
    face = np.array([[0, 1], [5, 1], [2, 2], [1, 3], [4, 3]])  # x, y on whole pixels
    image[face[:, 1], face[:, 0]] = [1, 2, 3, 4, 5]
    mirrored = get_scheme("mtfl-5").flip(face, width=6)
    x, y = mirrored.astype(int).T
    assert image[:, ::-1][y, x].tolist() == [2, 1, 3, 5, 4]


def test_flip_keeps_float32_and_nan():
    scheme = get_scheme("mtfl-5")
    face = np.full((5, 2), 3, np.float32)
    face[3] = np.nan
    flipped = scheme.flip(face, 10)
    assert flipped.dtype == np.float32
    assert np.isnan(flipped).all(axis=1).tolist() == [False, False, False, False, True]
    assert scheme.flip(np.zeros((5, 2), int), 10).dtype == np.float64


def test_flip_refuses_another_schemes_points():
    with pytest.raises(DataError, match=r"landmarks of ibug-68 must be \(\.\.\., 68, 2\), got \(3, 51, 2\)"):
        get_scheme("ibug-68").flip(np.zeros((3, 51, 2)), 100)


@every_map
def test_maps_are_averages(source, target):
    weights = map_matrix(source, target)
    assert weights.shape == (SIZES[target], SIZES[source])
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
    """The template mapped is the target's template: exact for subsets, near for WFLW's lids and brows."""
    gap = np.abs(map_landmarks(get_scheme(source).template, source, target) - get_scheme(target).template).max()
    assert gap <= (0.02 if "mtfl-5" in (source, target) or source == "wflw-98" else 1e-12)


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


def test_unknown_names():
    with pytest.raises(UnknownNameError) as error:
        get_scheme("ibug68")
    assert str(error.value) == "no scheme named 'ibug68'; did you mean 'ibug-68'? (see `fldbench list schemes`)"
    with pytest.raises(UnknownNameError, match=r"no scheme named 'zzz'; known: .*wflw-98.* \(see `fld"):
        map_matrix("ibug-68", "zzz")
    with pytest.raises(UnknownNameError, match="no scheme named 'zzz'"):
        map_landmarks(np.zeros((68, 2)), "zzz", "ibug-68")


def test_undefined_map_says_which_exist():
    with pytest.raises(UnknownNameError) as error:
        map_landmarks(np.zeros((5, 2)), "mtfl-5", "ibug-68")
    assert str(error.value) == (
        "no map from scheme 'mtfl-5' to 'ibug-68'; maps: ibug-68 -> ibug-51, ibug-49, mtfl-5; "
        "ibug-51 -> ibug-49, mtfl-5; ibug-49 -> mtfl-5; wflw-98 -> ibug-68, ibug-51, ibug-49, mtfl-5"
    )


def test_map_refuses_another_schemes_points():
    with pytest.raises(DataError, match=r"landmarks of wflw-98 must be \(\.\.\., 98, 2\), got \(68, 2\)"):
        map_landmarks(np.zeros((68, 2)), "wflw-98", "ibug-68")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": {"left_eye": (0,), "right_eye": (1,), "mouth": (3, 4)}}, "must be in exactly one group"),
        ({"mirror": (1, 2, 0, 4, 3)}, "must swap points in pairs"),
        ({"mirror": (1, 1, 2, 4, 3)}, "must swap points in pairs"),
        ({"edges": ((0, 5),)}, r"outside 0\.\.4"),
        ({"pupils": (0, 9)}, r"outside 0\.\.4"),
        ({"template": np.zeros((4, 2))}, r"template must be \(5, 2\), got \(4, 2\)"),
    ],
)
def test_a_scheme_that_contradicts_itself_is_refused(change, message):
    with pytest.raises(DataError, match=f"scheme 'mtfl-5': .*{message}"):
        dataclasses.replace(get_scheme("mtfl-5"), **change)


@every_scheme
def test_schemes_are_values(scheme):
    copy = pickle.loads(pickle.dumps(scheme))
    assert copy == scheme and hash(copy) == hash(scheme) and np.array_equal(copy.template, scheme.template)
    with pytest.raises(dataclasses.FrozenInstanceError):
        scheme.name = "other"
    with pytest.raises(ValueError, match="read-only"):
        scheme.template[0] = 0


# ---- real faces ----------------------------------------------------------------------------------------------------


def data_folder(name):
    root = os.environ.get("FLDBENCH_DATA")
    if not root:
        pytest.skip("FLDBENCH_DATA is not set: no real faces to measure on")
    folder = Path(root) / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there")
    return folder


def read_pts(path):
    inside = path.read_text().split("{")[1].split("}")[0]
    return np.array(inside.split(), float).reshape(-1, 2) - 1


def read_asf(path, size=(400, 300)):
    rows = [line.split() for line in path.read_text(errors="replace").splitlines() if line.strip() and line[0] != "#"]
    return np.array([row[2:4] for row in rows[1 : 1 + int(rows[0][0])]], float) * size


def align(shape, target):
    """shape (L, 2) moved by the similarity (no reflection) that brings it nearest to target."""
    a, b = shape - shape.mean(axis=0), target - target.mean(axis=0)
    u, s, v = np.linalg.svd(a.T @ b)
    keep = np.diag([1, np.sign(np.linalg.det(u @ v))])
    return a @ (u @ keep @ v) * (s * np.diag(keep)).sum() / (a**2).sum() + target.mean(axis=0)


def mean_shape(shapes):
    mean = shapes[0]
    for _ in range(3):
        mean = np.mean([align(shape, mean) for shape in shapes], axis=0)
    return mean


@pytest.mark.parametrize(
    ("name", "folder", "pattern", "read", "limit"),
    [
        ("ibug-68", "300w", "afw/*.pts", read_pts, 0.06),
        ("imm-frontal-73", "imm_frontal", "*.asf", read_asf, 0.03),
    ],
)
def test_mean_of_real_faces_is_nearly_its_own_mirror_image(name, folder, pattern, read, limit):
    scheme = get_scheme(name)
    paths = sorted(data_folder(folder).glob(pattern))
    shapes = [read(path) for path in paths[:: max(1, len(paths) // 50)][:50]]
    assert len(shapes) == 50 and {shape.shape for shape in shapes} == {(scheme.n_points, 2)}
    mean = mean_shape(shapes)
    left, right = (mean[list(points)].mean(axis=0) for points in scheme.eye_points)
    assert left[0] < right[0]
    eyes = np.linalg.norm(right - left)
    asymmetry = np.linalg.norm(align(scheme.flip(mean, 0), mean) - mean, axis=1) / eyes
    assert asymmetry.max() < limit
    # a wrong order within a group would fit the template worse than the stated one
    template = align(scheme.template, mean)
    for group in map(list, scheme.groups.values()):
        centred = mean[group] - mean[group].mean(axis=0)
        others = [np.roll(group, k)[::step] for k in range(len(group)) for step in (1, -1)]
        costs = [np.linalg.norm(template[o] - template[o].mean(axis=0) - centred, axis=1).sum() for o in others]
        assert np.array_equal(others[int(np.argmin(costs))], group)
