"""verify: each planted fault is found by its kind, sound faces are left alone, and what is not checked is said."""

import re
from dataclasses import replace

import cv2
import numpy as np
import pytest
from face_sets import Counted, shapes
from toys import toy_faces

from fldbench.curate.excludes import excludes_from, without
from fldbench.curate.verify import KINDS, Finding, rank_shapes, verify
from fldbench.dataset import make_dataset
from fldbench.faces import FaceSet, ImageArrays, ImageFiles, NoImages
from fldbench.geometry import tight_box, transform
from fldbench.registry import list_datasets, resolve
from fldbench.schemes import get_scheme, list_schemes

RNG = np.random.default_rng(0)


def made_faces(n=130, scheme="ibug-68", seed=0, images=None, split="test"):
    """n faces in 200 x 200 pictures of smooth noise with a grey blob at every point."""
    landmarks = shapes(n, seed, get_scheme(scheme))
    rng = np.random.default_rng(seed + 100)
    pictures = []
    for points in landmarks if images is None else ():
        picture = cv2.resize(rng.integers(0, 120, (10, 10), np.uint8), (200, 200), interpolation=cv2.INTER_CUBIC)
        for x, y in points:
            cv2.circle(picture, (round(x), round(y)), 3, 230, cv2.FILLED)
        pictures.append(np.repeat(picture[..., None], 3, axis=2))
    return FaceSet(
        ids=np.array([f"{split}/{i}" for i in range(n)]),
        images=ImageArrays(pictures) if images is None else images,
        boxes=tight_box(landmarks),
        landmarks=landmarks,
        scheme=scheme,
        name="made",
        split_name=split,
    )


def kinds(findings, face):
    return {one.kind for one in findings if one.id == face}


def changed(faces, row, points):
    landmarks = faces.landmarks.copy()
    landmarks[row] = points
    return replace(faces, landmarks=landmarks, visible=None)


@pytest.fixture(scope="module")
def sound():
    return made_faces()


def test_sound_faces_are_left_alone(sound):
    findings = verify(sound)
    # The limits are those of real faces: a face of a set may be above, as few as these.
    assert {one.kind for one in findings} <= {"shape", "picture"}
    assert len({one.id for one in findings}) <= 2


FAULTS = {
    "mirrored": lambda points, scheme: points[list(scheme.mirror)],
    "eyes": lambda points, scheme: points[[*range(36), *range(42, 48), *range(36, 42), *range(48, 68)]],
    "points": lambda points, scheme: np.where(np.arange(68)[:, None] == 8, [[900.0, 90.0]], points),
    "shape": lambda points, scheme: points + np.where(np.arange(68)[:, None] >= 48, [[14.0, 9.0]], 0.0),
}


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_the_points_is_found_by_its_kind(sound, kind):
    faces = changed(sound, 5, FAULTS[kind](sound.landmarks[5], get_scheme("ibug-68")))
    findings = [one for one in verify(faces) if one.id == "test/5"]
    assert kind in {one.kind for one in findings} and all(one.score >= 1 for one in findings)
    assert kind != "shape" or rank_shapes(faces)[0].id == "test/5"


def test_a_whole_set_numbered_from_the_wrong_side_is_found(sound):
    mirrored = replace(
        sound, landmarks=sound.landmarks[:, list(get_scheme("ibug-68").mirror)], images=NoImages(130, "-")
    )
    assert sum(one.kind == "mirrored" for one in verify(mirrored)) == 130


@pytest.mark.parametrize(
    ("points", "text"),
    [
        ({3: (np.nan, 1.0), 4: (1.0, np.nan)}, "each of the points 3, 4 has one coordinate only"),
        (dict.fromkeys(range(68), (np.nan, np.nan)), "the face has neither a point nor a known attribute"),
        ({3: (-500.0, 0.0)}, "point 3 lies .* times the face's size from the box around its other points"),
    ],
)
def test_impossible_points_are_named(sound, points, text):
    moved = sound.landmarks[7].copy()
    for k, point in points.items():
        moved[k] = point
    found = verify(replace(changed(sound, 7, moved), images=NoImages(130, "-")))
    (finding,) = (one for one in found if one.kind == "points")
    assert kinds(found, "test/7") == {"points"}
    assert finding.score >= 1 and re.search(text, finding.message)


