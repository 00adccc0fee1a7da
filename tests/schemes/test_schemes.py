"""Schemes: groups, mirror maps and eyes, by hand, by geometry and on real faces."""

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
    "youtu-88": 88, "cofw-29": 29, "aflw-19": 19, "kaggle-15": 15, "muct-76": 76, "helen-194": 194, "menpo-39": 39,
    "jd-106": 106, "webmorph-189": 189, "dlib-5": 5,
}  # fmt: skip

every_scheme = pytest.mark.parametrize("scheme", [get_scheme(name) for name in SIZES], ids=list(SIZES))
FRONTAL = [name for name in SIZES if name != "menpo-39"]
every_frontal = pytest.mark.parametrize("scheme", [get_scheme(name) for name in FRONTAL], ids=FRONTAL)


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
    assert sorted(i for group in scheme.regions.values() for i in group) == list(range(scheme.n_points))
    assert scheme.source


@every_scheme
def test_mirror_is_an_involution_that_swaps_left_and_right(scheme):
    mirror = np.array(scheme.mirror)
    assert np.array_equal(mirror[mirror], np.arange(scheme.n_points))
    for name, group in scheme.regions.items():
        assert {scheme.mirror[i] for i in group} == set(scheme.regions[other_side(name)]), name


@every_scheme
def test_edges_are_in_range_and_mirror_onto_themselves(scheme):
    edges = {frozenset(edge) for edge in scheme.edges}
    assert len(edges) == len(scheme.edges)
    assert all(len(edge) == 2 and edge <= set(range(scheme.n_points)) for edge in edges)
    assert {frozenset(scheme.mirror[i] for i in edge) for edge in edges} == edges


@every_frontal
def test_mirror_agrees_with_the_geometry_of_the_template(scheme):
    flipped = scheme.template * (-1, 1) + (1, 0)
    assert np.array_equal(flipped[list(scheme.mirror)], scheme.template)
    gaps = np.linalg.norm(flipped[:, None] - scheme.template[None], axis=2)  # second route: the point that it lands on
    assert np.array_equal(gaps.argmin(axis=1), scheme.mirror)
    assert np.sort(gaps, axis=1)[:, 1].min() > 0.01, "two points of the template fall together"
    fixed = [i for i in range(scheme.n_points) if scheme.mirror[i] == i]
    assert np.array_equal(fixed, np.flatnonzero(scheme.template[:, 0] == 0.5))
    assert np.all((scheme.template >= 0) & (scheme.template <= 1))


@every_frontal
def test_template_is_a_face(scheme):
    centre = {name: scheme.template[list(group)].mean(axis=0) for name, group in scheme.regions.items()}
    for name in centre:
        if name.startswith("left"):
            assert centre[name][0] < 0.5 < centre[other_side(name)][0]
    order = [("left_brow", "left_eye"), ("left_eye", "nose_base"), ("left_eye", "nose"), ("left_eye", "nose_tip"),
             ("nose_bridge", "nose_base"), ("nose_tip", "mouth"), ("nose", "mouth"),
             ("nose", "outer_lip"), ("nose_base", "outer_lip"), ("nose_tip", "nostrils"), ("mouth", "chin"),
             ("outer_lip", "chin")]  # fmt: skip
    for above, below in order:
        if above in centre and below in centre:
            assert centre[above][1] < centre[below][1], (above, below)
    below = [i for name in {"neck", "hair"} & set(scheme.regions) for i in scheme.regions[name]]
    lowest = np.where(np.isin(np.arange(scheme.n_points), below), 0, scheme.template[:, 1]).argmax()
    for name in {"jaw", "chin"} & set(scheme.regions):
        assert lowest in scheme.regions[name] and scheme.mirror[lowest] == lowest
    if "inner_lip" in scheme.regions:
        inner, outer = (scheme.template[list(scheme.regions[name])] for name in ("inner_lip", "outer_lip"))
        assert np.all(inner.min(axis=0) > outer.min(axis=0)) and np.all(inner.max(axis=0) < outer.max(axis=0))


