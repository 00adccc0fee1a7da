"""Which scheme annotated points follow: the right one for every scheme, none for other numberings, with reasons."""

import numpy as np
import pytest
from face_sets import shapes

import fldbench
from fldbench.errors import DataError
from fldbench.schemes import fit_to, get_scheme, list_schemes, map_landmarks, recognise
from fldbench.schemes.recognise import mirrored_faces

FRONTAL = [name for name in list_schemes() if not get_scheme(name).shows_one_side]


def numberings(scheme):
    """Orders of points that are none of the scheme: shifted, reversed, mirrored, eyes exchanged, at random."""
    n, mirror = scheme.n_points, list(scheme.mirror)
    yield "shifted", np.roll(np.arange(n), 1)
    yield "mirrored", np.array(mirror)
    yield "random", np.random.default_rng(n).permutation(n)
    if scheme.eye_points:
        pair, eyes = [i for eye in scheme.eye_points for i in eye], np.arange(n)
        eyes[pair] = np.array(mirror)[pair]
        yield "eyes", eyes


@pytest.mark.parametrize("name", list_schemes())
def test_faces_of_every_scheme_are_recognised(name):
    faces = shapes(40, scheme=get_scheme(name))
    fit = recognise(faces)
    assert fit.scheme == name and fit.residual < 0.1 and fit.faces == 40
    assert recognise(faces[:1]).scheme == name
    holes = faces.copy()
    holes[np.random.default_rng(1).random(holes.shape[:2]) < 0.1] = np.nan
    assert recognise(holes).scheme == name


@pytest.mark.parametrize("name", FRONTAL)
def test_other_numberings_and_mirrored_images_are_not(name):
    scheme, faces = get_scheme(name), shapes(40, scheme=get_scheme(name))
    for what, order in numberings(scheme):
        if not np.array_equal(order, np.arange(len(order))):
            assert not fit_to(faces[:, order], scheme).good, what
    for turned in (faces * (-1, 1), faces * (1, -1), -faces, faces[..., ::-1]):
        assert not fit_to(turned, scheme).good


OTHER_68 = {  # ibug-68 with some points numbered otherwise, as other tools number them
    "eyes from the inner corner": [*range(36), 39, 40, 41, 36, 37, 38, *range(42, 68)],
    "eyes the other way round": [*range(36), *range(41, 35, -1), *range(47, 41, -1), *range(48, 68)],
    "brows from inside": [*range(17), *range(21, 16, -1), *range(26, 21, -1), *range(27, 68)],
    "nose from the right": [*range(31), *range(35, 30, -1), *range(36, 68)],
    "lips from the next point": [*range(48), *range(49, 60), 48, *range(60, 68)],
    "inner lips from the next point": [*range(60), *range(61, 68), 60],
}


@pytest.mark.parametrize("what", OTHER_68)
def test_another_numbering_of_a_few_points_is_not_the_scheme(what):
    faces, order = shapes(40, scheme=get_scheme("ibug-68")), np.array(OTHER_68[what])
    fit = fit_to(faces[:, order], "ibug-68")
    assert not fit.good and set(fit.otherwise) == set(np.flatnonzero(order != np.arange(68)).tolist())
    with pytest.raises(DataError, match=rf"but points {fit.otherwise[0]}, .* lie where others belong"):
        recognise(faces[:, order])
    assert fit_to(faces, "ibug-68").otherwise == ()


@pytest.mark.parametrize("name", ["ibug-68", "mtfl-5", "wflw-98"])
def test_a_few_mirrored_faces_among_right_ones_are_refused(name):
    scheme, faces = get_scheme(name), shapes(40, scheme=get_scheme(name))
    faces[[3, 17]] *= (-1, 1)  # the images were mirrored and not numbered again
    faces[29] = faces[29, list(scheme.mirror)]
    assert fit_to(faces, name).good and mirrored_faces(faces, name).tolist() == [3, 17, 29]
    with pytest.raises(
        DataError, match=rf"3 of 40 faces \(from 0: 3, 17, 29\) only with .*give scheme='{name}' to take"
    ):
        recognise(faces)
    faces = shapes(40, scheme=scheme)
    assert len(mirrored_faces(faces, name)) == 0
    faces[4, 2:] = np.nan  # two points fit in either order
    assert len(mirrored_faces(faces, name)) == 0


def test_profiles_may_look_to_either_side():
    faces = shapes(20, scheme=get_scheme("menpo-39"))
    faces[::2] *= (-1, 1)
    assert recognise(faces).scheme == "menpo-39"
    assert not fit_to(faces[:, ::-1], "menpo-39").good


def test_five_points_of_dlib_and_of_mtfl_are_told_apart():
    head = fldbench.load_dataset("synthetic", split="test", faces=12).landmarks
    corners, centres = map_landmarks(head, "ibug-68", "dlib-5"), map_landmarks(head, "ibug-68", "mtfl-5")
    assert np.array_equal(corners, head[:, [45, 42, 36, 39, 33]])
    assert (recognise(corners).scheme, recognise(centres).scheme) == ("dlib-5", "mtfl-5")
    assert not fit_to(corners, "mtfl-5").good and not fit_to(centres, "dlib-5").good


def test_a_refusal_says_what_was_compared_and_what_to_do():
    faces = shapes(12, scheme=get_scheme("mtfl-5"))
    with pytest.raises(DataError) as error:
        recognise(faces[:, [1, 0, 2, 4, 3]], "points.csv", 1)
    text = str(error.value)
    assert text.startswith("points.csv, line 1: 5 points per face; they could be mtfl-5 (residual ")
    assert "or dlib-5 (residual " in text and "; a fit is at most 25 %" in text
    assert "with left and right exchanged they fit mtfl-5" in text
    assert "give scheme='mtfl-5' or scheme='dlib-5', or register your own scheme (register_scheme" in text
    with pytest.raises(DataError, match=r"at most 25 % \(2 faces may be too few\)"):
        recognise(faces[:2, ::-1] * (1, -1))
    with pytest.raises(DataError, match=r"^3 points per face; no scheme has that number; give scheme='\.\.\.', one of"):
        recognise(faces[:, :3])
    with pytest.raises(DataError, match=r"mtfl-5 \(too few points to compare\)"):
        recognise(np.full((3, 5, 2), np.nan))
    upside_down = -faces
    with pytest.raises(DataError, match=r"mtfl-5 \(residual \d+ %, upside down\)"):
        recognise(upside_down)


def test_a_tongue_is_no_face():
    angle = np.linspace(0.2, np.pi - 0.2, 19)
    tongue = 100 + 40 * np.stack([np.cos(angle), np.sin(angle)], axis=1)[None]
    with pytest.raises(DataError, match=r"19 points per face; they could be aflw-19 \(residual \d\d %\)"):
        recognise(tongue)


def test_numbers_beyond_any_image_are_missing_points():
    faces = shapes(5, scheme=get_scheme("mtfl-5"))
    faces[0, 0] = 1e308
    faces[1, 1] = np.inf
    assert recognise(faces).scheme == "mtfl-5"
