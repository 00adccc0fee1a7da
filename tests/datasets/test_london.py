"""London Set, WebMorph's templates and any folder of them: points, attributes, lines, what is refused."""

from itertools import pairwise

import numpy as np
import pytest
from writers import some_points, write_image, write_tem, write_text

import fldbench
from fldbench.datasets.formats.tem import read_tem
from fldbench.datasets.london import HEADER
from fldbench.errors import DataError, DatasetNotFoundError

POINTS = some_points(3, 189)
NAMES = ["001_03", "001_08", "012_03"]


@pytest.fixture
def london(tmp_path):
    for name, points in zip(NAMES, POINTS, strict=True):
        write_tem(tmp_path / f"london/{name}.tem", points)
        write_image(tmp_path / f"london/{name}.jpg")
    write_text(tmp_path / "london/london_info.csv", f"{HEADER}\r\n001,24,female,white\r\n007,NA,male,black/white\r\n")
    return tmp_path


def test_points_persons_and_attributes(london):
    faces = fldbench.load_dataset("london", london)
    assert faces.ids.tolist() == NAMES and faces.groups.tolist() == ["001", "001", "012"]
    assert np.allclose(faces.landmarks, POINTS) and faces.parts == {"all": (3, 102)}
    assert {name: column.tolist() for name, column in faces.attributes.items()} == {
        **{"age": [24, 24, -1], "age_group": [0, 0, -1], "gender": [1, 1, -1], "ethnicity": [3, 3, -1]}
    }
    (london / "london/london_info.csv").write_text(f"{HEADER}\n012,NA,male,black/white\n001,NA,NA,NA\n")
    columns = fldbench.load_dataset("london", london).attributes
    assert [columns[name].tolist() for name in ("age", "gender", "ethnicity")] == [[-1] * 3, [-1, -1, 0], [-1, -1, 4]]
    write_text(london / "london/london_info.csv", f"{HEADER}\n001,34,NA,NA\n012,35,NA,NA\n")
    assert fldbench.load_dataset("london", london).attributes["age_group"].tolist() == [1, 1, 2]
    write_text(london / "london/london_info.csv", f"{HEADER}\n001,25,NA,NA\n012,24,NA,NA\n")
    assert fldbench.load_dataset("london", london).attributes["age_group"].tolist() == [1, 1, 0]
    (london / "london/london_info.csv").unlink()
    assert fldbench.load_dataset("london", london).attributes == {}


def test_webmorph_reads_any_folder_of_templates(london):
    faces = fldbench.load_dataset("webmorph", london, "all", folder="london", scheme="webmorph-189")
    assert faces.ids.tolist() == NAMES and faces.scheme == "webmorph-189" and faces.name == "webmorph"
    assert np.allclose(faces.landmarks, POINTS)
    write_tem(london / "small/a.tem", POINTS[0, :5])
    write_image(london / "small/a.png")
    five = fldbench.load_dataset("webmorph", london, "train", folder="small", scheme="mtfl-5")
    assert np.allclose(five.landmarks, POINTS[:1, :5])
    empty = london / "empty"
    empty.mkdir()
    with pytest.raises(DatasetNotFoundError, match=r"no \.tem file in it or below"):
        fldbench.load_dataset("webmorph", empty, "all")