def test_faces_with_attributes_alone_are_no_fault(sound):
    landmarks = sound.landmarks.copy()
    landmarks[[5, 9]] = np.nan
    smile = np.where(np.arange(130) == 5, 1, -1)
    found = verify(replace(sound, landmarks=landmarks, visible=None, attributes={"smile": smile}))
    assert [one.id for one in found if one.kind == "points"] == ["test/9"] and not kinds(found, "test/5")


def test_points_marked_visible_need_coordinates_and_absent_ones_are_no_fault(sound):
    faces = replace(sound, images=NoImages(130, "-"))
    landmarks = faces.landmarks.copy()
    landmarks[::4, 60:] = np.nan
    assert not [one for one in verify(replace(faces, landmarks=landmarks, visible=None)) if one.kind == "points"]
    found = verify(replace(faces, landmarks=landmarks))
    assert sum("is marked visible but has no coordinates" in one.message for one in found) == 33


def test_points_outside_the_picture_are_found_by_its_size(sound):
    pictures = [sound.images[i] for i in range(130)]
    pictures[9] = pictures[9][:60]
    (finding,) = (one for one in verify(replace(sound, images=ImageArrays(pictures))) if one.kind == "points")
    assert finding.id == "test/9" and "px outside the picture, which has 200 x 60 px" in finding.message


def test_boxes_apart_from_their_points_are_found_and_loose_detectors_are_not(sound):
    faces = replace(sound, images=NoImages(130, "-"))
    size = faces.boxes[:, 2:] - faces.boxes[:, :2]
    loose = np.hstack([faces.boxes[:, :2] - 0.3 * size, faces.boxes[:, 2:] + 0.2 * size])
    loose += np.tile(RNG.normal(0, 0.03, (130, 2)) * size, 2)
    for boxes in (faces.boxes, loose):
        assert not [one for one in verify(faces.with_boxes(boxes)) if one.kind == "box"]
        bad = boxes.copy()
        bad[1] += 60
        bad[2] = [*bad[2, :2], *(bad[2, :2] + 3 * size[2])]
        bad[3] = [5, 5, 5, 9]
        bad[4] = np.nan
        found = {one.id for one in verify(faces.with_boxes(bad)) if one.kind == "box"}
        assert found == {"test/1", "test/2", "test/3", "test/4"}


def written(faces, folder):
    """The same faces with their images in PNG files."""
    paths = []
    for i in range(len(faces)):
        paths.append(folder / f"{i}.png")
        paths[-1].write_bytes(cv2.imencode(".png", faces.images[i][..., ::-1])[1].tobytes())
    return replace(faces, images=ImageFiles(paths)), paths


def test_unreadable_and_cut_off_images_are_named(tmp_path):
    faces, paths = written(made_faces(6), tmp_path)
    paths[1].write_bytes(paths[1].read_bytes()[:-200])
    paths[2].write_text("no picture")
    paths[3].unlink()
    paths[4].write_bytes(b"")
    found = {one.id: one.message for one in verify(faces) if one.kind == "image"}
    assert found["test/1"] == "the image file is cut off: its end is missing"
    assert "2.png: not an image that can be decoded" in found["test/2"]
    assert (
        "3.png: cannot be read (No such file" in found["test/3"] and "4.png: the image file is empty" in found["test/4"]
    )
    assert set(found) == {"test/1", "test/2", "test/3", "test/4"}


def test_when_every_file_is_broken_each_is_named(tmp_path):
    faces, paths = written(made_faces(3), tmp_path)
    for path in paths:
        path.write_bytes(b"x")
    assert sum(one.kind == "image" for one in verify(faces)) == 3


