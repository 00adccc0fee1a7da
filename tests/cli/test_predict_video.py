"""`fldbench predict` of a video as a user types it, and overlays on photos."""

import csv
import os
import signal

import cv2
import numpy as np
import pytest
from made_clips import read_clip, squares, write_clip
from made_photos import Corners, Squares, photo, write
from toys import toy_faces

from fldbench import register_detector, register_method
from fldbench.faces import ImageFiles
from fldbench.media.camera import open_camera

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
        (("clip.mp4",), "nothing to write; give -o FILE.mp4, .mov, .mkv or .csv, or a folder"),
        (("clip.mp4", "-o", "out.gif"), "the ending of out.gif for a video is '.gif'; must be one of .mp4, .mov, .mkv"),
        (("clip.mp4", "photo.png", "-o", "out.mp4"), "there are photos and videos; give them in two calls"),
        (("clip.mp4", "-o", "out.mp4", "--threads", "2"), "--write and --threads are for photos"),
        (("clip.mp4", "b.mp4", "-o", "out.mp4"), "the number of videos for out.mp4 is 2; must be 1; give a folder"),
        (("clip.mp4", "a/clip.mp4", "-o", "out"), "two videos would be written to this file"),
        (("no/*.mp4", "-o", "out.mp4"), "no/*.mp4: no file matches this pattern"),
        (("7", "-o", "out"), "a camera needs one file to write"),
        (("7", "clip.mp4", "-o", "out"), "what stands beside a camera is ['7', 'clip.mp4']; must be nothing"),
        (("7", "-o", "out.mp4"), "there is no camera 7, or it may not be read"),
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


def test_several_videos_go_into_a_folder_and_a_broken_one_ends_nothing(call, model, clip, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    (tmp_path / "other.mp4").write_bytes(clip.read_bytes())
    words = ("predict", model, "broken.mp4", "cli*.mp4", "other.mp4", "-o", tmp_path / "out", "--detector", "squares")
    status, text, err = call(*words)
    assert status == 1 and "broken.mp4: not a video that can be read" in err
    assert err.strip().splitlines()[-1] == "fldbench: 1 of 3 videos could not be used"
    assert text.count("12 frames, 12 with a face") == 2
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["clip.mp4", "other.mp4"]


def test_a_camera_is_recorded_until_it_is_interrupted(call, model, tmp_path, monkeypatch):
    """The camera is one of ours: after 5 frames somebody presses Ctrl-C, and the file is whole."""
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    before = signal.getsignal(signal.SIGINT)
    status, text, err = call("predict", model, "0", "-o", tmp_path / "out.mp4", "--detector", "squares")
    assert status == 0, err
    assert text.startswith("5 frames, 5 with a face, 1 face told apart; ")
    images, times, _ = read_clip(tmp_path / "out.mp4")
    assert len(images) == 5 and images[0].shape == (72, 96, 3) and (np.diff([time for time, _ in times]) > 0).all()
    assert np.abs(images[1].astype(int) - squares([(40, 30)])).max() > 100
    assert signal.getsignal(signal.SIGINT) is before and Capture.released == 1
    monkeypatch.setattr(Capture, "dead", True)
    status, _, err = call("predict", model, "0", "-o", tmp_path / "no.mp4")
    assert status == 2 and "camera 0 gives no frame; is it used by another program?" in err
    assert not (tmp_path / "no.mp4").exists()


def test_a_camera_that_hangs_is_left_by_a_second_interruption(monkeypatch):
    monkeypatch.setattr(cv2, "VideoCapture", Capture)
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), open_camera(0) as camera:
        assert sum(1 for _ in camera.packets()) == 5
        os.kill(os.getpid(), signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


class Capture:
    """A camera that shows a square, and Ctrl-C while it gives its fifth frame."""

    released, dead = 0, False

    def __init__(self, index):
        self.given = 0

    def isOpened(self):
        return True

    def get(self, what):
        return 0.0

    def read(self):
        self.given += 1
        if self.given == 5:
            os.kill(os.getpid(), signal.SIGINT)
        return (False, None) if self.dead else (True, squares([(40, 30)]))

    def release(self):
        Capture.released += 1


class Smiling(Corners):
    """Everybody smiles."""

    tasks = ("landmarks", "smile")

    def fit(self, train, val=None):
        self.classes_ = {"smile": ["no", "yes"]}
        return super().fit(train, val)

    def predict_attributes(self, images, boxes):
        return {"smile": np.tile([0.25, 0.75], (len(images), 1))}


def test_attributes_are_written_below_the_faces_of_a_video(call, model, clip, tmp_path):
    register_method("smiling", Smiling)
    smiling = Smiling().fit(toy_faces(12, 1)).save(tmp_path / "smiling.safetensors")
    drawn = {}
    for name, one in (("plain", model), ("smiling", smiling)):
        words = ("predict", one, clip, "-o", tmp_path / f"{name}.mp4", "--detector", "squares", "--every", 5)
        status, text, err = call(*words)
        assert status == 0, err
        drawn[name] = read_clip(tmp_path / f"{name}.mp4")[0][3].astype(int)
    rows = [line.split() for line in text.splitlines() if line.startswith("attributes")]
    assert rows[0][1] == "3"  # of 12 frames those with the numbers 0, 5 and 10
    changed = np.abs(drawn["smiling"] - drawn["plain"]).max(axis=2) > 60
    assert changed[25:38, 10:60].any() and not changed[:24].any()  # below the points in the upper square
