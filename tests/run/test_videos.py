"""Videos that a method answers: what is written of them, and where; also of a photo that a camera pans over."""

import csv
from pathlib import Path

import numpy as np
import pytest
from made_clips import read_clip, squares, write_clip
from made_photos import Corners, Squares
from toys import toy_faces

from fldbench import register_detector, register_method
from fldbench.errors import DataError, MethodError
from fldbench.faces import ImageFiles
from fldbench.run.videos import predict_video, video_sources, video_targets

pytest.importorskip("av")


def test_a_clip_of_a_real_photo_runs_end_to_end(data_root, tmp_path):
    file = data_root / "dlib_faces" / "2008_002506.jpg"
    if not file.exists():
        pytest.skip("the photo is not here")
    photo = ImageFiles([file])[0]
    h, w = (2 * (side // 2) - 24 for side in photo.shape[:2])
    frames = [photo[k : k + h, k : k + w].copy() for k in range(24)]
    source = write_clip(tmp_path / "clip.mp4", frames, sound="aac")
    model = Corners().fit(toy_faces(12, 1))
    done = predict_video(model, source, tmp_path / "out.mp4", every=12)
    images, _, sound = read_clip(tmp_path / "out.mp4")
    assert (done.frames, done.with_faces, len(images)) == (24, 24, 24)
    assert 1 <= done.identities <= 6
    assert np.array_equal(sound, read_clip(source)[2])


@pytest.fixture
def clip(tmp_path):
    return write_clip(tmp_path / "clip.mp4", [squares([(20, 20), (60, 50)])] * 12)


class Turning(Corners):
    """Corners whose face smiles with 0.6 when it is asked first, and with 0.2 later."""

    tasks = ("landmarks", "smile")

    def fit(self, train, val=None):
        self.classes_, self.mirrored_, self.asked = {"smile": ["no", "yes"]}, [], 0
        return super().fit(train, val)

    def predict_attributes(self, images, boxes):
        self.asked += 1
        yes = 0.6 if self.asked == 1 else 0.2
        return {"smile": np.tile([1 - yes, yes], (len(boxes), 1))}


def test_attributes_are_columns_of_the_table(toy, clip, tmp_path):
    """By hand: 0.75 of the probability stays when it is asked again, 0.75 * 0.6 + 0.25 * 0.2 = 0.5."""
    register_method("turning", Turning)
    register_detector("squares", Squares)
    model = Turning().fit(toy_faces(12, 1))
    predict_video(model, clip, tmp_path / "out.csv", detector="squares", largest=True, every=5)
    head, *rows = csv.reader((tmp_path / "out.csv").read_text().splitlines())
    assert head[-4:] == ["x4", "y4", "smile:no", "smile:yes"] and {len(row) for row in rows} == {len(head)}
    assert [float(row[-1]) for row in rows[:6]] == [0.6] * 5 + [0.5]
    assert all(float(row[-2]) + float(row[-1]) == pytest.approx(1) for row in rows)


def test_what_cannot_be_written_or_answered_is_said_before_a_frame_is_read(toy, clip, tmp_path):
    model = Corners().fit(toy_faces(12, 1))
    with pytest.raises(DataError, match=r"the ending of .*out\.gif for a video is '\.gif'; must be one of"):
        predict_video(model, clip, tmp_path / "out.gif")
    with pytest.raises(MethodError, match="does not know which points it answers with"):
        predict_video(Corners(), clip, tmp_path / "out.mp4")


def test_videos_are_found_once_and_each_has_its_place(clip, tmp_path):
    other = write_clip(tmp_path / "other.mkv", [squares([(20, 20)])] * 2)
    found = video_sources([str(clip), str(tmp_path / "*.m??")])
    assert found == [str(clip), str(other)]
    assert video_targets(found, tmp_path / "drawn") == [tmp_path / "drawn/clip.mp4", tmp_path / "drawn/other.mkv"]
    assert video_targets(["a.avi"], Path("drawn")) == [Path("drawn/a.mp4")]
    assert video_targets([0], Path("out.mp4")) == [Path("out.mp4")]
    for sources, output, what in (
        (found, "out.mp4", "the number of videos"),
        ([0], "drawn", "a camera needs one file"),
        (["a/x.mp4", "b/x.mp4"], "drawn", "two videos would be written"),
    ):
        with pytest.raises(DataError, match=what):
            video_targets(sources, Path(output))
    with pytest.raises(DataError, match="no file matches"):
        video_sources([str(tmp_path / "no*.mp4")])
    with pytest.raises(DataError, match="what stands beside a camera"):
        video_sources(["7", str(clip)])
