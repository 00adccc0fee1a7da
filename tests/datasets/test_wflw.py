"""WFLW: lists in the official format, faces of one photo, flags against the lists of the subsets, what is refused."""

from dataclasses import replace

import numpy as np
import pytest
from writers import wflw_line, write_wflw

from fldbench.datasets.wflw import SUBSETS, WFLW
from fldbench.errors import DataError, DatasetNotFoundError
from fldbench.protocols import get_protocol

RNG = np.random.default_rng(0)
PHOTO, OTHER = "0--Parade/0_Parade_march_1_116.jpg", "10--Ünger Leute/10 mit Leerzeichen.jpg"


def faces(n=4):
    """Four faces, two of one photo; face i has flag i, and face 3 has flags 3, 4 and 5."""
    flags = np.eye(6, dtype=int)[:n]
    flags[-1, 4:] = 1
    names = [PHOTO, OTHER, PHOTO, "a/b.jpg"]
    return [(RNG.uniform(5, 25, (98, 2)).round(6), (3 + i, 4, 28, 27), flags[i].tolist(), names[i]) for i in range(n)]


@pytest.fixture
def wflw(tmp_path):
    written = faces()
    write_wflw(tmp_path / "wflw", "test", written, subset_lists=True)
    return tmp_path, written


def list_file(root, split="test"):
    return root / f"wflw/WFLW_annotations/list_98pt_rect_attr_train_test/list_98pt_rect_attr_{split}.txt"


def test_points_boxes_flags_and_ids(wflw):
    root, written = wflw
    test = WFLW().load(root, "test")
    assert np.allclose(test.landmarks, [points for points, *_ in written], atol=1e-6)
    assert test.boxes.tolist() == [[3, 4, 28, 27], [4, 4, 28, 27], [5, 4, 28, 27], [6, 4, 28, 27]]
    photo, other = PHOTO.removesuffix(".jpg"), OTHER.removesuffix(".jpg")
    firsts = [f"@x{points[0][0]:.6f}y{points[0][1]:.6f}" for points, *_ in written]
    assert test.ids.tolist() == [name + first for name, first in zip((photo, other, photo, "a/b"), firsts, strict=True)]
    assert test.groups.tolist() == [photo, other, photo, "a/b"]
    members = {name: np.flatnonzero(member).tolist() for name, member in test.subsets.items()}
    assert members == {
        **{"pose": [0], "expression": [1], "illumination": [2]},
        **{"make-up": [3], "occlusion": [3], "blur": [3]},
    }
    assert list(test.attributes) == list(SUBSETS) and test.attributes["blur"].tolist() == [0, 0, 0, 1]
    assert test.parts == {"test": (4, 2500)} and (test.name, test.split_name) == ("wflw", "test")
    assert all(image.shape == (30, 40, 3) for image in test.images)


def test_train_has_flags_and_no_subsets_and_other_folders_work(tmp_path):
    written = faces()
    path = write_wflw(tmp_path, "train", written)
    train = WFLW().load(tmp_path, "train")
    assert train.parts == {"train": (4, 7500)} and not train.subsets
    assert train.attributes["pose"].tolist() == [1, 0, 0, 0]
    path.rename(tmp_path / path.name)
    again = WFLW().load(tmp_path, "train")
    assert again.fingerprint == train.fingerprint
    assert [one.rpartition("@")[2] for one in train.ids.tolist()] == ["1", "1", "2", "1"]


def test_published_counts():
    assert WFLW.expected == {
        **{"train": 7500, "test": 2500, "pose": 326, "expression": 314, "illumination": 698},
        **{"make-up": 206, "occlusion": 736, "blur": 773},
    }


