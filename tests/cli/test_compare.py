"""`fldbench compare` as a user types it: records and prediction files, formats, the sheet, wrong inputs."""

import json

import cv2
import pytest
from toys import Noisy, toy_faces

from fldbench.records.store import read_records
from fldbench.run.runner import run_suite


@pytest.fixture
def out(toy, tmp_path):
    """A folder with two methods of one seed each under two protocols."""
    methods = [{"name": "noisy", "label": "near"}, {"name": "noisy", "label": "far", "params": {"noise": 4.0}}]
    run_suite(toy | {"methods": methods, "protocols": ["toy-test", "toy-jittered"]}, tmp_path / "out")
    assert len(read_records(tmp_path / "out")) == 4
    return tmp_path / "out"


def test_compare_two_rows_and_draw_the_faces_that_decide(call, out, tmp_path):
    sheet = tmp_path / "sheet.png"
    status, text, err = call("compare", "near", "far", "--out", out, "--protocol", "toy-test", "--sheet", sheet)
    assert status == 0, err
    assert "8 faces of toy-test" in text and "near, far" in text and f"written: {sheet}" in text
    assert "licence" in err
    picture = cv2.imread(str(sheet))
    assert picture.shape[1] == 8 * 160 and picture.shape[0] > 2 * 160


@pytest.mark.parametrize(("form", "begin"), [("csv", "protocol,first,second"), ("json", "{"), ("markdown", "###")])
def test_formats_on_stdout_and_in_a_file(call, out, tmp_path, form, begin):
    given = ("compare", "near", "far", "--out", out, "--protocol", "toy-test", "--format", form)
    status, text, _ = call(*given)
    assert status == 0 and text.startswith(begin)
    status, said, _ = call(*given, "-o", tmp_path / "file")
    assert status == 0 and (tmp_path / "file").read_text() == text and said == f"written: {tmp_path / 'file'}\n"


def test_prediction_files_stand_beside_rows_and_alone(call, out, tmp_path):
    model = Noisy().fit(toy_faces(12, 1)).save(tmp_path / "model.safetensors")
    files = [tmp_path / "mine.csv", tmp_path / "theirs.json"]
    for file in files:
        assert call("predict", model, "--protocol", "toy-test", "-o", file)[0] == 0
    status, text, err = call("compare", "near", files[0], "--out", out, "--protocol", "toy-test", "--format", "json")
    assert status == 0, err
    assert [one["label"] for one in json.loads(text)["methods"]] == ["near", "mine"]
    status, text, err = call("compare", *files, "--protocol", "toy-test")
    assert status == 0 and "mine and theirs have the same NME" in text, err
    status, _, err = call("compare", *files)
    assert status == 2 and "prediction files alone; must be given with --protocol NAME" in err
    status, _, err = call("compare", *files, "--protocol", "toy-test", "--sheet", tmp_path / "s.png")
    assert status == 2 and "no face has different errors; there is nothing to draw" in err


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("near", "far"), "were measured under toy-jittered, toy-test; must be one protocol; choose it"),
        (
            ("near", "fra", "--protocol", "toy-test"),
            "no method is named 'fra' in these folders, and no prediction file; did you mean 'far'?",
        ),
        (("near", "--protocol", "toy-test"), "only near is given; must be two methods or more"),
        (("near", "near", "--protocol", "toy-test"), "the methods are near, near; must be different ones"),
        (("near", "none.csv", "--protocol", "toy-test"), "no method is named 'none.csv'"),
        (("near", "--protocol", "toy-test", "--sheet", "s.png"), "two methods; 1 are given"),
    ],
)
def test_wrong_inputs_are_one_line(call, out, given, says):
    status, text, err = call("compare", *given, "--out", out)
    assert status == 2 and not text
    assert says in err and len(err.splitlines()) == 1