def test_copies_of_other_splits_are_found_in_whatever_size(sound):
    train = made_faces(40, seed=1, split="train")
    pictures = [sound.images[i] for i in range(130)]
    factor = 0.6
    small = cv2.resize(train.images[7], None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
    pictures[2], pictures[4] = (small * 0.7 + 40).astype(np.uint8), train.images[9].copy()
    landmarks, boxes = sound.landmarks.copy(), sound.boxes.copy()
    landmarks[2], landmarks[4] = (train.landmarks[7] + 0.5) * factor - 0.5, train.landmarks[9]
    boxes[[2, 4]] = tight_box(landmarks[[2, 4]])
    test = replace(sound, images=ImageArrays(pictures), landmarks=landmarks, boxes=boxes)
    found = {one.id: one.message for one in verify(test, [train]) if one.kind == "duplicate"}
    assert set(found) == {"test/2", "test/4"}
    assert found["test/2"].startswith("its face is that of 'train/7' in made-train (correlation ")
    assert found["test/4"] == "its image is, byte for byte, that of 'train/9' in made-train"


def test_groups_in_two_splits_are_found_where_groups_are_known():
    first, second = toy_faces(6, 0, split="train"), toy_faces(6, 1, split="test")
    assert any(one.kind == "unchecked" and "persons, clips or photos" in one.message for one in verify(second, [first]))
    first = replace(first, groups=np.array(list("aabbcc")))
    second = replace(second, groups=np.array(list("ddbcee")))
    found = [one for one in verify(second, [first]) if one.kind == "group"]
    assert [one.id for one in found] == ["test2", "test3"]
    assert found[0].message == "its group 'b' is in toy-train too"


def test_what_cannot_be_checked_is_said():
    few = verify(toy_faces(6))
    assert [one.message.split(":")[0] for one in few if one.kind == "unchecked"] == ["shapes", "points on pictures"]
    none = verify(made_faces(40, images=NoImages(40, "none came with it")), [toy_faces(3)])
    messages = [one.message for one in none if one.kind == "unchecked"]
    why = "not checked, because none came with it"
    assert f"images, duplicates and points on pictures: {why}" in messages
    assert f"duplicates in made-test and toy-test: {why}" in messages
    assert not any(one.id for one in none if one.kind == "image")
    assert len(verify(toy_faces(0))) == 2


def test_parts_that_lack_faces_are_counted():
    faces = replace(toy_faces(4), parts={"a": (4, 4), "b": (0, 7)})
    found = [one for one in verify(faces) if one.kind == "count"]
    assert found == [Finding("count", "", 0.0, "b: 0 of 7 faces")]


@pytest.mark.parametrize("scheme", list_schemes())
def test_every_scheme_can_be_verified_whole_and_with_holes(scheme):
    faces = made_faces(60, scheme, images=NoImages(60, "-"))
    landmarks = faces.landmarks.copy()
    landmarks[RNG.random(landmarks.shape[:2]) < 0.05] = np.nan
    for one in (faces, replace(faces, landmarks=landmarks, visible=None)):
        assert not [f for f in verify(one) if f.kind in ("mirrored", "eyes", "points", "box")]
    mirror = list(get_scheme(scheme).mirror)
    swapped = changed(faces, 3, faces.landmarks[3][mirror])
    one_sided = mirror == sorted(mirror)
    assert ("mirrored" in kinds(verify(swapped), "test/3")) is not one_sided


def test_profiles_may_look_to_either_side():
    faces = made_faces(60, "menpo-39", images=NoImages(60, "-"))
    both = faces.landmarks.copy()
    both[::2, :, 0] *= -1
    one_way, two_ways = (rank_shapes(replace(faces, landmarks=points)) for points in (faces.landmarks, both))
    assert [f.id for f in one_way] == [f.id for f in two_ways]
    assert np.allclose([f.score for f in one_way], [f.score for f in two_ways], atol=0.05)


def test_the_order_is_by_kind_and_then_the_worst_first_and_nothing_is_changed(sound):
    faces = changed(sound, 5, FAULTS["shape"](sound.landmarks[5], None))
    faces = changed(faces, 6, FAULTS["mirrored"](faces.landmarks[6], get_scheme("ibug-68")))
    kept = faces.landmarks.copy(), faces.boxes.copy()
    steps = []
    findings = verify(faces, progress=lambda what, done, total: steps.append((what, done, total)))
    order = [(KINDS.index(one.kind), -one.score) for one in findings]
    assert order == sorted(order) and np.array_equal(kept[0], faces.landmarks) and np.array_equal(kept[1], faces.boxes)
    assert steps[-1] == ("images of made-test", 130, 130)
    assert findings == verify(faces)
    left = without(faces, excludes_from(findings))
    assert not {"test/5", "test/6"} & set(left.ids) and left.parts["after exclusions"] == (len(left), 130)


def test_each_image_is_decoded_once(sound):
    images = Counted(sound.images)
    verify(replace(sound, images=images))
    assert (images.decoded == 1).all() and (images.hashed == 1).all()


def test_real_faces_with_planted_faults(data_root):
    from fldbench.dataset import load_dataset

    faces = load_dataset("300w", data_root, "test")
    scheme = get_scheme(faces.scheme)
    landmarks = faces.landmarks.copy()
    landmarks[10] = landmarks[10][list(scheme.mirror)]
    landmarks[20, 48:60] = landmarks[20, 48:60][::-1]
    landmarks[30] = landmarks[200]
    planted = {str(faces.ids[10]): "mirrored", str(faces.ids[20]): "shape"}
    findings = [one for one in verify(replace(faces, landmarks=landmarks, boxes=tight_box(landmarks))) if one.id]
    assert planted.items() <= {one.id: one.kind for one in findings}.items()
    # Some photos are twice among the test faces.
    others = {one.id for one in findings if one.kind != "duplicate"} - set(planted)
    assert len(others) <= 4


def copied(faces, row, into, target, change):
    """The faces `into` with a changed copy of one face's picture and points in the place of another's."""
    picture, landmarks = change(faces.images[row].copy(), faces.landmarks[row].copy())
    pictures, points = list(into.images), into.landmarks.copy()
    pictures[target], points[target] = np.ascontiguousarray(picture), landmarks
    return replace(into, images=ImageArrays(pictures), landmarks=points, boxes=tight_box(points), visible=None)


def warped(picture, points, matrix):
    size = picture.shape[1::-1]
    return cv2.warpAffine(picture, matrix, size, borderMode=cv2.BORDER_REPLICATE), transform(points, matrix)


def mirrored_copy(picture, points, swap=True):
    order = list(get_scheme("ibug-68").mirror) if swap else slice(None)
    return picture[:, ::-1], (points * (-1, 1) + (picture.shape[1] - 1, 0))[order]


COPIES = {
    "brighter": lambda picture, points: ((picture * 0.6 + 60).astype(np.uint8), points),
    "JPEG": lambda picture, points: (
        cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 40])[1], cv2.IMREAD_COLOR),
        points,
    ),
    "cut": lambda picture, points: (picture[12:190, 9:195], points - (9, 12)),
    "scaled": lambda picture, points: warped(picture, points, np.array([[0.85, 0, 9.0], [0, 0.85, 12.0]])),
    "turned": lambda picture, points: warped(picture, points, cv2.getRotationMatrix2D((100, 100), 12, 1.0)),
    "mirrored": mirrored_copy,
    "mirrored, numbers kept": lambda picture, points: mirrored_copy(picture, points, swap=False),
    "mirrored, darker, smaller": lambda picture, points: warped(
        (mirrored_copy(picture, points)[0] // 2).astype(np.uint8),
        mirrored_copy(picture, points)[1],
        np.array([[0.9, 0, 5.0], [0, 0.9, 5.0]]),
    ),
}