def test_the_subset_lists_must_agree_with_the_flags(wflw):
    root, written = wflw
    lists = root / "wflw/WFLW_annotations/list_98pt_test"
    blur = lists / "list_98pt_test_blur.txt"
    official = blur.read_text()
    blur.write_text(official + (lists / "list_98pt_test_largepose.txt").read_text())
    with pytest.raises(
        DataError, match=r"blur\.txt, line 2: a face of '0--Parade.*' that .* does not flag blur; fetch"
    ):
        WFLW().load(root, "test")
    extra = [(*face[:2], [0, 0, 0, 0, 0, 1], face[3]) for face in written]
    list_file(root).write_text("".join(wflw_line(*face) for face in extra), encoding="utf-8")
    blur.write_text(official)
    for word in ("largepose", "expression", "illumination", "makeup", "occlusion"):
        (lists / f"list_98pt_test_{word}.txt").unlink()
    with pytest.raises(
        DataError, match=r"blur\.txt, line 1: 1 faces; .* flags 4 blur; .* or remove list_98pt_test/ to"
    ):
        WFLW().load(root, "test")
    blur.unlink()
    assert WFLW().load(root, "test").subsets["blur"].all()


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (
            lambda t: t[: len(t) * 2 // 5],
            r"list_98pt_rect_attr_test\.txt, line 2: the number of columns is 120; must be 207, with blanks bet",
        ),
        (
            lambda t: t.replace(" ", ",", 150),
            r"list_98pt_rect_attr_test\.txt, line 1: the number of columns is 57; must be 207, with blanks betw",
        ),
        (
            lambda t: t.replace(" ", " 7.5 ", 1),
            r"list_98pt_rect_attr_test\.txt, line 1: the attribute pose is '27'; must be 0 or 1",
        ),
        (
            lambda t: t.replace(" ", " many ", 1),
            r"list_98pt_rect_attr_test\.txt, line 1: a number is 'many'; must be a finite decimal number",
        ),
        (
            lambda t: t.replace(t[:4], "five", 1),
            r"list_98pt_rect_attr_test\.txt, line 1: a number is 'five46322'; must be a finite decimal number",
        ),
        (
            lambda t: t.replace(t[:4], "1_0", 1),
            r"list_98pt_rect_attr_test\.txt, line 1: a number is '1_081191'; must be a finite decimal number",
        ),
        (
            lambda t: "\n" + t.replace("3 4 28 27", "3 4 3 27"),
            r"list_98pt_rect_attr_test\.txt, line 2: the box is \[3\.0, 4\.0, 3\.0, 27\.0\]; must be x_min, y_min, x_",
        ),
        (
            lambda t: t.replace(PHOTO, "no/such.jpg", 1),
            r"line 1: no image 'no/such.jpg' below .*WFLW_images; restore it",
        ),
        (lambda t: "", r"test\.txt, line 1: the file is empty"),
        (
            lambda t: t.replace("Leute", "Le\0te"),
            r"list_98pt_rect_attr_test\.txt, line 2: not UTF-8 text \(byte 0x00\); save the file as UTF-8",
        ),
    ],
)
def test_a_broken_list_names_file_and_line(tmp_path, change, error):
    path = write_wflw(tmp_path / "wflw", "test", faces())
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(DataError, match=error) as caught:
        WFLW().load(tmp_path, "test")
    assert caught.value.file == str(path) and caught.value.line >= 1


def test_bytes_that_are_not_utf8_and_absent_lists_are_refused(wflw, tmp_path):
    path = list_file(wflw[0])
    path.write_bytes(path.read_bytes().replace("Ü".encode(), b"\xdc"))
    with pytest.raises(
        DataError, match=r"list_98pt_rect_attr_test\.txt, line 2: not UTF-8 text \(byte 0xdc\); save the file as UTF-8"
    ):
        WFLW().load(wflw[0], "test")
    with pytest.raises(DataError, match="list_98pt_rect_attr_train_test: no list of the split 'train'; looked for"):
        WFLW().load(wflw[0], "train")
    with pytest.raises(
        DatasetNotFoundError, match=r"dataset 'wflw' is not below .*; looked for WFLW_annotations or WFLW_"
    ):
        WFLW().load(tmp_path / "wflw/WFLW_images/a", "test")


# ---- the lists of the subsets alone


