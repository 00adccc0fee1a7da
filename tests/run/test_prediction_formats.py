"""Formats of prediction files: what a header means, ids in other spellings, and every kind of foreign content."""

import io
import json
import struct
import zipfile
from random import Random

import numpy as np
import pytest
from fuzz import MUTATIONS, mutate
from toys import toy_faces

import fldbench
from fldbench.errors import PredictionsError
from fldbench.run.prediction_files import evaluate_file
from fldbench.run.prediction_formats import read_answers
from fldbench.run.prediction_ids import matched

FACES = toy_faces(8, 2)
N = 5
GUESS = FACES.landmarks + np.random.default_rng(0).normal(0, 1, FACES.landmarks.shape)


def table(path, header, columns, ids=FACES.ids):
    """A CSV file: a header, and for each face its id and the given columns of GUESS (n, 5, 2)."""
    rows = [[str(one), *(repr(float(v)) for v in row)] for one, row in zip(ids, columns, strict=True)]
    lines = ([",".join(header)] if header else []) + [",".join(row) for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


PAIRS, APART, BACK = GUESS.reshape(8, -1), GUESS.transpose(0, 2, 1).reshape(8, -1), GUESS[:, ::-1].reshape(8, -1)
BOTH = [(i, axis) for i in range(N) for axis in "xy"]


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        ([f"{a}{i}" for i, a in BOTH], PAIRS),
        ([f"x{i}" for i in range(N)] + [f"y{i}" for i in range(N)], APART),
        ([f"{a}{i}" for i in reversed(range(N)) for a in "xy"], BACK),
        ([f"{a}{i + 1}" for i, a in BOTH], PAIRS),
        ([f" x_{i}" for i in range(N)] + [f" y_{i}" for i in range(N)], APART),
        ([f"{a}[{i}]" for i, a in BOTH], PAIRS),
        ([f"p{i}_{a}" for i, a in BOTH], PAIRS),
        ([f"{i:02d}.{a.upper()}" for i, a in BOTH], PAIRS),
        ([f"landmark_5_{i + 1}_{a}" for i, a in BOTH], PAIRS),
        ([f"kp-{a}-{i}" for i, a in BOTH], PAIRS),
    ],
    ids=lambda value: ",".join(value[:3]) if isinstance(value, list) else "",
)
def test_the_names_in_the_header_decide_and_their_order_does_not(toy, tmp_path, names, columns):
    right = fldbench.evaluate(GUESS, FACES, "toy-test").metrics
    assert evaluate_file(table(tmp_path / "a.csv", ["id", *names], columns), "toy-test").score.metrics == right
    spread = [np.c_[columns, np.arange(8)], np.c_[np.arange(8), columns]]
    for k, (header, more) in enumerate([(["id", *names, "score"], spread[0]), (["id", "left", *names], spread[1])]):
        found = evaluate_file(table(tmp_path / f"{k}.csv", header, more), "toy-test")
        assert found.score.metrics == right


def test_the_face_may_stand_in_any_column_that_is_named_so(toy, tmp_path):
    right = fldbench.evaluate(GUESS, FACES, "toy-test").metrics
    names = [f"{a}{i}" for i, a in BOTH]
    for header in ("image", "File_Name", "path", "ID"):
        rows = [[repr(float(v)) for v in row] for row in PAIRS]
        lines = [
            ",".join([*names, header]),
            *(",".join([*row, str(i)]) for row, i in zip(rows, FACES.ids, strict=True)),
        ]
        (tmp_path / "a.csv").write_text("\n".join(lines))
        assert evaluate_file(tmp_path / "a.csv", "toy-test").score.metrics == right


def test_points_in_the_image_are_read_beside_points_in_space(toy, tmp_path):
    header = ["frame"] + [f"{a}_{i}" for a in "xy" for i in range(N)] + [f"{a}_{i}" for a in "XYZ" for i in range(N)]
    path = table(tmp_path / "openface.csv", header, np.c_[APART, 99 + APART, APART[:, :5]])
    assert np.array_equal(read_answers(path, N, "toy").points, GUESS)
    only = table(
        tmp_path / "mesh.csv", ["id", *(f"{a}{i}" for a in "xyz" for i in range(N))], np.c_[APART, APART[:, :5]]
    )
    assert np.array_equal(read_answers(only, N, "toy").points, GUESS)


