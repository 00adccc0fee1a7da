"""Drawing: where the ink goes, what is left out, what is refused."""

import numpy as np
import pytest

from fldbench.errors import DataError, StoreError, UnknownNameError
from fldbench.media.draw import as_rgb, chart_points, contact_sheet, draw_landmarks, numbering_chart, write_png
from fldbench.schemes import get_scheme, list_schemes

BLACK = np.zeros((40, 60, 3), np.uint8)


def centre_of_ink(image):
    ink = image.max(axis=2).astype(float)
    y, x = np.indices(ink.shape)
    return (x * ink).sum() / ink.sum(), (y * ink).sum() / ink.sum()


@pytest.mark.parametrize("point", [(20.0, 10.0), (20.25, 10.75), (33.5, 21.5), (7.8125, 30.1875)])
def test_points_are_drawn_where_they_are(point):
    drawn = draw_landmarks(BLACK, [point], colour=(255, 255, 255), radius=4)
    assert np.allclose(centre_of_ink(drawn), point, atol=0.1)


def test_upscale_keeps_pixel_centres():
    image = BLACK.copy()
    image[10, 20] = 255
    drawn = draw_landmarks(image, [[np.nan, np.nan]], upscale=4)
    marked = draw_landmarks(BLACK, [[20, 10]], colour=(255, 255, 255), radius=4, upscale=4)
    assert drawn.shape == marked.shape == (160, 240, 3)
    assert np.allclose(centre_of_ink(drawn), (81.5, 41.5), atol=0.05)  # (20 + 0.5) * 4 - 0.5
    assert np.allclose(centre_of_ink(marked), (81.5, 41.5), atol=0.1)


def test_draws_a_new_rgb_image():
    image = np.full((40, 60, 3), 9, np.uint8)
    image.setflags(write=False)
    points = np.array([[20.0, 10.0]])
    drawn = draw_landmarks(image, points, colour=(200, 10, 30))
    assert drawn[10, 20].tolist() == [200, 10, 30]
    assert drawn.dtype == np.uint8 and not np.shares_memory(drawn, image) and (image == 9).all()
    grey = draw_landmarks(np.full((40, 60), 9, np.uint8), points, colour=(200, 10, 30))
    assert np.array_equal(grey, drawn)


def test_points_that_are_missing_or_far_off_are_left_out():
    face = np.array([[20, 10], [np.nan, 5], [40, np.inf], [1e12, 3], [30, 20]])
    drawn = draw_landmarks(BLACK, face, "mtfl-5", numbers=True, radius=1)
    assert drawn[10, 20, 1] == 255 and drawn[20, 30, 1] == 255
    face[1:4] = np.nan
    assert np.array_equal(drawn, draw_landmarks(BLACK, face, "mtfl-5", numbers=True, radius=1))
    assert not draw_landmarks(BLACK, np.full((5, 2), np.nan), "mtfl-5", numbers=True).any()


def test_lines_of_the_scheme():
    face = np.array([[10, 10], [50, 10], [30, 20], [10.0, 30.0], [50.0, 30.0]])
    drawn = draw_landmarks(BLACK, face, "mtfl-5", radius=1)
    assert drawn[30, 30, 1] > 200  # the mouth's line
    assert drawn[10, 30, 1] == 0  # no line joins the eyes
    assert draw_landmarks(BLACK, face, radius=1)[30, 30, 1] == 0
    face[3] = np.nan
    assert draw_landmarks(BLACK, face, get_scheme("mtfl-5"), radius=1)[30, 30, 1] == 0


def test_hidden_points_are_rings():
    drawn = draw_landmarks(BLACK, [[15, 20], [45, 20]], visible=[True, False], radius=6)
    assert drawn[20, 15, 1] == 255 and drawn[20, 45, 1] == 0
    assert drawn[20, 45 - 6, 1] == 255
    with pytest.raises(DataError, match="visible: the number of flags is 3; must be 2, one for each point"):
        draw_landmarks(BLACK, [[15, 20], [45, 20]], visible=[True, False, True])