@every_frontal
def test_eyes_are_eyes(scheme):
    left, right = scheme.eye_points
    assert set(left) <= set(scheme.regions["left_eye"]) and set(right) <= set(scheme.regions["right_eye"])
    assert {scheme.mirror[i] for i in left} == set(right)
    x = scheme.template[:, 0]
    centres = [x[list(scheme.regions[name])].mean() for name in ("left_eye", "right_eye")]
    assert np.allclose([x[list(eye)].mean() for eye in (left, right)], centres, atol=0.001)
    if scheme.outer_eye_corners is None:
        assert scheme.name == "mtfl-5"
    else:
        corner_left, corner_right = scheme.outer_eye_corners
        assert corner_left == min(scheme.regions["left_eye"], key=lambda i: x[i])
        assert corner_right == max(scheme.regions["right_eye"], key=lambda i: x[i])
    has_pupils = scheme.name in ("wflw-98", "imm-frontal-73", "cofw-29", "muct-76", "jd-106", "webmorph-189")
    assert (scheme.pupils is not None) == has_pupils
    if has_pupils:
        assert scheme.pupils == scheme.regions["left_pupil"] + scheme.regions["right_pupil"]
    for pair in (scheme.outer_eye_corners, scheme.pupils):
        assert pair is None or scheme.mirror[pair[0]] == pair[1]


def test_a_profile_keeps_its_numbers_when_mirrored():
    profile = get_scheme("menpo-39")
    assert profile.mirror == tuple(range(39))
    assert profile.eye_points is profile.outer_eye_corners is profile.pupils is None
    turned = profile.flip(profile.template * 99, 100)
    assert np.allclose(turned + profile.template * (99, -99), (99, 0))  # faces the other way, point for point
    nose, jaw = profile.regions["nose_bridge"], profile.regions["jaw"]
    x, y = profile.template.T
    assert x.argmax() == nose[-1] and x.argmin() == jaw[0] and y.argmax() == 9  # tip of the nose, ear, chin
    rows = [y[list(profile.regions[name])].mean() for name in ("brow", "eye", "nose_base", "outer_lip")]
    assert rows == sorted(rows)
    gaps = np.linalg.norm(profile.template[:, None] - profile.template, axis=2) + np.eye(39)
    assert gaps.min() > 0.01 and profile.template.min() >= 0 and profile.template.max() <= 1


def test_points_of_kaggle_are_named_from_the_persons_side():
    """The file's left_... columns lie at image-right: 0, 2, 3, 6, 7, 11."""
    scheme = get_scheme("kaggle-15")
    assert set(scheme.regions["right_eye"] + scheme.regions["right_brow"]) == {0, 2, 3, 6, 7}
    assert np.flatnonzero(scheme.template[:, 0] > 0.5).tolist() == [0, 2, 3, 6, 7, 11]


