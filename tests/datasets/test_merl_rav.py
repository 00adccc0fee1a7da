"""MERL-RAV: three states of visibility in the signs of a .pts file, both layouts, and what is refused."""

import numpy as np
import pytest
from writers import some_points, write_image, write_merl_rav, write_text

from fldbench.datasets.merl_rav import MERLRAV, POSES
from fldbench.errors import DataError, DatasetNotFoundError

FACES = {
    "frontal/testset/image00070_2": 0, "frontal/testset/image00120": 1, "lefthalf/testset/image00138": 2,
    "right/testset/image00070_1": 3, "left/trainset/image00999": 4,
}  # fmt: skip
POINTS = some_points(5, 68)
STATE = np.random.default_rng(3).integers(-1, 2, (5, 68))


@pytest.fixture
def organised(tmp_path):
    for face, i in FACES.items():
        write_merl_rav(tmp_path / f"merl_rav/merl_rav_organized/{face}.pts", POINTS[i], STATE[i])
        write_image(tmp_path / f"merl_rav/merl_rav_organized/{face}.jpg")
    return tmp_path


@pytest.fixture
def published(tmp_path):
    for face, i in FACES.items():
        folder, name = face.rsplit("/", 1)
        write_merl_rav(tmp_path / f"merl_rav_labels/{folder}/labels/{name}.pts", POINTS[i], STATE[i])
    return tmp_path


def test_states_become_landmarks_and_visibility(organised):
    faces = MERLRAV().load(organised, "test")
    rows = [FACES[one] for one in faces.ids]
    assert sorted(rows) == [0, 1, 2, 3]
    state, points = STATE[rows], POINTS[rows]
    assert np.array_equal(faces.visible, state == 1)
    assert np.array_equal(np.isnan(faces.landmarks).all(axis=2), state == -1)
    assert np.allclose(faces.landmarks[state >= 0], points[state >= 0], atol=1e-9)
    assert np.array_equal(faces.boxes[0], [*np.nanmin(faces.landmarks[0], 0), *np.nanmax(faces.landmarks[0], 0)])
    assert faces.groups.tolist() == ["image00070", "image00120", "image00138", "image00070"]
    assert {pose: int(member.sum()) for pose, member in faces.subsets.items()} == {
        **dict.fromkeys(POSES, 0),
        **{"frontal": 2, "lefthalf": 1, "right": 1},
    }
    assert faces.parts == {"test": (4, 3865)} and faces.images[3].shape == (100, 110, 3)
    assert MERLRAV().load(organised, "train").ids.tolist() == ["left/trainset/image00999"]


def test_lines_of_the_authors_page_by_hand(tmp_path):
    first = ["-1 -1", "-1443.54 -474.32", "1382.78 680.12", "-2.5 40", "0 0", "-1 5"]
    text = "version: 1\nn_points:  68\n{\n" + "\n".join(first + ["9 9"] * 62) + "\n}\n"
    write_text(tmp_path / "merl_rav_labels/frontal/trainset/labels/image20991_1.pts", text)
    faces = MERLRAV().load(tmp_path, "train")
    assert np.isnan(faces.landmarks[0, 0]).all()
    assert np.allclose(faces.landmarks[0, 1:6], [[1443.54, 474.32], [1382.78, 680.12], [-2.5, 40], [0, 0], [-1, 5]])
    assert np.flatnonzero(~faces.visible[0]).tolist() == [0, 1]
    with pytest.raises(DataError, match="merl-rav has no images here: predictions can be scored, methods cannot run"):
        faces.images[0]


def test_both_layouts_are_the_same_faces(organised, published):
    first, second = (MERLRAV().load(root, "test") for root in (organised / "merl_rav", published))
    assert first.ids.tolist() == second.ids.tolist()
    assert np.array_equal(first.landmarks, second.landmarks, equal_nan=True)


def test_published_labels_find_the_images_of_aflw(published):
    for folder, name in (("0", "image00070"), ("2", "image00120"), ("3", "image00138")):
        write_image(published / f"aflw/flickr/{folder}/{name}.jpg", value=int(folder))
    faces = MERLRAV().load(published, "test")
    assert [int(image[0, 0, 0]) for image in faces.images] == [0, 2, 3, 0]
    (published / "aflw/flickr/3/image00138.jpg").unlink()
    with pytest.raises(DataError, match=r"image00138\.pts: no image 'image00138' with .jpg"):
        MERLRAV().load(published, "test")


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda lines: lines[:-2], ", line 70: the number of points is 67; must be 68"),
        (
            lambda lines: [*lines[:4], "1.0 abc", *lines[5:]],
            ", line 5: a number is 'abc'; must be a finite decimal number",
        ),
        (
            lambda lines: [*lines[:4], "1.0,2.0", *lines[5:]],
            r", line 5: a point is '1\.0,2\.0'; must be 'x y', two numbers",
        ),
        (lambda lines: [*lines[:4], "1 2 3", *lines[5:]], ", line 5: a point is '1 2 3'; must be 'x y', two numbers"),
        (lambda lines: [lines[0], "n_points: 51", *lines[2:]], ", line 2: n_points is '51'"),
        (lambda lines: [*lines[:3], *["-1 -1"] * 68, "}"], ": a face without any annotated point; remove the file"),
        (lambda lines: [], ""),
    ],
)
def test_a_broken_file_names_itself(organised, change, text):
    path = organised / "merl_rav/merl_rav_organized/left/trainset/image00999.pts"
    path.write_text("\n".join(change(path.read_text().splitlines())))
    with pytest.raises(DataError, match=rf"image00999\.pts{text}"):
        MERLRAV().load(organised, "train")


def test_errors_name_what_is_absent(organised, tmp_path):
    (organised / "merl_rav/merl_rav_organized/left/trainset/image00999.jpg").rename(tmp_path / "x.jpg")
    write_merl_rav(organised / "merl_rav/merl_rav_organized/left/trainset/a b.pts", POINTS[0], STATE[0])
    write_image(organised / "merl_rav/merl_rav_organized/left/trainset/a b.jpg")
    with pytest.raises(DataError, match=r"image00999\.pts: no image beside it; looked for image00999 with .jpg"):
        MERLRAV().load(organised, "train")
    for path in (organised / "merl_rav/merl_rav_organized/left/trainset").iterdir():
        path.unlink()
    with pytest.raises(
        DatasetNotFoundError, match=r"no \.pts file of the split 'train'; looked in frontal, left, lefthalf"
    ):
        MERLRAV().load(organised, "train")
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'merl-rav' is not below .*merl_rav_organized or merl_rav_lab"
    ):
        MERLRAV().load(organised / "merl_rav/merl_rav_organized/left", "train")
