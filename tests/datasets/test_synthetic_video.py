"""synthetic-video: clips as a dataset; the frames are those of `motion_clip`, and the truth is on them."""

import numpy as np

import fldbench
from fldbench.dataset import make_dataset
from fldbench.datasets.synthetic.motion import motion_clip
from fldbench.datasets.synthetic.video import FRAMES, RATE, SECONDS, SIZE


def test_frames_are_those_of_the_clips():
    faces = fldbench.load_dataset("synthetic-video", split="test", heads=1)
    counts = {name: int(member.sum()) for name, member in faces.subsets.items()}
    assert counts == {"still": 60, "turn": 60, "shake": 60, "away": 45}  # 0.6 s of 25 frames a second are out of sight
    assert len(fldbench.load_dataset("synthetic-video", split="test", heads=1, scheme="mtfl-5")) == 225
    assert make_dataset("synthetic-video").expected == {"test": 675}
    assert set(faces.groups) == {"still-0", "turn-0", "shake-0", "away-0"}
    assert "away-0/024" in faces.ids.tolist() and "away-0/025" not in faces.ids.tolist()
    row = faces.ids.tolist().index("turn-0/002")
    *_, third = motion_clip("turn", 2, 0, seconds=3 / RATE, rate=RATE, size=SIZE)
    assert np.array_equal(faces.images[row], third.image) and np.array_equal(faces.landmarks[row], third.landmarks)
    assert round(SECONDS * RATE) == FRAMES == 60


def test_a_fingerprint_needs_no_rendering_and_tells_frames_apart():
    faces = fldbench.load_dataset("synthetic-video", split="test", heads=1)
    digests = {faces.images.digest(i) for i in range(len(faces))}
    assert (
        len(digests) == len(faces)
        and faces.fingerprint == fldbench.load_dataset("synthetic-video", split="test", heads=1).fingerprint
    )


def test_the_protocol_counts_every_frame():
    protocol = fldbench.get_protocol("synthetic-video")
    faces = protocol.select(fldbench.load_dataset("synthetic-video", split="test"))
    assert len(faces) == protocol.n_expected == 675
    turned = faces[faces.subsets["turn"]]
    score = protocol.score(turned.landmarks + 0.01, turned)
    assert 0 < score.metrics["nme"] < 0.1