def test_eye_indices_known_from_the_benchmarks():
    corners = {name: get_scheme(name).outer_eye_corners for name in SIZES}
    assert corners == {
        "ibug-68": (36, 45), "ibug-51": (19, 28), "ibug-49": (19, 28), "mtfl-5": None, "wflw-98": (60, 72),
        "imm-58": (21, 13), "imm-frontal-73": (16, 24), "youtu-88": (64, 80), "cofw-29": (8, 9), "aflw-19": (6, 11),
        "kaggle-15": (5, 3), "muct-76": (27, 32), "helen-194": (144, 124), "menpo-39": None, "jd-106": (66, 79),
        "webmorph-189": (18, 27), "dlib-5": (2, 0),
    }  # fmt: skip
    assert get_scheme("ibug-68").eye_points == (tuple(range(36, 42)), tuple(range(42, 48)))
    assert get_scheme("mtfl-5").eye_points == ((0,), (1,))
    assert get_scheme("aflw-19").eye_points == ((7,), (10,)) and get_scheme("kaggle-15").eye_points == ((1,), (0,))
    assert get_scheme("jd-106").eye_points == (tuple(range(66, 74)), tuple(range(75, 83)))
    pupils = {
        name: get_scheme(name).pupils
        for name in ("wflw-98", "imm-frontal-73", "cofw-29", "muct-76", "jd-106", "webmorph-189")
    }
    assert list(pupils.values()) == [(96, 97), (32, 33), (16, 17), (31, 36), (104, 105), (0, 1)]


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
        ("cofw-29", [(0, 1), (2, 3), (4, 6), (5, 7), (8, 9), (10, 11), (12, 14), (13, 15), (16, 17), (18, 19),
                     (22, 23)], [20, 21, 24, 25, 26, 27, 28]),
        ("aflw-19", [(0, 5), (1, 4), (2, 3), (6, 11), (7, 10), (8, 9), (12, 14), (15, 17)], [13, 16, 18]),
        ("kaggle-15", [(0, 1), (2, 4), (3, 5), (6, 8), (7, 9), (11, 12)], [10, 13, 14]),
        ("muct-76", [(0, 14), (15, 21), (20, 26), (27, 32), (31, 36), (37, 45), (40, 42), (46, 47), (48, 54), (55, 59),
                     (60, 62), (63, 65), (68, 72), (71, 75)], [7, 41, 51, 57, 61, 64, 66, 67]),
        ("helen-194", [(0, 40), (19, 21), (41, 57), (48, 50), (58, 72), (64, 66), (73, 85), (86, 100), (101, 113),
                       (114, 134), (124, 144), (133, 153), (154, 174), (164, 184), (173, 193)],
         [20, 49, 65, 79, 93, 107]),
        ("jd-106", [(0, 32), (33, 46), (37, 42), (38, 50), (41, 47), (55, 65), (59, 61), (66, 79), (70, 75), (71, 82),
                    (74, 83), (84, 90), (91, 95), (96, 100), (101, 103), (104, 105)],
         [16, 51, 54, 60, 87, 93, 98, 102]),
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
    assert {(65, 60), (64, 65), (46, 67), (67, 47), (71, 27)} <= set(get_scheme("muct-76").edges)
    assert not {i for edge in get_scheme("muct-76").edges for i in edge} & {31, 36, 66}
    assert {(73, 66), (82, 75)} <= set(get_scheme("jd-106").edges)
    assert not {i for edge in get_scheme("jd-106").edges for i in edge} & {74, 83, 104, 105}
    assert {(20, 21), (22, 23), (25, 26)} <= set(get_scheme("menpo-39").edges)  # no outline of a profile is closed
    assert len(get_scheme("menpo-39").edges) == 39 - 7
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
    with pytest.raises(DataError, match=r"ibug-68: the shape of landmarks is \(3, 51, 2\); must be \(\.\.\., 68, 2\)"):
        get_scheme("ibug-68").flip(np.zeros((3, 51, 2)), 100)


def test_unknown_names():
    with pytest.raises(UnknownNameError) as error:
        get_scheme("ibug68")
    assert str(error.value) == (
        "no scheme named 'ibug68'; did you mean 'ibug-68'? (see `fldbench list schemes`); or bring "
        "your own with register_scheme, --schemes or `schemes:` in a suite"
    )
    with pytest.raises(UnknownNameError, match=r"no scheme named 'zzz'; known: .*wflw-98.* \(see `fld"):
        map_matrix("ibug-68", "zzz")
    with pytest.raises(UnknownNameError, match="no scheme named 'zzz'"):
        map_landmarks(np.zeros((68, 2)), "zzz", "ibug-68")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"regions": {"left_eye": (0,), "right_eye": (1,), "mouth": (3, 4)}}, "must be in exactly one region"),
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
    for group in map(list, scheme.regions.values()):
        centred = mean[group] - mean[group].mean(axis=0)
        others = [np.roll(group, k)[::step] for k in range(len(group)) for step in (1, -1)]
        costs = [np.linalg.norm(template[o] - template[o].mean(axis=0) - centred, axis=1).sum() for o in others]
        assert np.array_equal(others[int(np.argmin(costs))], group)