def test_the_lines_of_a_template(tmp_path):
    write_tem(tmp_path / "a.tem", POINTS[0, :5], lines=[(0, 0), (1, 2, 4)])
    points, lines = read_tem(tmp_path / "a.tem", 5)
    assert np.allclose(points, POINTS[0, :5]) and lines == [(0, 0), (1, 2, 4)]
    text = (tmp_path / "a.tem").read_text().split("\n")
    write_text(tmp_path / "b.tem", "\r\n".join(text[:6]))
    assert read_tem(tmp_path / "b.tem", 5)[1] == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: ["4", *rows[1:]], "line 1: the number of points is 4; must be 5"),
        (lambda rows: ["five", *rows[1:]], "line 1: the number of points is 'five'; must be a whole number"),
        (lambda rows: [*rows[:2], "1 2 3", *rows[3:]], "line 3: a point is '1 2 3'; must be 'x y', two numbers"),
        (lambda rows: [*rows[:2], "1\tnan", *rows[3:]], "line 3: a number is 'nan'; must be a finite decimal number"),
        (lambda rows: rows[:4], "line 4: the number of points given is 3; must be 5"),
        (lambda rows: rows[:-1], "line 12: the number of rows after the points is 6; must be 7"),
        (lambda rows: [*rows[:7], "2", *rows[8:]], "line 8: whether a line is closed is '2'; must be 0 or 1"),
        (lambda rows: [*rows[:9], "0 1 5", *rows[10:]], "line 10: a line is '0 1 5'; must be 3 numbers from 0 to 4"),
        (lambda rows: [*rows[:9], "0 1", *rows[10:]], "line 10: a line is '0 1'; must be 3 numbers from 0 to 4"),
        (lambda rows: [*rows[:9], "0 -1 2", *rows[10:]], "line 10: the number of a point is '-1'; must be a whole"),
        (lambda rows: [], "line 1: the file is empty"),
    ],
)
def test_a_broken_template_names_file_and_line(tmp_path, change, text):
    write_tem(tmp_path / "a.tem", POINTS[0, :5])
    rows = (tmp_path / "a.tem").read_text().splitlines()
    write_text(tmp_path / "a.tem", "\n".join(change(rows)))
    with pytest.raises(DataError, match=rf"a\.tem, {text}"):
        read_tem(tmp_path / "a.tem", 5)


@pytest.mark.parametrize(
    ("row", "text"),
    [
        ("001,old,female,white", "face_age is 'old'; must be a whole number up to 120, or NA"),
        ("001,121,female,white", "face_age is '121'; must be a whole number up to 120, or NA"),
        ("001,24,woman,white", "face_gender is 'woman'; must be one of male, female, NA"),
        ("001,24,female,green", "face_eth is 'green'; must be NA, or one or more of black, east_asian"),
        ("001,24,female,white/", "face_eth is 'white/'; must be NA, or one or more"),
        ("001,24,female", "the number of columns is 3; must be 4, with commas between: face_id,face_age"),
        ("007,1,male,black\n007,1,male,black", "'007' is in line 2 already"),
    ],
)
def test_a_broken_table_names_file_and_line(london, row, text):
    write_text(london / "london/london_info.csv", f"{HEADER}\n{row}\n")
    with pytest.raises(DataError, match=rf"london_info\.csv, line [23]: {text}"):
        fldbench.load_dataset("london", london)


def test_errors_name_what_is_absent(london):
    write_text(london / "london/london_info.csv", "id,age\n")
    with pytest.raises(DataError, match=r"london_info\.csv, line 1: the header is 'id,age'; must be 'face_id,face_age"):
        fldbench.load_dataset("london", london)
    write_text(london / "london/london_info.csv", f"{HEADER}\n")
    (london / "london/001_08.jpg").unlink()
    with pytest.raises(DataError, match=r"001_08\.tem: no image beside it"):
        fldbench.load_dataset("london", london)
    for path in (london / "london").glob("*.tem"):
        path.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"london: no \.tem file in it"):
        fldbench.load_dataset("london", london)
    empty = london / "empty"
    empty.mkdir()
    with pytest.raises(DatasetNotFoundError, match="dataset 'london' is not below"):
        fldbench.load_dataset("london", empty)


def test_the_real_set_fits_its_scheme(data_root):
    faces = fldbench.load_dataset("london", data_root)
    scheme = fldbench.get_scheme("webmorph-189")
    assert len(faces) == len(set(faces.groups)) == 102
    assert (faces.attributes["age"] == -1).sum() == 2 and faces.attributes["age"].max() == 54
    assert set(faces.attributes["gender"]) == {0, 1}
    _, lines = read_tem(data_root / "london/001_03.tem", 189)
    drawn = {frozenset(pair) for line in lines for pair in pairwise(line) if pair[0] != pair[1]}
    assert {frozenset(edge) for edge in scheme.edges} == drawn
    points = faces.landmarks - faces.landmarks[:, :2].mean(axis=1, keepdims=True)
    mean = (points / np.linalg.norm(points[:, 1:2] - points[:, :1], axis=2, keepdims=True)).mean(axis=0)
    flipped = (mean * (-1, 1))[list(scheme.mirror)]
    assert np.linalg.norm(flipped - mean, axis=1).max() < 0.1  # of the distance of the pupils
    image = faces.images[0]
    assert np.allclose(scheme.flip(scheme.flip(faces.landmarks, image.shape[1]), image.shape[1]), faces.landmarks)
