"""Schemes of one's own: made, registered, read from YAML; mirror pairs guessed from faces."""

import numpy as np
import pytest
from face_sets import shapes

import fldbench
from fldbench.errors import DataError
from fldbench.schemes import (
    Scheme,
    get_scheme,
    guess_mirror,
    identity_of,
    list_schemes,
    make_scheme,
    own_schemes,
    read_schemes,
    recognise,
    register_scheme,
)


def test_a_count_is_enough():
    scheme = fldbench.register_scheme("coin-8", 8)
    assert get_scheme("coin-8") is scheme and "coin-8" in list_schemes() and own_schemes() == {"coin-8": scheme}
    assert (scheme.n_points, scheme.mirror, scheme.eye_points, scheme.template) == (8, None, None, None)
    assert dict(scheme.regions) == {"points": tuple(range(8))} and not scheme.shows_one_side
    with pytest.raises(DataError, match=r"scheme 'coin-8' does not say which points are mirror images; give its mir"):
        scheme.flip(np.zeros((8, 2)), 10)


def test_everything_can_be_given_by_names_or_numbers():
    names = ["eye_l", "eye_r", "nose", "mouth_l", "mouth_r"]
    shape = get_scheme("mtfl-5").template
    by_name = make_scheme("my-5", names=names, mirror=[("eye_l", "eye_r"), ("mouth_l", "mouth_r")],
                          eyes=[["eye_l"], ["eye_r"]], outer_eye_corners=["eye_l", "eye_r"],
                          edges=[("eye_l", "nose")], template=shape.tolist(), source="me")  # fmt: skip
    by_number = make_scheme("my-5", 5, names=names, mirror=[(0, 1), (4, 3)], eyes=[[0], [1]],
                            outer_eye_corners=(0, 1), edges=[(0, 2)], template=shape)  # fmt: skip
    assert by_name.digest == by_number.digest and by_name.names == tuple(names)
    assert by_name.mirror == (1, 0, 2, 4, 3) and by_name.edges == ((0, 2),)
    assert dict(by_name.regions) == {"left_eye": (0,), "right_eye": (1,), "points": (2, 3, 4)}
    assert Scheme.from_dict(by_name.to_dict()).digest == by_name.digest


def test_a_scheme_is_registered_once_by_its_content():
    first = register_scheme("my-3", 3)
    assert register_scheme("my-3", 3) is first and register_scheme(make_scheme("my-3", 3, source="other")) is first
    with pytest.raises(
        DataError, match=r"scheme 'my-3' is known already with 3 points, not 4; two schemes of one name"
    ):
        register_scheme("my-3", 4)
    with pytest.raises(DataError, match=r"'my-3' is known already with other mirror; .* choose another name"):
        register_scheme("my-3", 3, mirror=[(0, 1)])
    with pytest.raises(DataError, match=r"scheme 'ibug-68' is known already with 68 points, not 9"):
        register_scheme("ibug-68", 9)
    register_scheme(get_scheme("ibug-68"))
    with pytest.raises(DataError, match="scheme 'ibug-68' is a Scheme already; other arguments go with a name alone"):
        register_scheme(get_scheme("ibug-68"), 68)
    assert identity_of("my-3") == f"my-3 {first.digest}" and identity_of("ibug-68") == "ibug-68"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "points is None; must be a whole number from 1"),
        ({"points": 0}, "points is 0; must be a whole number from 1"),
        ({"points": True}, "points is True; must be a whole number"),
        ({"points": 3, "mirror": [(0, 3)]}, "a point is 3; must be a number from 0 to 2, or a name"),
        ({"points": 3, "mirror": [(0, 1), (1, 2)]}, "point 1 is in two mirror pairs"),
        ({"points": 3, "mirror": ["ab"]}, "mirror is 'ab'; must be a list of two points"),
        ({"points": 3, "eyes": [[0]]}, "must be two lists of points"),
        ({"names": [["a"], "b"]}, "names is [['a'], 'b']; must be a list of strings"),
        ({"names": ["a", "a"]}, "names must be 2 different ones"),
        ({"points": 3, "names": ["a", "b"]}, "names must be 3 different ones"),
        ({"points": 2, "template": [[0, 0], [0, 0]]}, "must be 2 pairs of numbers x, y, not all in one place"),
        ({"points": 2, "template": "round"}, "template is 'round'; must be 2 pairs"),
        ({"points": 2, "regions": {"a": [0, 1, 1]}}, "every point 0..2 must be in exactly one region"),
        ({"points": 2, "edges": [(0, 5)]}, "a point is 5; must be a number from 0 to 1"),
    ],
)
def test_bad_tables_are_refused(arguments, message):
    with pytest.raises(DataError) as error:
        make_scheme("mine", **arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"edges": [[0, 1, 2]]}, "pupils must be pairs of points"),
        ({"outer_eye_corners": [0]}, "pupils must be pairs of points"),
        ({"pupils": []}, "pupils must be pairs of points"),
        ({"eye_points": [[0], [1], [2]]}, "and eyes two lists of points"),
        ({"eye_points": [[], [1]]}, "and eyes two lists of points"),
        ({"regions": {"points": [0.0, 1.0, 2.0]}}, "'float' object"),
        ({"edges": [["0", "1"]]}, "'str' object"),
        ({"mirror": 3}, "TypeError"),
        ({"names": [1, 2, 3]}, "names is [1, 2, 3]; must be a list of strings"),
        ({"names": [[], [], []]}, "must be a list of strings"),
        ({"name": "a\nb"}, "its name is 'a\\nb'; must be a printable string"),
        ({"name": 7}, "its name is 7; must be a printable string"),
    ],
)
def test_a_scheme_in_a_file_is_checked_like_one_that_is_made(change, message):
    good = make_scheme("mine-3", 3, mirror=[(0, 1)]).to_dict()
    assert Scheme.from_dict(good).mirror == (1, 0, 2)
    with pytest.raises(DataError, match="not a scheme that fldbench wrote") as error:
        Scheme.from_dict(good | change)
    assert message in str(error.value)


