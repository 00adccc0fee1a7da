"""A clip made of real pixels, at run time only: a photo that a camera pans over."""

import numpy as np
import pytest
from made_clips import read_clip, write_clip
from made_photos import Corners
from toys import toy_faces

from fldbench.faces import ImageFiles
from fldbench.run.videos import predict_video

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
