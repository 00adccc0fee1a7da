"""Marks of missing points: refused until they are stated, in every format; words in tables."""

import json

import numpy as np
import pytest
import writers

import fldbench
from fldbench.errors import DataError
from fldbench.schemes import get_scheme

FACE = (5 + 40 * get_scheme("mtfl-5").template).round(1)


def marked(k, mark):
    points = FACE.copy()
    points[k] = mark
    return points


def write(root, kind, mark):
    faces = [FACE, marked(3, mark), marked(4, mark)]
    for k in range(3):
        writers.write_image(root / f"i{k}.png")
    if kind == "csv":
        header = "path," + ",".join(f"x{i},y{i}" for i in range(5))
        rows = [f"i{k}.png," + ",".join(map(str, face.ravel().tolist())) for k, face in enumerate(faces)]
        writers.write_text(root / "f.csv", "\n".join([header, *rows]) + "\n")
        return "csv"
    if kind == "coco":
        images = [{"id": k, "file_name": f"i{k}.png"} for k in range(3)]
        rows = [
            {"id": k, "image_id": k, "keypoints": [v for x, y in face.tolist() for v in (x, y, 2)]}
            for k, face in enumerate(faces)
        ]
        writers.write_text(root / "f.json", json.dumps({"images": images, "annotations": rows}))
        return "coco-face"
    text = ""
    for k, face in enumerate(faces):
        parts = "".join(f"<part name='{i}' x='{x}' y='{y}'/>" for i, (x, y) in enumerate(face.tolist()))
        text += f"<image file='i{k}.png'><box top='1' left='1' width='50' height='50'>{parts}</box></image>\n"
    writers.write_text(root / "f.xml", f"<dataset><images>{text}</images></dataset>")
    return "dlib-xml"


@pytest.mark.parametrize("kind", ["csv", "coco", "xml"])
@pytest.mark.parametrize("mark", [-1, 0, 99999])
def test_a_mark_is_refused_until_it_is_stated(tmp_path, kind, mark):
    name = write(tmp_path, kind, mark)
    with pytest.raises(DataError, match=rf"2 points of 2 faces are at \({mark}, {mark}\), .* option missing={mark}"):
        fldbench.load_dataset(name, tmp_path, "all")
    faces = fldbench.load_dataset(name, tmp_path, "all", missing=mark)
    absent = np.isnan(faces.landmarks).all(axis=2)
    assert np.argwhere(absent).tolist() == [[1, 3], [2, 4]] and not faces.visible[absent].any()
    assert faces.scheme == "mtfl-5" and (faces.boxes > 0).all() and (faces.boxes < 60).all()


def test_one_point_in_the_corner_of_an_image_is_a_point(tmp_path):
    writers.write_pts(tmp_path / "a.pts", marked(0, 0))
    writers.write_image(tmp_path / "a.png")
    assert fldbench.load_dataset("pts", tmp_path, "all", scheme="mtfl-5").landmarks[0, 0].tolist() == [0, 0]
    writers.write_pts(tmp_path / "b.pts", marked(1, 0))
    writers.write_image(tmp_path / "b.png")
    with pytest.raises(DataError, match=r"2 points of 2 faces are at \(0, 0\)"):
        fldbench.load_dataset("pts", tmp_path, "all", scheme="mtfl-5")


def test_words_in_tables(tmp_path):
    header = "path," + ",".join(f"x{i},y{i}" for i in range(5)) + "," + ",".join(f"visible{i}" for i in range(5))
    cells = ",".join(map(str, FACE[:4].ravel().tolist())) + ",NA,None"
    writers.write_image(tmp_path / "a.png")
    writers.write_text(tmp_path / "f.csv", f"{header}\na.png,{cells},true,Occluded,visible,no,\n")
    faces = fldbench.load_dataset("csv", tmp_path, "all")
    assert faces.visible.tolist() == [[True, False, True, False, False]]
    assert np.isnan(faces.landmarks[0, 4]).all()
    writers.write_text(tmp_path / "f.csv", f"{header}\na.png,{cells},perhaps,1,1,1,1\n")
    with pytest.raises(DataError, match=r"visible0 is 'perhaps'; must be 1 or 0, true or false, visible or occluded"):
        fldbench.load_dataset("csv", tmp_path, "all")
