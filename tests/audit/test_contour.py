"""Errors along and across contours: by hand, by Pythagoras, and by turning the photo."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces, toy_protocol

import fldbench
from fldbench.audit.contour import directions, error_split
from fldbench.faces import NoImages
from fldbench.protocols.landmark_errors import landmark_errors
from fldbench.schemes import get_scheme, list_schemes

SCHEME = get_scheme("ibug-68")
RNG = np.random.default_rng(2)
TRUTH = SCHEME.template * 100 + RNG.normal(0, 1, (30, 68, 2))
RULES = toy_protocol("p", scheme="ibug-68", normaliser="pixels", normaliser_points=None, n_expected=30)


def faces(truth=TRUTH):
    boxes = np.c_[truth.min(axis=1), truth.max(axis=1)]
    return fldbench.FaceSet([str(i) for i in range(len(truth))], NoImages(len(truth), "no"), boxes, truth, "ibug-68")


def split(guess, truth=TRUTH):
    regions, points = error_split(guess, faces(truth), RULES)
    return {one.name: one for one in (*regions, *points)}


def test_a_slip_along_the_jaw_is_along_and_one_off_it_across():
    tangent = directions(TRUTH, SCHEME)
    jaw = np.zeros(68)
    jaw[:17] = 2.0
    slip = split(TRUTH + tangent * jaw[:, None])
    assert (slip["jaw"].along, slip["jaw"].across) == pytest.approx((2.0, 0.0)) and slip["jaw"].share_along == 1.0
    assert slip["jaw"].bias_along == pytest.approx(2.0) and np.isnan(slip["left_eye"].share_along)
    right = np.stack([-tangent[..., 1], tangent[..., 0]], axis=2)  # of a walker, where y points down
    off = split(TRUTH - right * jaw[:, None])
    assert (off["jaw"].along, off["jaw"].across, off["jaw"].share_along) == pytest.approx((0.0, 2.0, 0.0))
    assert off["jaw"].bias_across == pytest.approx(-2.0)


def test_both_parts_together_are_the_error_and_noise_has_no_direction():
    guess = TRUTH + RNG.normal(0, 2, TRUTH.shape)
    found = split(guess)
    for name, one in found.items():
        assert one.error == pytest.approx(np.linalg.norm((guess - TRUTH)[:, list(one.points)], axis=2).mean()), name
        assert one.bias == pytest.approx((guess - TRUTH)[:, list(one.points)].mean(axis=(0, 1)))
    assert 0.45 < found["jaw"].share_along < 0.55
    single = split(guess[:1], TRUTH[:1])["5"]
    assert np.hypot(single.along, single.across) == pytest.approx(single.error)


def test_the_mean_of_all_landmarks_is_the_nme():
    guess = TRUTH + RNG.normal(0, 2, TRUTH.shape)
    guess[4] = np.nan
    found = split(guess)
    mean = np.mean([found[str(i)].error for i in range(68)])
    assert mean == pytest.approx(RULES.score(guess, faces()).metrics["nme"])
    assert np.nanmean(landmark_errors(RULES, guess, faces())) * 100 == pytest.approx(mean)


def test_turning_the_photo_turns_the_contour_with_it():
    guess = TRUTH + RNG.normal(0, 2, TRUTH.shape)
    turn = np.array([[0.6, 0.8], [-0.8, 0.6]])
    one, other = split(guess), split(guess @ turn, TRUTH @ turn)
    for name in ("jaw", "outer_lip", "left_eye"):
        assert other[name].along == pytest.approx(one[name].along)
        assert other[name].bias_across == pytest.approx(one[name].bias_across)


def test_points_without_a_contour_have_an_error_and_no_direction():
    guess = toy_faces(8).landmarks + 1.0
    regions, points = error_split(guess, toy_faces(8), toy_protocol("p"))
    assert all(np.isnan(one.along) and one.error > 0 for one in (*regions, *points) if one.name == "nose_tip")


def test_points_that_do_not_count_are_left_out():
    only = replace(RULES, points=tuple(range(17, 68)))
    regions, points = error_split(TRUTH + 1, faces(), only)
    assert "jaw" not in {one.name for one in regions} and len(points) == 51


@pytest.mark.parametrize("name", [name for name in list_schemes() if get_scheme(name).template is not None])
def test_directions_have_length_one_or_are_unknown_in_every_scheme(name):
    scheme = get_scheme(name)
    length = np.linalg.norm(directions(scheme.template[None] * 100, scheme), axis=2)
    assert np.allclose(length[np.isfinite(length)], 1.0)
