"""300-VW: clips and frames, categories of test clips, frames that were not extracted, the real samples."""

import numpy as np
import pytest
from writers import some_points, write_300w_pts, write_image

import fldbench
from fldbench.datasets.ibug300vw import CATEGORIES, TEST
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


def test_the_categories_have_the_published_numbers_of_clips():
    assert [len(clips) for clips in CATEGORIES.values()] == [31, 19, 14] and len(TEST) == 64


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
    for split, clip, n in (("train", "001", 2), ("test", "401", 2)):
        faces = fldbench.load_dataset("300vw", root, split)
        assert set(faces.groups) == {clip} and len(faces) == n and faces.images[0].ndim == 3
        for one, points in zip(coco.ids, coco.landmarks, strict=True):
            if one.startswith(clip):
                row = faces.ids.tolist().index(one.replace("/imgs", ""))
                assert np.allclose(faces.landmarks[row] + 1, points, atol=1e-9)  # that file did not subtract the 1