def test_many_faces_at_once():
    faces = np.array([[[10, 10]], [[40, 20]]])
    both = draw_landmarks(BLACK, faces, radius=2)
    assert np.array_equal(both, draw_landmarks(draw_landmarks(BLACK, faces[0], radius=2), faces[1], radius=2))


def test_what_cannot_be_drawn():
    with pytest.raises(DataError, match=r"landmarks: the shape is \(5, 2\); must be \(68, 2\) for ibug-68"):
        draw_landmarks(BLACK, np.zeros((5, 2)), "ibug-68")
    with pytest.raises(DataError, match=r"the shape is \(5,\); must be \(L, 2\) or \(n, L, 2\)"):
        draw_landmarks(BLACK, np.zeros(5))
    with pytest.raises(DataError, match=r"image: the array is 'float64 \(4, 4, 3\)'; must be uint8 \(h, w, 3\) RGB or"):
        draw_landmarks(np.zeros((4, 4, 3)), [[1, 1]])
    with pytest.raises(DataError, match=r"the array is 'uint8 \(4, 4, 4\)'"):
        as_rgb(np.zeros((4, 4, 4), np.uint8))
    with pytest.raises(UnknownNameError, match="did you mean 'wflw-98'"):
        draw_landmarks(BLACK, np.zeros((98, 2)), "wflw98")


@pytest.mark.parametrize("name", list_schemes())
def test_numbering_chart_has_every_number_near_its_point(name, tmp_path):
    cv2 = pytest.importorskip("cv2")
    scheme = get_scheme(name)
    path = write_png(tmp_path / f"{name}.png", numbering_chart(name, size=900))
    chart = cv2.imread(str(path))[..., ::-1]
    points = chart_points(scheme, 900)
    assert chart.shape == (900, 900, 3) and points.min() > 36 and points.max() < 863
    ink = (chart.astype(int)[..., 2] - chart[..., 0]) > 60  # dark blue: points and numbers, not the grey lines
    y, x = np.indices((73, 73)) - 36
    windows = [np.s_[round(py) - 36 : round(py) + 37, round(px) - 36 : round(px) + 37] for px, py in points]
    text, far = ink.copy(), ink.copy()
    for window in windows:
        text[window] &= np.hypot(x, y) > 5  # what is not a dot
        far[window] &= np.hypot(x, y) > 36
    assert not far.any(), "a number strays from its point"
    for i, window in enumerate(windows):
        assert ink[window][36, 36], f"point {i} is missing"
        assert (text[window] & (np.hypot(x, y) < 26)).sum() >= 12, f"number {i} is missing"


def test_contact_sheet():
    wide, tall = np.full((10, 40, 3), 200, np.uint8), np.full((40, 10), 90, np.uint8)
    sheet = contact_sheet([wide, tall, wide], columns=2, cell=20)
    assert sheet.shape == (40, 40, 3)
    assert (sheet[7:12, :20] == 200).all() and (sheet[:7, :20] == 32).all()  # 20 x 5 px in the middle of its cell
    assert (sheet[:20, 27:32] == 90).all() and (sheet[:20, 20:27] == 32).all()
    assert (sheet[20:, 20:] == 32).all()
    assert contact_sheet([wide], columns=8, cell=20).shape == (20, 20, 3)
    with pytest.raises(DataError, match="at least one image"):
        contact_sheet([])


def test_write_png_keeps_every_pixel(tmp_path):
    cv2 = pytest.importorskip("cv2")
    image = np.random.default_rng(0).integers(0, 256, (7, 5, 3), dtype=np.uint8)
    path = write_png(tmp_path / "gesicht é.png", image)
    data = np.frombuffer(path.read_bytes(), np.uint8)
    assert np.array_equal(cv2.imdecode(data, cv2.IMREAD_COLOR)[..., ::-1], image)
    with pytest.raises(StoreError, match=r"a\.png: cannot be written \(.*\); choose another place"):
        write_png(path / "a.png", image)
    assert [one.name for one in tmp_path.iterdir()] == ["gesicht é.png"]
