"""Videos end to end: times, turns, sound, and every file that cannot be used."""

import numpy as np
import pytest
from made_clips import corners, find_squares, read_clip, squares, write_clip

from fldbench.errors import DataError, FldbenchError, MissingDependencyError, StoreError
from fldbench.media import clip as clips
from fldbench.media.draw import draw_landmarks
from fldbench.media.stages import Stages
from fldbench.media.video import follow_faces

pytest.importorskip("av")
TIMES = np.cumsum([0, 0.04, 0.04, 0.2, 0.02, 0.04, 0.5, 0.04, 0.04, 0.04])  # s; the rate varies


def moving(n=10, size=(96, 72)):
    return [squares([(20 + 3 * k, 30)], size) for k in range(n)]


def drawn(image, tracks):
    for track in tracks:
        image = draw_landmarks(image, track.shown, radius=2)
    return image


def follow(source, target, **more):
    return follow_faces(source, target, find_squares, corners, more.pop("draw", drawn), **more)


def test_a_video_is_followed_drawn_and_keeps_times_and_sound(tmp_path):
    source = write_clip(tmp_path / "in.mp4", moving(), TIMES, sound="aac")
    seen = []
    done = follow(source, tmp_path / "out.mp4", each=lambda frame, tracks: seen.append((frame.time, len(tracks))))
    images, about, sound = read_clip(tmp_path / "out.mp4")
    assert [time for time, _ in about] == pytest.approx(TIMES, abs=2e-3)
    assert seen == [(pytest.approx(time, abs=2e-3), 1) for time in TIMES]
    assert np.array_equal(sound, read_clip(source)[2])  # copied
    assert np.std(sound[4000:12000]) > 0.1
    for number, image in enumerate(images):
        green = (image[..., 1].astype(int) - image[..., 0] > 80).nonzero()
        assert abs(green[1].mean() - (20 + 3 * number)) < 3
    assert (done.frames, done.with_faces, done.identities, done.notes) == (10, 10, 1, ())
    assert str(done).startswith("10 frames, 10 with a face, 1 face told apart; ")


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_turned_video_is_shown_upright(tmp_path, rotation):
    frames = moving()
    source = write_clip(
        tmp_path / "in.mov", [np.rot90(one, -rotation // 90).copy() for one in frames], rotation=rotation
    )
    places = []
    follow(source, tmp_path / "out.mp4", each=lambda _, tracks: places.append(tracks[0].landmarks[2]))
    assert np.allclose(places, [[19.5 + 3 * k, 29.5] for k in range(10)], atol=1)
    images, about, _ = read_clip(tmp_path / "out.mp4")
    assert images[0].shape == (72, 96, 3)
    assert {turned for _, turned in about} == {0}


def test_odd_sides_and_other_sound_and_files(tmp_path):
    """Sound that mp4 cannot hold becomes AAC; sides become even."""
    source = write_clip(tmp_path / "in.mkv", moving(), sound="pcm_s16le")
    follow(source, tmp_path / "out.mkv", draw=lambda image, _: image[:71, :95])
    images, _, sound = read_clip(tmp_path / "out.mkv")
    assert images[0].shape == (72, 96, 3)
    assert np.std(sound[4000:12000]) > 0.1
    with pytest.raises(DataError, match="the size of a frame is '10 x 10'; must be that of the first, 96 x 72"):
        follow(source, tmp_path / "x.mp4", draw=lambda image, tracks: image if image[0, 0, 0] < 0 else next(sizes))
    assert not (tmp_path / "x.mp4").exists()


sizes = iter([np.zeros((72, 96, 3), np.uint8), np.zeros((10, 10, 3), np.uint8)])


def test_without_a_target_nothing_is_drawn(tmp_path):
    done = follow(write_clip(tmp_path / "in.mp4", moving()), None, draw=None)
    assert {row[0]: row[1] for row in done.stages.rows()} == {"decode": 10, "detect": 1, "predict": 10}


def test_a_broken_middle_is_left_out_and_told(tmp_path):
    source = write_clip(
        tmp_path / "in.mkv", [np.random.default_rng(k).integers(0, 255, (72, 96, 3), np.uint8) for k in range(40)]
    )
    content = bytearray(source.read_bytes())
    content = content[: len(content) // 2]
    source.write_bytes(content)
    done = follow(source, tmp_path / "out.mp4")
    assert 5 < done.frames < 40
    assert len(read_clip(tmp_path / "out.mp4")[0]) == done.frames


def test_what_cannot_be_used_is_one_line(tmp_path, monkeypatch):
    good = write_clip(tmp_path / "good.mp4", moving())
    (tmp_path / "text.mp4").write_text("not a video, but long enough to be looked at " * 40)
    (tmp_path / "empty.mp4").write_bytes(b"")
    (tmp_path / "cut.mp4").write_bytes(good.read_bytes()[:900])
    no_frames = silent(tmp_path / "silent.m4a")
    cases = {
        "text.mp4": "text.mp4: not a video that can be read",
        "empty.mp4": "empty.mp4: not a video that can be read",
        "cut.mp4": "cut.mp4: not a video that can be read",
        "none.mp4": "none.mp4: cannot be read",
        no_frames.name: "silent.m4a: no video in this file",
        ".": "cannot be read",
    }
    for name, words in cases.items():
        with pytest.raises(FldbenchError, match=words) as raised:
            follow(tmp_path / name, tmp_path / "out.mp4")
        assert "\n" not in str(raised.value)
        assert not (tmp_path / "out.mp4").exists()
    with pytest.raises(DataError, match="would replace the video itself"):
        follow(good, good)
    with pytest.raises(DataError, match=r"the ending of the file is '.gif'; must be one of .mp4, .mov, .mkv"):
        follow(good, tmp_path / "out.gif")
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        follow(good, tmp_path / "file" / "out.mp4")
    monkeypatch.setattr(clips, "ENCODER", "libnone")
    with (
        clips.open_clip(good) as clip,
        pytest.raises(MissingDependencyError, match="no encoder 'libnone'"),
        clips.written_clip(tmp_path / "out.mp4", clip, "libnone"),
    ):
        pass
    assert not list(tmp_path.glob("*.part"))


def test_a_codec_that_nobody_knows_is_one_clear_line(tmp_path):
    import av

    path = tmp_path / "unknown.avi"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuvj420p"
        grey = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 90, np.uint8), format="rgb24")
        container.mux([*stream.encode(grey), *stream.encode()])
    path.write_bytes(path.read_bytes().replace(b"MJPG", b"ZZZZ"))
    with pytest.raises(DataError, match=r"unknown.avi: the codec of this video is not known to PyAV; convert it"):
        follow(path, tmp_path / "out.mp4")
    assert not (tmp_path / "out.mp4").exists()


def silent(path):
    import av

    with av.open(str(path), "w", format="mp4") as container:
        sound = container.add_stream("aac", rate=44100)
        part = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        part.sample_rate = 44100
        container.mux(sound.encode(part))
        container.mux(sound.encode(None))
    return path


def test_a_file_whose_frames_are_all_gone_is_refused(tmp_path):
    source = write_clip(tmp_path / "in.mkv", moving(3))
    content = bytearray(source.read_bytes())
    content[600:] = bytes(len(content) - 600)
    source.write_bytes(content)
    with pytest.raises(DataError, match=r"in\.mkv: not"):
        follow(source, None)


def test_stages_have_percentiles_by_hand():
    stages = Stages()
    stages.seconds = {"decode": [0.001 * k for k in range(101)], "draw": [0.05]}
    (name, calls, middle, high, higher, share), draw = stages.rows()
    assert (name, calls) == ("decode", 101)
    assert (middle, high, higher) == pytest.approx((50, 95, 99))
    assert share == pytest.approx(5.05 / 5.10)
    assert draw[2:5] == pytest.approx((50, 50, 50))
    assert len(str(stages).splitlines()) == 3
