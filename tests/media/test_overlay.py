"""Overlays: where they lie, that they follow the face, what is cut off, what is refused."""

import cv2
import numpy as np
import pytest

from fldbench.errors import DataError
from fldbench.geometry import transform
from fldbench.media.overlay import FACE, OWN, PLACES, Overlay, face_frame, get_overlay, lay_over, overlay_matrix
from fldbench.schemes import get_scheme

FACE5 = np.array([[30.0, 40.0], [70.0, 40.0], [50.0, 60.0], [40.0, 84.0], [60.0, 84.0]])
GREY = np.full((120, 100, 3), 128, np.uint8)
RED = Overlay(np.full((20, 43, 4), (255, 0, 0, 255), np.uint8), PLACES["eyes"])


def turn(points, degrees, about=(0.0, 0.0)):
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return (points - about) @ np.array([[c, s], [-s, c]]) + about


def test_the_frame_of_a_frontal_face_by_hand():
    frame, anchors = face_frame(FACE5, "mtfl-5")
    assert np.allclose(frame, [[40, 0, 50], [0, 40, 40]])
    assert np.allclose(anchors, [[50, 40], [50, 84]])


def test_glasses_lie_on_the_eyes_as_wide_as_their_place_says():
    """40 px between the eyes: 86 px wide and 40 high, about (50, 41.6)."""
    drawn = lay_over(GREY, FACE5, "mtfl-5", RED)
    y, x = np.nonzero(drawn[..., 1] < 64)
    assert np.allclose((x.min(), x.max(), y.min(), y.max()), (7.5, 92.5, 22, 61), atol=1)
    assert drawn[40, 50].tolist() == [255, 0, 0]
    assert (GREY == 128).all()


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("degrees", [-100, 25])
def test_the_picture_follows_roll_size_and_place(place, degrees):
    overlay = Overlay(RED.picture, PLACES[place])
    corners = np.array([[0.0, 0.0], [42.0, 0.0], [42.0, 19.0]])
    one = transform(corners, overlay_matrix(FACE5, "mtfl-5", overlay))
    other = transform(corners, overlay_matrix(3 * turn(FACE5, degrees) + [7, -9], "mtfl-5", overlay))
    assert np.allclose(other, 3 * turn(one, degrees) + [7, -9])


def test_a_face_that_turns_aside_keeps_most_of_its_width():
    """Eyes that draw together by 40 % narrow the glasses by less than 20 %: the mouth holds the scale."""
    aside = FACE5 * [0.6, 1.0]
    whole, narrow = (np.linalg.norm(face_frame(points, "mtfl-5")[0][:, 0]) for points in (FACE5, aside))
    assert 0.8 < narrow / whole < 1.0


@pytest.mark.parametrize("at", [(-45, 0), (60, 0), (0, -50), (0, 90), (60, 90), (-4000, 0)])
def test_what_reaches_beyond_the_border_is_cut_off(at):
    """The part inside is what a larger image shows there."""
    large = np.full((520, 500, 3), 128, np.uint8)
    wide = lay_over(large, np.add(FACE5, 200) + at, "mtfl-5", RED)[200:320, 200:300]
    drawn = lay_over(GREY, FACE5 + at, "mtfl-5", RED)
    assert np.abs(wide.astype(int) - drawn).max() <= 2


def test_a_large_picture_is_averaged_and_half_transparent_pixels_mix():
    stripes = np.zeros((400, 860, 4), np.uint8)
    stripes[:, ::2] = (255, 255, 255, 255)
    stripes[:, 1::2] = (0, 0, 0, 255)
    drawn = lay_over(GREY, FACE5, "mtfl-5", Overlay(stripes, PLACES["eyes"]))
    assert np.abs(drawn[30:50, 20:80].astype(int) - 128).max() <= 2
    mixed = lay_over(GREY, FACE5, "mtfl-5", Overlay(np.full((20, 43, 4), (0, 0, 0, 128), np.uint8), PLACES["eyes"]))
    assert abs(int(mixed[40, 50, 0]) - 64) <= 1


@pytest.mark.parametrize("scheme", ["ibug-68", "wflw-98", "jd-106", "cofw-29", "imm-58", "kaggle-15", "aflw-19"])
@pytest.mark.parametrize("name", OWN)
def test_our_own_go_on_any_scheme_with_eyes_and_a_mouth(scheme, name):
    face = 80 * get_scheme(scheme).template + 10
    changed = np.argwhere((lay_over(GREY, face, scheme, get_overlay(name)) != 128).any(axis=2))
    middle = changed.mean(axis=0)
    _, (eyes, mouth) = face_frame(face, scheme)
    near = eyes if name == "sunglasses" else mouth
    assert abs(middle[1] - near[0]) < 2
    assert abs(middle[0] - near[1]) < 12


def test_nothing_is_drawn_where_the_face_is_not_known():
    lost = FACE5.copy()
    lost[0] = np.nan
    for points in (lost, np.zeros((5, 2)), FACE5 * 1e9):
        assert (lay_over(GREY, points, "mtfl-5", RED) == GREY).all()


def test_a_picture_of_the_user_is_read(tmp_path):
    file = tmp_path / "hat@home.png"
    cv2.imwrite(str(file), np.full((80, 120, 4), (10, 20, 200, 255), np.uint8))
    overlay = get_overlay(f"{file}@head")
    assert overlay.place == PLACES["head"]
    assert overlay.picture[0, 0].tolist() == [200, 20, 10, 255]
    drawn = lay_over(GREY, np.add(FACE5, (0, 60)), "mtfl-5", overlay)
    rows = np.nonzero((drawn != 128).any(axis=(1, 2)))[0]
    assert abs(rows.max() - 78) <= 1  # 22 px above the eyes at y = 100; the lower edge of the picture lies there


def test_wrong_ones_are_one_line_each(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    cv2.imwrite(str(tmp_path / "plain.png"), np.zeros((4, 6, 3), np.uint8))
    for name, words in {
        "sunglases": "no overlay named 'sunglases'; did you mean 'sunglasses'",
        f"{tmp_path / 'plain.png'}@eyes": "with an alpha channel",
        f"{tmp_path / 'text.png'}@eyes": "not a picture that can be read",
        f"{tmp_path / 'none.png'}@eyes": "none.png",
        f"{tmp_path / 'plain.png'}@nose": "its place is 'nose'; must be one of eyes, lip, head",
    }.items():
        with pytest.raises(DataError, match=words) as raised:
            get_overlay(name)
        assert "\n" not in str(raised.value)
    with pytest.raises(DataError, match="scheme is 'menpo-39'; must be one with two eyes and a mouth"):
        face_frame(np.zeros((39, 2)), "menpo-39")


def test_the_frame_is_that_of_the_mean_head():
    from fldbench.schemes.head import mean_head

    points = mean_head("ibug-68")[:, :2]
    eyes = np.stack([points[36:42].mean(axis=0), points[42:48].mean(axis=0)])
    face = np.vstack([eyes, points[48:60].mean(axis=0)])
    assert np.allclose((face - eyes.mean(axis=0)) / np.linalg.norm(eyes[1] - eyes[0]), FACE, atol=0.06)
