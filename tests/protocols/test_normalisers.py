"""Every length that errors are divided by: by hand, against loops on real labels, and by its laws."""

import math
from dataclasses import replace

import numpy as np
import pytest
from labels_300w import guessed, labels_300w
from toys import toy_faces, toy_protocol

import fldbench
from fldbench.errors import ProtocolError
from fldbench.protocols import normalisers

FACE = np.array([[2.0, 3.0], [8.0, 3.0], [5.0, 7.0], [3.0, 11.0], [7.0, 11.0]])  # 6 wide, 8 high
OWN_BOX = np.array([0.0, 0.0, 9.0, 16.0])
BY_HAND = {
    "inter-pupil": 6.0,
    "box": math.sqrt(48),
    "diagonal": 10.0,
    "mean-edge": 7.0,
    "longer-side": 8.0,
    "height": 8.0,
    "given-box": 12.0,
    "given-diagonal": math.sqrt(81 + 256),
    "given-height": 16.0,
    "face-size": 16.0,
    "pixels": 100.0,
}


def one_face():
    return replace(toy_faces(1), landmarks=FACE[None], boxes=OWN_BOX[None])


@pytest.mark.parametrize("name", BY_HAND)
def test_a_length_by_hand(name):
    protocol = toy_protocol("p", normaliser=name, normaliser_points=None, box_source="official")
    faces = protocol.select(one_face())
    score = protocol.score(faces.landmarks + np.array([3.0, 4.0]), faces)
    assert score.errors[0] == pytest.approx(5.0 / BY_HAND[name])
    assert score.metrics["nme"] == pytest.approx(500.0 / BY_HAND[name])


def test_every_name_is_tested_by_hand_or_on_the_labels():
    assert set(BY_HAND) | {"inter-ocular", "points:A/B"} == set(normalisers.NORMALISERS)


def test_one_percent_of_pixels_is_one_pixel():
    protocol = toy_protocol("p", normaliser="pixels", normaliser_points=None, thresholds=(0.08,))
    faces = protocol.select(toy_faces(4))
    guess = faces.landmarks + np.array([1.0, 7.9, 8.1, 30.0])[:, None, None] * [1.0, 0.0]
    assert protocol.score(guess, faces).metrics["nme"] == pytest.approx((1 + 7.9 + 8.1 + 30) / 4)
    assert protocol.score(guess, faces).metrics["fr08"] == 50.0


def slow_length(name, points):
    """One face's length in plain Python; points (68, 2)."""
    xs, ys = [float(x) for x, _ in points], [float(y) for _, y in points]
    w, h = max(xs) - min(xs), max(ys) - min(ys)

    def middle(group):
        return sum(xs[i] for i in group) / len(group), sum(ys[i] for i in group) / len(group)

    return {
        "interocular": math.dist((xs[36], ys[36]), (xs[45], ys[45])),
        "interpupil": math.dist(middle(range(36, 42)), middle(range(42, 48))),
        "norm=box": math.sqrt(w * h),
        "norm=diagonal": math.sqrt(w * w + h * h),
        "norm=mean-edge": (w + h) / 2,
        "norm=longer-side": max(w, h),
        "norm=height": h,
        "norm=points:8/27": math.dist((xs[8], ys[8]), (xs[27], ys[27])),
        "norm=points:30-33/48+54": math.dist(middle([30, 31, 32, 33]), middle([48, 54])),
        "norm=pixels": 100.0,
    }[name]


@pytest.mark.parametrize(
    "name",
    (
        *("interocular", "interpupil", "norm=box", "norm=diagonal", "norm=mean-edge", "norm=longer-side"),
        *("norm=height", "norm=points:8/27", "norm=points:30-33/48+54", "norm=pixels"),
    ),
)
def test_a_normaliser_equals_loops_on_the_labels_of_300w(data_root, name):
    for which, base in (("public", "300w-full"), ("private", "300w-private")):
        faces = labels_300w(data_root, which)
        guess = guessed(faces)
        protocol = fldbench.get_protocol(f"{base}@{name}")
        found = protocol.score(guess, protocol.select(faces)).errors
        for row in range(0, len(faces), 7):
            truth = faces.landmarks[row]
            mean = sum(math.dist(p, q) for p, q in zip(guess[row].tolist(), truth.tolist(), strict=True)) / 68
            expected = mean / slow_length(name, truth)
            assert found[row] == pytest.approx(expected, abs=1e-9, nan_ok=True)


