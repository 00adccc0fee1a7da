"""300-VW: clips and frames, categories of test clips, frames that were not extracted, the real samples."""

import numpy as np
import pytest
from writers import some_points, write_300w_pts, write_image

import fldbench
from fldbench.curate.inspect import info
from fldbench.curate.verify.counts import check_counts
from fldbench.datasets.ibug300vw import BROKEN, CATEGORIES, TEST, broken_frames
from fldbench.errors import DataError, DatasetNotFoundError

POINTS = some_points(5, 68)
FRAMES = ["001/000002", "001/000010", "114/000001", "401/000003", "410/000004"]


@pytest.fixture
def clips(tmp_path):
    for frame, points in zip(FRAMES, POINTS, strict=True):
        clip, number = frame.split("/")
        (tmp_path / f"300vw/{clip}/annot").mkdir(parents=True, exist_ok=True)
        write_300w_pts(tmp_path / f"300vw/{clip}/annot/{number}.pts", points)
        write_image(tmp_path / f"300vw/{clip}/imgs/{number}.jpg")
    return tmp_path


def test_clips_are_groups_and_categories_subsets(clips):
    train = fldbench.load_dataset("300vw", clips, "train")
    test = fldbench.load_dataset("300vw", clips, "test")
    assert train.ids.tolist() == FRAMES[:2] and test.ids.tolist() == FRAMES[2:]
    assert np.allclose(test.landmarks, POINTS[2:], atol=1e-5) and train.groups.tolist() == ["001", "001"]
    members = {name: np.flatnonzero(member).tolist() for name, member in test.subsets.items()}
    assert members == {"category-1": [0, 1], "category-2": [], "category-3": [2]} and not train.subsets
    assert (train.parts, test.parts) == ({"clips": (1, 50)}, {"clips": (3, 64)})
    assert test.images[0].shape == (100, 110, 3)


def test_the_categories_have_the_published_numbers_of_clips_and_frames():
    assert [len(clips) for clips in CATEGORIES.values()] == [31, 19, 14] and len(TEST) == 64
    for number, n_expected in ((1, 62_135), (2, 32_805), (3, 26_338)):
        assert fldbench.get_protocol(f"300vw-category-{number}").n_expected == n_expected


def test_broken_frames_of_test_clips_are_left_out(clips):
    """2,127 frames, all of test clips; by hand, clip 410 has 148 of them and the first is 148."""
    counts = [len(broken_frames(f"{clip:03d}")) for clip in BROKEN]
    assert sum(counts) == 2127 and {f"{clip:03d}" for clip in BROKEN} <= TEST and min(broken_frames("410")) == 148
    for number, points in ((147, POINTS[0]), (148, POINTS[1])):
        write_300w_pts(clips / f"300vw/410/annot/{number:06d}.pts", points)
        write_image(clips / f"300vw/410/imgs/{number:06d}.jpg")
    test = fldbench.load_dataset("300vw", clips, "test")
    assert "410/000147" in test.ids.tolist() and "410/000148" not in test.ids.tolist()
    assert test.notes == ("frames whose annotation is known to be broken, left out: 1",)
    assert len(fldbench.get_protocol("300vw-category-3").select(test)) == 2


def test_a_split_with_all_clips_lacks_nothing(clips):
    """Broken frames are no part that is absent: the published numbers of frames are those without them."""
    for frame in (*(f"{clip}/annot/000001" for clip in TEST), "410/annot/000148"):
        (clips / "300vw" / frame).parent.mkdir(parents=True, exist_ok=True)
        write_300w_pts(clips / f"300vw/{frame}.pts", POINTS[0])
    for image in (clips / "300vw").glob("*/imgs/*"):
        image.unlink()
    faces = fldbench.load_dataset("300vw", clips, "test")
    assert faces.parts == {"clips": (64, 64)} and faces.notes[0].endswith("left out: 1")
    assert info(faces)["absent"] == [] and not list(check_counts(faces))


def test_the_list_is_that_of_the_toolbox(data_root):
    """That file is a pickle: it is read here, in a test of a file that we know, and nowhere else."""
    path = data_root / "format_samples/300vw/broken_frames.npy"
    listed = np.load(path, allow_pickle=True).item()
    assert {clip: set(frames) for clip, frames in listed.items()} == {
        str(clip): broken_frames(str(clip)) for clip in BROKEN
    }


def test_without_any_frame_predictions_can_be_scored(clips):
    (clips / "300vw/001/imgs/000010.jpg").unlink()
    with pytest.raises(
        DataError, match=r"000010\.pts: no frame '000010' with .jpg, .* in .*/imgs, .*/frames, .*/images; "
    ):
        fldbench.load_dataset("300vw", clips, "train")
    (clips / "300vw/001/imgs/000002.jpg").unlink()
    faces = fldbench.load_dataset("300vw", clips, "train")
    with pytest.raises(DataError, match=r"300vw has no frames in CLIP/imgs/ here: predictions can be scored"):
        faces.images[0]


def test_errors_name_what_is_wrong(clips):
    path = clips / "300vw/114/annot/000001.pts"
    path.write_text(path.read_text().replace("n_points: 68", "n_points: 66"))
    with pytest.raises(DataError, match=r"000001\.pts, line 2: n_points is '66'; must be '68'"):
        fldbench.load_dataset("300vw", clips, "test")
    for path in (clips / "300vw").rglob("*.pts"):
        path.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no CLIP/annot/NUMBER\.pts of the split 'test'"):
        fldbench.load_dataset("300vw", clips, "test")


def test_the_real_samples_are_those_of_the_coco_file(data_root):
    root = data_root / "format_samples"
    coco = fldbench.load_dataset("coco-face", root / "300vw", "all")
    for split, clip, n in (("train", "001", 2), ("test", "401", 1)):  # 401/000731 is broken
        faces = fldbench.load_dataset("300vw", root, split)
        assert set(faces.groups) == {clip} and len(faces) == n and faces.images[0].ndim == 3
        for one, points in zip(coco.ids, coco.landmarks, strict=True):
            if one.startswith(clip):
                row = faces.ids.tolist().index(one.replace("/imgs", ""))
                assert np.allclose(faces.landmarks[row] + 1, points, atol=1e-9)  # that file did not subtract the 1