@pytest.mark.parametrize("change", COPIES)
def test_augmented_copies_of_a_picture_are_found_in_another_split_and_in_its_own(sound, change):
    few = sound[:40]
    test = copied(few, 7, made_faces(30, seed=5, split="other"), 3, COPIES[change])
    found = [one for one in verify(test, [few]) if one.kind == "duplicate"]
    assert [one.id for one in found] == ["other/3"]
    assert "that of 'test/7' in made-test" in found[0].message
    assert found[0].message.count("mirrored") == change.startswith("mirrored")
    within = [one for one in verify(copied(few, 7, few, 31, COPIES[change])) if one.kind == "duplicate"]
    assert [one.id for one in within] == ["test/31"]  # one of each pair
    assert re.search(
        "its face is that of 'test/7' in the same split, as another person, clip or photo", within[0].message
    )
    together = replace(few, groups=np.array(["a"] * 40))
    assert not [one for one in verify(copied(few, 7, together, 31, COPIES[change])) if one.kind == "duplicate"]


def test_a_split_is_compared_with_those_that_must_share_nothing_with_it():
    apart = {name: make_dataset(name).splits_apart_from for name in ("pts", "imm", "youtube-faces", "300w", "london")}
    assert apart["pts"]("all") == () and apart["pts"]("train") == ("val", "test")  # `all` holds train
    assert apart["imm"]("train") == ("test",) and apart["london"]("all") == ()
    assert apart["youtube-faces"]("train") == ("test",)
    assert apart["youtube-faces"]("test-disjoint") == ("train-disjoint",)
    assert apart["300w"]("test") == ("train",)  # not private, which is a part of it
    for name in list_datasets():
        dataset = resolve("dataset", name)
        for split, others in dataset.apart.items():
            assert {split, *others} <= set(dataset.splits) and split not in others, name
        assert not dataset.apart or set(dataset.apart) == set(dataset.splits), name