@pytest.mark.parametrize(
    ("header", "text"),
    [
        ([f"c{i}" for i in range(10)], "delete it if the columns are id, x0, y0, x1, y1"),
        ([f"x{i}" for i in range(10)], "delete it if"),
        ([f"{a}{i}" for i in (0, 1, 2, 3, 5) for a in "xy"], "delete it if"),
        ([f"{a}{i + 2}" for i, a in BOTH], "delete it if"),
        ([f"{a}{i}" for i in range(4) for a in "xy"] + ["a", "b"], "it names 4 points"),
        ([f"{a}{i}" for i in range(N) for a in "xx"], "delete it if"),
        ([*(f"{a}{i}" for i, a in BOTH), *(f"{a}_{i}" for i, a in BOTH)], "2 sets of its columns are"),
        ([*(f"{a}{i}" for i, a in BOTH), "x3"], "is given twice"),
    ],
    ids=lambda value: ",".join(value[:3]) if isinstance(value, list) else "",
)
def test_a_header_that_could_mean_anything_is_refused(tmp_path, header, text):
    path = table(tmp_path / "a.csv", ["id", *header], np.zeros((8, len(header))))
    with pytest.raises(PredictionsError, match=rf"a\.csv, line 1: the (header|column).*{text}"):
        read_answers(path, N, "toy")


def test_a_first_row_of_blank_cells_is_a_missed_face(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("test0" + "," * 10 + "\n" + ",".join(["test1", *map(str, range(10))]))
    answers = read_answers(path, N, "toy")
    assert answers.ids == ["test0", "test1"] and np.isnan(answers.points[0]).all()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (GUESS[0].T.tolist(), r"5 pairs \[x, y\] of numbers, or null; it has \(2, 5\)"),
        (GUESS[0, :4].tolist(), r"5 pairs .*it has \(4, 2\)"),
        ([[[1, 2]]] * 5, "5 pairs"),
        ([["1", "2"]] * 5, "5 pairs"),
        ([[True, 2]] * 5, "5 pairs"),
        ({"x": 1}, "5 pairs"),
        ([[10**400, 2]] * 5, "5 pairs"),
        ("text", "5 pairs"),
        (3, "5 pairs"),
        ([], "5 pairs"),
    ],
)
def test_a_face_in_json_is_pairs_or_null(tmp_path, value, text):
    (tmp_path / "a.json").write_text(json.dumps({"test0": value}))
    with pytest.raises(PredictionsError, match=rf"a\.json: face 'test0' must be {text}"):
        read_answers(tmp_path / "a.json", N, "toy")


def test_a_point_in_json_may_be_missed(tmp_path):
    (tmp_path / "a.json").write_text('{"test0": [[1, 2], [null, null], [NaN, 3], [4, 5], [6.5, 7]]}')
    points = read_answers(tmp_path / "a.json", N, "toy").points
    assert np.isnan(points[0]).any(axis=1).tolist() == [False, True, True, False, False]


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.json", "{}", "no face in it"),
        ("a.json", " ", "the file is empty"),
        ("a.csv", "", "the file is empty"),
        ("a.csv", "id,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4\n", "no face in it"),
        ("a.csv", ",,,\n,,,\n", "no face in it"),
        ("a.csv", " ,1,2,3,4,5,6,7,8,9,10\n", "line 1: a face without an id"),
        ("a.csv", "a,1_0,2,3,4,5,6,7,8,9,10\n", "line 1: could not convert"),
        ("a.csv", 'a,"1\n' + "9" * 200_000, "not a CSV file"),
        ("a.json", "[" * 100_000, "not JSON of predictions"),
        ("a.json", '{"a": ' * 100_000, "not JSON of predictions"),
        ("a.json", '{"test0": [[' + "9" * 6000 + ", 1]]}", "not JSON of predictions"),
        ("a.json", '{"": null}', "a face without an id"),
    ],
)
def test_empty_and_excessive_files_are_refused(tmp_path, name, content, text):
    (tmp_path / name).write_text(content)
    with pytest.raises(PredictionsError, match=text):
        read_answers(tmp_path / name, N, "toy")


def test_folders_are_no_prediction_files(tmp_path):
    (tmp_path / "a.csv").mkdir()
    with pytest.raises(PredictionsError, match="not a file; check the path"):
        read_answers(tmp_path / "a.csv", N, "toy")


def test_a_file_for_no_face_or_without_any_point_says_so(toy, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"test1": GUESS[1].tolist()}))
    with pytest.raises(PredictionsError, match="none of its 1 faces is one of toy-even"):
        evaluate_file(tmp_path / "a.json", "toy-even")
    (tmp_path / "b.json").write_text(json.dumps(dict.fromkeys(FACES.ids.tolist())))
    outside = evaluate_file(tmp_path / "b.json", "toy-test")
    assert outside.notes == ("no face has a single point: every prediction is empty or NaN",)
    assert (outside.score.missed, outside.score.metrics["fr08"]) == (8, 100.0)


def npz(path, **arrays):
    np.savez_compressed(path, **arrays)
    return path


