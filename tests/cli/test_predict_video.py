"""`fldbench predict` of a video as a user types it, and overlays on photos."""

import csv

import numpy as np
import pytest
from made_clips import read_clip, squares, write_clip
from made_photos import Corners, Squares, photo, write
from toys import toy_faces

from fldbench import register_detector, register_method
from fldbench.faces import ImageFiles

pytest.importorskip("av")


@pytest.fixture
def model(toy, tmp_path):
    register_method("corners", Corners)
    register_detector("squares", Squares)
    return Corners().fit(toy_faces(12, 1)).save(tmp_path / "model.safetensors")


@pytest.fixture
def clip(tmp_path):
    frames = [squares([(20, 20), (60, 50)])] * 12
    return write_clip(tmp_path / "clip.mp4", frames, sound="aac")


def test_a_video_is_drawn_with_its_sound(call, model, clip, tmp_path):
    out = tmp_path / "out.mp4"
    status, text, err = call("predict", model, clip, "-o", out, "--detector", "squares", "--every", 5)
    assert status == 0, err
    lines = text.splitlines()
    assert lines[0].startswith("12 frames, 12 with a face, 2 faces told apart; ")
    assert [line.split()[0] for line in lines[1:-1]] == ["stage", "decode", "detect", "predict", "draw", "encode"]
    assert lines[3].split()[1] == "3"
    assert lines[-1] == str(out)
    images, _, sound = read_clip(out)
    assert len(images) == 12
    assert np.std(sound[4000:12000]) > 0.1
    assert np.abs(images[5].astype(int) - squares([(20, 20), (60, 50)])).max() > 100


def test_a_table_of_a_video(call, model, clip, tmp_path):
    out = tmp_path / "out.csv"
    words = ("predict", model, clip, "-o", out, "--detector", "squares", "--largest", "--no-smoothing")
    status, _, err = call(*words)
    assert status == 0, err
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 12
    assert rows[3]["frame"] == "3"
    assert float(rows[3]["seconds"]) == pytest.approx(0.12)
    assert {row["face"] for row in rows} == {"1"}
    assert {row["mouth"] for row in rows} == {""}  # five points do not tell
    assert float(rows[0]["yaw"]) == pytest.approx(float(rows[5]["yaw"]))
    points = np.array([[float(rows[0][f"{axis}{i}"]) for axis in "xy"] for i in range(5)])
    low, high = points.min(axis=0), points.max(axis=0)
    assert any((low >= (x - 10, y - 10)).all() and (high <= (x + 9, y + 9)).all() for x, y in ((20, 20), (60, 50)))


def test_an_overlay_takes_the_place_of_the_points_on_photos(call, model, tmp_path):
    source = write(tmp_path / "in.png", photo((60, 50)))
    status, _, err = call(
        "predict", model, source, "-o", tmp_path / "out.png", "--detector", "squares", "--overlay", "sunglasses"
    )
    assert status == 0, err
    drawn = ImageFiles([tmp_path / "out.png"])[0].astype(int)
    assert np.ptp(drawn, axis=2).max() < 30  # no colour, so no points and no box
    assert drawn[50:74, 60:84].min() < 60  # of a face of 200
    status, _, err = call("predict", model, source, "-o", tmp_path / "pose.png", "--detector", "squares", "--pose")
    assert status == 0, err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("clip.mp4",), "a video needs one file to write; give -o FILE.mp4, .mov, .mkv or .csv"),
        (("clip.mp4", "-o", "out.gif"), "the ending of out.gif for a video is '.gif'; must be one of .mp4, .mov, .mkv"),
        (("clip.mp4", "photo.png", "-o", "out.mp4"), "a video goes alone"),
        (("clip.mp4", "-o", "clip.mp4"), "would replace the video itself"),
        (("none.mp4", "-o", "out.mp4"), "none.mp4: cannot be read"),
        (("clip.mp4", "-o", "out.mp4", "--overlay", "hat"), "no overlay named 'hat'"),
        (("photo.png", "-o", "out", "--every", "3"), "--every and --no-smoothing are for a video"),
        (("--protocol", "toy-test", "-o", "a.csv", "--pose"), "are for photos and videos"),
    ],
)
def test_wrong_words_are_one_line(call, model, clip, tmp_path, monkeypatch, words, what):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "photo.png", photo((9, 9)))
    before = clip.read_bytes()
    status, _, err = call("predict", model, *words)
    assert status == 2 and what in err and len(err.strip().splitlines()) == 1, err
    assert clip.read_bytes() == before
    assert not (tmp_path / "out.mp4").exists()