@pytest.fixture
def subsets(wflw):
    root, written = wflw
    list_file(root).unlink()
    return root, written


def test_a_face_has_one_id_with_and_without_the_full_list(wflw):
    root, _ = wflw
    whole = WFLW().load(root, "test")
    list_file(root).unlink()
    parts = WFLW().load(root, "test")
    assert sorted(whole.ids.tolist()) == sorted(parts.ids.tolist())
    for name in SUBSETS:
        assert sorted(whole.subset(name).ids.tolist()) == sorted(parts.subset(name).ids.tolist())


def test_without_the_full_list_the_subset_lists_are_read(subsets):
    root, written = subsets
    test = WFLW().load(root, "test")
    points = {tuple(points[0]): points for points, *_ in written}
    assert len(test) == 4 and test.parts == {"test": (4, 2500)}
    for one, face in zip(test.ids, test.landmarks, strict=True):
        assert np.array_equal(face, points[tuple(face[0])])
        assert one.endswith(f"@x{face[0, 0]:.6f}y{face[0, 1]:.6f}")
    assert np.array_equal(test.boxes[:, :2], test.landmarks.min(axis=1))
    by_point = {tuple(points[0]): flags for points, _, flags, _ in written}
    for row, face in enumerate(test.landmarks):
        assert [int(test.attributes[name][row]) for name in SUBSETS] == by_point[tuple(face[0])]
        assert [bool(test.subsets[name][row]) for name in SUBSETS] == [f == 1 for f in by_point[tuple(face[0])]]
    assert test.images[0].shape == (30, 40, 3)
    with pytest.raises(DatasetNotFoundError, match="no list of the split 'train'; looked for list_98pt_rect_attr"):
        WFLW().load(root, "train")


def test_an_absent_list_leaves_its_flag_unknown_and_absent_images_are_reported(subsets):
    root, _ = subsets
    (root / "wflw/WFLW_annotations/list_98pt_test/list_98pt_test_blur.txt").unlink()
    (root / "wflw/WFLW_images").rename(root / "elsewhere")
    test = WFLW().load(root, "test")
    assert set(test.attributes["blur"]) == {-1} and not test.subsets["blur"].any() and len(test) == 4
    with pytest.raises(DataError, match="wflw has no folder WFLW_images or images here: predictions can be scored"):
        test.images[0]


def test_contradictory_subset_lists_are_refused(subsets):
    root, _ = subsets
    path = root / "wflw/WFLW_annotations/list_98pt_test/list_98pt_test_blur.txt"
    words = path.read_text(encoding="utf-8").split(" ", 3)
    path.write_text(" ".join([*words[:2], "9.5", words[3]]), encoding="utf-8")
    with pytest.raises(DataError, match=r"blur\.txt, line 1: other points than list_98pt_test_makeup\.txt, line 1"):
        WFLW().load(root, "test")
    path.write_text("1 2 a.jpg\n")
    with pytest.raises(DataError, match=r"blur\.txt, line 1: the number of columns is 3; must be 197, with blanks"):
        WFLW().load(root, "test")


def test_the_real_lists_of_the_subsets(data_root):
    test = WFLW().load(data_root, "test")
    assert len(test) == 1966 and test.parts == {"test": (1966, 2500)}
    assert {name: int(member.sum()) for name, member in test.subsets.items()} == {n: c for n, (c, _) in SUBSETS.items()}
    for name in ("pose", "expression", "illumination", "makeup", "occlusion", "blur"):
        protocol = get_protocol(f"wflw-{name}")
        chosen = protocol.select(test)
        assert protocol.ids_sha256 and protocol.is_complete(chosen), name
        assert not protocol.is_complete(replace(chosen, ids=["x", *chosen.ids[1:]]))
    crops = WFLW().load(data_root / "crops", "test")
    assert len(crops) == 103 and crops.images[5].dtype == np.uint8
    assert set(crops.subsets["blur"] | crops.subsets["occlusion"]) == {False, True}