def claims(path, shape, descr="<f8"):
    """An npz file with predictions of a shape in their header, and no content."""
    text = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}".encode()
    head = text.ljust(-(-(len(text) + 11) // 64) * 64 - 11) + b"\n"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("ids.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
        file.writestr("predictions.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head)) + head)
    return path


def test_an_npz_that_claims_gigabytes_is_refused_by_its_header(tmp_path):
    for shape in ((10**9,), (10**12, 5, 2), (-1,), (2**63,)):
        with pytest.raises(PredictionsError, match=r"a\.npz: "):
            read_answers(claims(tmp_path / "a.npz", shape), N, "toy")
    many = npz(tmp_path / "b.npz", ids=np.zeros(2000, "U4"), predictions=np.zeros((2000, N, 2)))
    with pytest.raises(PredictionsError, match="it has 2000 faces; there are 8"):
        read_answers(many, N, "toy", 8)
    long = npz(tmp_path / "c.npz", ids=np.array(["a" * 5000]), predictions=np.zeros((1, N, 2)))
    with pytest.raises(PredictionsError, match="more than 1024 letters"):
        read_answers(long, N, "toy")


def test_an_npz_that_holds_less_than_it_claims_is_refused(tmp_path):
    for shape in ((8, N, 2), (100_000, N, 2)):
        ids = io.BytesIO()
        np.save(ids, np.array([f"{i}" for i in range(shape[0])]))
        with zipfile.ZipFile(claims(tmp_path / "part.npz", shape)) as part:
            points = part.read("predictions.npy")
        with zipfile.ZipFile(tmp_path / "a.npz", "w") as file:
            file.writestr("ids.npy", ids.getvalue())
            file.writestr("predictions.npy", points)
        with pytest.raises(PredictionsError, match=r"predictions.npy claims \d+ bytes"):
            read_answers(tmp_path / "a.npz", N, "toy")


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"ids": np.array([{}], object), "predictions": np.zeros((1, N, 2))}, "object"),
        ({"ids": ["a"], "predictions": np.zeros((1, N, 2), complex)}, "must be strings and numbers"),
        ({"ids": ["a"], "predictions": np.zeros((1, N, 2)), "boxes": np.zeros(3)}, "boxes is .* must be one string"),
        ({"ids": ["a"]}, "not an .npz file with the arrays"),
    ],
)
def test_an_npz_of_other_kinds_is_refused(tmp_path, arrays, text):
    with pytest.raises(PredictionsError, match=text):
        read_answers(npz(tmp_path / "a.npz", **arrays), N, "toy")


def test_ids_in_an_npz_may_be_bytes_or_numbers(tmp_path):
    for ids, read in ((np.array([b"a"]), "a"), (np.array([7]), "7")):
        assert read_answers(npz(tmp_path / "a.npz", ids=ids, predictions=np.zeros((1, N, 2))), N, "toy").ids == [read]


def named(*ids):
    n = len(ids)
    return fldbench.FaceSet(ids, FACES.images[:n], FACES.boxes[:n], FACES.landmarks[:n], "mtfl-5", name="d")


def test_ids_may_have_an_ending_and_more_or_fewer_folders():
    faces = named("helen/testset/1", "helen/testset/2_1", "lfpw/testset/image_0003", "4.png")
    given = ["/data/300w/helen/testset/1.jpg", "2_1", "testset\\image_0003.PNG", "4"]
    row_of, notes = matched(given, faces, "p.csv")
    assert row_of == {face: row for row, face in enumerate(faces.ids.tolist())}
    assert notes == [
        "4 ids differ from the dataset's in ending or folders, such as '/data/300w/helen/testset/1.jpg', taken for "
        "'helen/testset/1'"
    ]
    assert matched(["4.png"], faces, "p.csv") == ({"4.png": 0}, [])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        (["1.jpg"], r"p\.csv: a face is '1\.jpg'; must be the id of one face; it could be 'a/1', 'b/1'"),
        (["a/1", "x/a/1.png"], "more than one prediction for 'a/1'"),
        (["c/1"], r"d has no face 'c/1'; its ids look like 'a/1'"),
        (["a/1.txt"], "has no face"),
        ([".jpg"], "has no face"),
    ],
)
def test_ids_that_mean_no_face_or_several_are_refused(given, text):
    with pytest.raises(PredictionsError, match=text):
        matched(given, named("a/1", "b/1", "a/2"), "p.csv")


@pytest.mark.parametrize("ending", ["csv", "json", "npz"])
def test_mutated_files_raise_nothing_but_predictions_errors(toy, tmp_path, ending):
    good = tmp_path / f"good.{ending}"
    if ending == "csv":
        table(good, ["id", *(f"{a}{i}" for i, a in BOTH)], PAIRS)
    elif ending == "json":
        good.write_text(json.dumps({str(i): p.tolist() for i, p in zip(FACES.ids, GUESS, strict=True)}))
    else:
        np.savez(good, ids=FACES.ids, predictions=GUESS, boxes="tight")
    content, draw = good.read_bytes(), Random(7)
    refused, path = 0, tmp_path / f"mutated.{ending}"
    for _ in range(max(200, MUTATIONS)):
        path.write_bytes(mutate(content, draw))
        try:
            evaluate_file(path, "toy-test")
        except PredictionsError as error:
            refused += 1
            assert len(str(error)) < 1000 + len(str(path))
    assert refused > 20
