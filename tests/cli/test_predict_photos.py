"""`fldbench predict` of photos as a user types it."""

import numpy as np
import pytest
from made_photos import Corners, Squares, photo, with_orientation, write
from toys import toy_faces

from fldbench import register_detector, register_method


@pytest.fixture
def model(toy, tmp_path):
    register_method("corners", Corners)
    register_detector("squares", Squares)
    return Corners().fit(toy_faces(12, 1)).save(tmp_path / "model.safetensors")


def test_a_folder_of_photos(call, model, tmp_path):
    write(tmp_path / "in" / "a.png", photo((10, 10), (60, 20)))
    with_orientation(write(tmp_path / "in" / "b.jpg", photo((30, 30))), 6)
    out = tmp_path / "out"
    status, text, err = call(
        "predict", model, tmp_path / "in", "-o", out, "--detector", "squares", "--write", "csv", "--threads", 2
    )
    assert status == 0, err
    lines = text.splitlines()
    assert lines[0].startswith("2 photos, 3 faces; ") and lines[1:] == [str(out), str(out / "faces.csv")]
    assert "1 photo(s) are shown turned (EXIF): points are px of what is shown" in err
    assert sorted(path.name for path in out.iterdir()) == ["a.png", "b.jpg", "faces.csv"]


def test_a_bad_photo_is_a_line_and_the_status(call, model, tmp_path):
    (tmp_path / "bad.png").write_text("text")
    good = write(tmp_path / "good.png", photo((9, 9)))
    args = ("predict", model, good, tmp_path / "bad.png", "-o", tmp_path / "out", "--detector", "squares")
    status, text, err = call(*args)
    assert status == 1 and "bad.png: not an image that can be decoded" in err and "1 photo, 1 face (1 file" in text


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("--protocol", "toy-test", "photo.jpg", "-o", "x"), "give either photos or --protocol NAME"),
        (("-o", "x"), "give either photos or --protocol NAME"),
        (("photo.jpg",), "nothing to write; give -o FOLDER"),
        (("no.jpg", "-o", "out"), "no.jpg: no such file or folder; check the path"),
        (("photo.jpg", "-o", "x", "--sheet", "s.png"), "--sheet and --worst need --protocol"),
        (("--protocol", "toy-test", "-o", "a.csv", "--largest"), "--protocol toy-test@boxes=detected:NAME"),
        (("photo.jpg", "-o", "out", "--detector", "squarez"), "no detector named 'squarez'; did you mean 'squares'"),
        (("photo.jpg", "-o", "out", "--detector", "squares", "--write", "xml"), "no format named 'xml' to write"),
        (("photo.jpg", "-o", "photo.jpg/out"), "cannot be written"),
    ],
)
def test_wrong_words_are_one_line(call, model, tmp_path, monkeypatch, words, what):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "photo.jpg", photo((9, 9)))
    before = np.frombuffer((tmp_path / "photo.jpg").read_bytes(), np.uint8)
    status, _, err = call("predict", model, *words)
    assert status == 2 and what in err and len(err.strip().splitlines()) == 1, err
    assert np.array_equal(np.frombuffer((tmp_path / "photo.jpg").read_bytes(), np.uint8), before)