def test_inter_pupil_is_larger_by_the_ratio_that_the_field_knows(data_root):
    faces = labels_300w(data_root)
    corners, centres = (fldbench.get_protocol(name) for name in ("300w-common", "300w-common@interpupil"))
    common = corners.select(faces)
    guess = guessed(common)
    ratio = centres.score(guess, common).metrics["nme"] / corners.score(guess, common).metrics["nme"]
    assert ratio == pytest.approx(1.39, abs=0.02)


@pytest.mark.parametrize("name", ["", "@interpupil", "@norm=box", "@norm=diagonal", "@norm=points:8/27"])
def test_scale_and_shift_and_mirror_change_no_number(data_root, name):
    faces = labels_300w(data_root)[::9]
    guess = guessed(faces)
    protocol = fldbench.get_protocol(f"300w-full{name}")
    base = protocol.score(guess, faces).errors
    order = list(fldbench.get_scheme("ibug-68").mirror)
    for change in (lambda p: 2.5 * p, lambda p: p + np.array([40.0, -7.0]), lambda p: (p * [-1.0, 1.0])[:, order]):
        again = protocol.score(change(guess), replace(faces, landmarks=change(faces.landmarks)))
        assert again.errors == pytest.approx(base, rel=1e-9, nan_ok=True)


def test_a_scheme_without_eyes_works_with_the_others_and_says_so():
    facts = {"dataset": "d", "n_expected": 1, "scheme": "menpo-39"}
    for name in ("inter-ocular", "inter-pupil"):
        with pytest.raises(ProtocolError) as error:
            fldbench.Protocol("p", normaliser=name, **facts)
        message = str(error.value)
        assert f"protocol 'p': the normaliser is '{name}'; must be one of box, diagonal, " in message
        assert "points:A/B" in message and "menpo-39 has no" in message
    faces = toy_faces(2)
    profile = replace(
        faces, scheme="menpo-39", landmarks=np.random.default_rng(0).normal(0, 9, (2, 39, 2)), visible=None
    )
    protocol = fldbench.Protocol("p", normaliser="diagonal", **facts)
    size = profile.landmarks.max(1) - profile.landmarks.min(1)
    errors = protocol.score(profile.landmarks + np.array([2.0, 0.0]), profile).errors
    assert errors == pytest.approx(2 / np.hypot(*size.T))
    with pytest.raises(ProtocolError, match="mtfl-5 has no outer eye corners") as error:
        fldbench.get_protocol("mtfl-test@interocular")
    assert "one of inter-pupil, box" in str(error.value)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"normaliser": "diagonl", "normaliser_points": None},
            "normaliser is 'diagonl'; must be one of inter-ocular, .*; did you mean 'diagonal'",
        ),
        ({"normaliser": "nose", "normaliser_points": None}, "any other name needs two groups of points"),
        ({"normaliser": "box"}, r"normaliser_points is \(\(0,\), \(1,\)\); must be nothing for 'box'"),
        ({"normaliser_points": ((0,), (99,))}, r"must be different points of mtfl-5, from 0 to 4"),
        ({"normaliser_points": ((0,), ())}, r"must be different points of mtfl-5, from 0 to 4"),
        ({"normaliser": "given-box", "normaliser_points": None}, "boxes is 'tight'; must be official for 'given-box'"),
        ({"points": (0, 99)}, r"points is \(0, 99\); must be different points of mtfl-5, from 0 to 4"),
        ({"points": ()}, r"points is \(\); must be different points"),
        ({"points": (1, 1)}, r"points is \(1, 1\); must be different points"),
    ],
)
def test_impossible_normalisers_and_points_are_refused_at_once(fields, text):
    with pytest.raises(ProtocolError, match=text):
        toy_protocol("p", **fields)


def test_a_name_of_ones_own_needs_points_and_changes_no_hash():
    nose = toy_protocol("p", normaliser="nose", normaliser_points=((2,), (3,)))
    assert nose.describe().count("the nose distance (points 2 to 3)") == 1
    assert nose.hash == replace(nose, normaliser="another word").hash
    assert nose.hash != toy_protocol("p").hash


def test_absurd_indices_in_a_name_are_no_indices():
    assert normalisers.indices("0-99") == tuple(range(100))
    for text in ("0-99999999", "9" * 5000, "1-" + "9" * 5000, "+".join(["0-99999"] * 10_000)):
        assert normalisers.indices(text) is None