def test_yaml_files(tmp_path):
    path = tmp_path / "own.yaml"
    path.write_text(
        "schemes:\n  coin: 8\n  iris: [left, right, top]\n  eyes-12:\n    points: 12\n    mirror: [[0, 6]]\n"
    )
    coin, iris, eyes = read_schemes(path)
    assert (coin.n_points, iris.names, eyes.mirror[:7]) == (8, ("left", "right", "top"), (6, 1, 2, 3, 4, 5, 0))
    path.write_text("coin: 8\n")
    assert [one.name for one in read_schemes(path)] == ["coin"]
    for text, message in (
        ("a: {point: 8}", r"own\.yaml, line 1: a: no key 'point'; did you mean 'points'\?"),
        ("a: {points: 2, mirror: 3}", r"own\.yaml, line 1: a: not a scheme"),
        (
            "a: round",
            r"own\.yaml, line 1: a: the scheme is 'round'; must be a number of points, a list of their names, or",
        ),
        ("[1, 2]", r"own\.yaml, line 1: schemes is \[1, 2\]; must be a mapping from the names of schemes"),
        ("a: [1", r"own\.yaml, line \d: not YAML"),
        ("a: 0", r"own\.yaml, line 1: scheme 'a': points is 0"),
    ):
        path.write_text(text)
        with pytest.raises(DataError, match=message):
            read_schemes(path)


def test_a_template_lets_readers_recognise_it():
    shape = np.random.default_rng(3).uniform(0, 1, (21, 2))
    register_scheme("mine-21", 21, template=shape)
    fit = recognise(shapes(20, scheme=get_scheme("mine-21")))
    assert fit.scheme == "mine-21" and fit.residual < 0.1 and np.isnan(fit.asymmetry)
    register_scheme("plain-23", 23)
    with pytest.raises(
        DataError, match=r"could be plain-23 \(no template to compare with\); if you .* scheme='plain-23'"
    ):
        recognise(np.zeros((3, 23, 2)))


@pytest.mark.parametrize("name", ["mtfl-5", "ibug-68", "imm-58", "wflw-98", "dlib-5"])
def test_mirror_pairs_are_found_in_faces(name):
    scheme = get_scheme(name)
    pairs, residual = guess_mirror(shapes(60, scheme=scheme))
    assert set(pairs) == {(i, j) for i, j in enumerate(scheme.mirror) if i < j} and residual < 0.1


def test_mirror_pairs_need_every_point():
    with pytest.raises(DataError, match="no face has point 1; mirror pairs are guessed"):
        guess_mirror(np.array([[[1.0, 2], [np.nan, np.nan], [3, 4]]]))
    with pytest.raises(DataError, match="no faces; mirror pairs"):
        guess_mirror(np.empty((0, 3, 2)))
