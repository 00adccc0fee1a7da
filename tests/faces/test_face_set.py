"""FaceSet and images: indexing, laziness, splitting, fingerprints, and what is refused."""

import zlib
from dataclasses import replace

import cv2
import numpy as np
import pytest
from toys import toy_faces

from fldbench.errors import DataError
from fldbench.faces import Face, FaceSet, ImageArrays, ImageFiles, NoImages, unreadable_images


class Untouchable(ImageArrays):
    """Fails when anybody opens an image."""

    def decode(self, i):
        raise AssertionError("an image was opened")


def test_indexing_gives_faces_and_face_sets():
    faces = toy_faces(6)
    one = faces[2]
    assert isinstance(one, Face) and one.id == "test2" and one.image.shape == (48, 40, 3)
    assert np.array_equal(one.landmarks, faces.landmarks[2])
    assert faces[-1].id == "test5" and [face.id for face in faces][:2] == ["test0", "test1"]
    for index in (slice(1, 4), np.array([3, 0]), np.arange(6) % 2 == 0):
        part = faces[index]
        assert isinstance(part, FaceSet) and part.ids.tolist() == faces.ids[index].tolist()
        assert np.array_equal(part.images[0], faces.images[int(np.arange(6)[index][0])])
    with pytest.raises(IndexError):
        faces.images[6]


def test_selections_of_selections_keep_every_column_in_step():
    faces = replace(toy_faces(10), attributes={"smile": np.arange(10)}, groups=np.array(list("aabbccddee")))
    part = faces[::-1][np.array([0, 5, 2])]
    assert part.ids.tolist() == ["test9", "test4", "test7"]
    assert part.attributes["smile"].tolist() == [9, 4, 7] and part.groups.tolist() == ["e", "c", "d"]
    assert part.subsets["even"].tolist() == [False, True, False]
    assert part[1].attributes == {"smile": 4}
    assert np.array_equal(part.images[2], faces.images[7])


def test_a_face_is_a_copy():
    faces = toy_faces(2)
    faces[0].landmarks[:] = 0
    assert (faces.landmarks[0] != 0).all()


def test_annotations_can_be_used_without_opening_an_image():
    faces = replace(toy_faces(4), images=Untouchable([np.zeros((2, 2, 3), np.uint8)] * 4))
    part = faces[1:].subset("even").with_boxes(np.ones((1, 4)))
    assert part.ids.tolist() == ["test2"] and len(part.fingerprint) == 64
    with pytest.raises(AssertionError, match="opened"):
        part.images[0]


def test_unknown_subset_names_the_known():
    with pytest.raises(DataError, match="toy-test has no subset 'evn'; allowed: even, odd, none"):
        toy_faces(2).subset("evn")


def test_visibility_defaults_to_annotated():
    faces = toy_faces(2)
    landmarks = faces.landmarks.copy()
    landmarks[0, 3] = np.nan
    assert replace(faces, landmarks=landmarks, visible=None).visible.tolist() == [
        [True, True, True, False, True],
        [True] * 5,
    ]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"boxes": np.ones((3, 4))}, "boxes has 3 rows, ids has 4"),
        ({"landmarks": np.ones((4, 6, 2))}, r"landmarks have the shape \(4, 6, 2\); mtfl-5 needs \(4, 5, 2\)"),
        ({"ids": np.array(["a", "b", "a", "c"])}, "the id 'a' stands for more than one face"),
        ({"attributes": {"smile": np.zeros(5)}}, r"attributes\[smile\] has 5 rows"),
    ],
)
def test_columns_that_do_not_fit_are_refused(change, text):
    with pytest.raises(DataError, match=text):
        replace(toy_faces(4), **change)


def grouped(sizes, seed=0):
    """Faces of groups of these sizes, in a random order."""
    groups = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    return replace(toy_faces(len(groups)), groups=np.random.default_rng(seed).permutation(groups))


def test_split_never_cuts_a_group_and_depends_on_the_seed_alone():
    faces = grouped([4] * 10)
    rest, part = faces.split(0.3, random_state=1)
    assert len(part) == 12 and len(rest) == 28
    assert not set(part.groups) & set(rest.groups)
    assert sorted([*rest.ids, *part.ids]) == sorted(faces.ids)
    assert faces.split(0.3, random_state=1)[1].ids.tolist() == part.ids.tolist()
    assert faces.split(0.3, random_state=2)[1].ids.tolist() != part.ids.tolist()
    assert sorted(faces[::-1].split(0.3, random_state=1)[1].ids) == sorted(part.ids)


def test_split_counts_faces_not_groups():
    faces = grouped([1] * 30 + [20, 25, 25])
    for seed in range(20):
        rest, part = faces.split(0.2, random_state=seed)
        assert len(part) == 20 and len(rest) == 80
        assert not set(part.groups) & set(rest.groups)
    assert len(faces.split(0.2, by="face")[1]) == 20


@pytest.mark.parametrize(
    ("sizes", "fraction", "text"),
    [
        ([3], 0.5, r"toy-test: 3 faces of 1 group\(s\) cannot be split in two by 0.5"),
        ([5, 5], 0.1, r"10 faces of 2 group\(s\) cannot be split in two by 0.1"),
        ([1] * 9, 0.0, r"a fraction lies between 0 and 1"),
        ([1] * 9, 1.0, r"a fraction lies between 0 and 1"),
        ([1] * 9, float("nan"), r"a fraction lies between 0 and 1"),
    ],
)
def test_splits_that_cannot_be_made(sizes, fraction, text):
    with pytest.raises(DataError, match=text):
        grouped(sizes).split(fraction)


def test_split_by_something_else():
    with pytest.raises(DataError, match="toy-test cannot be split by 'person'; allowed: 'group', 'face'"):
        toy_faces(4).split(0.5, by="person")


@pytest.mark.parametrize("sizes", [[1] * 23, [7, 1, 1, 1, 4, 4, 2, 6], [9, 9, 9], [20, 1, 1, 1]])
def test_folds_hold_every_face_once_and_differ_by_the_largest_group_at_most(sizes):
    faces = grouped(sizes)
    pairs = list(faces.folds(3, random_state=5))
    assert sorted(one for _, fold in pairs for one in fold.ids) == sorted(faces.ids)
    for others, fold in pairs:
        assert sorted([*others.ids, *fold.ids]) == sorted(faces.ids)
        assert not set(others.groups) & set(fold.groups)
    lengths = [len(fold) for _, fold in pairs]
    assert min(lengths) > 0 and max(lengths) - min(lengths) <= max(sizes)
    numbers = faces.fold_of(3, random_state=5)
    assert [faces.ids[numbers == k].tolist() for k in range(3)] == [fold.ids.tolist() for _, fold in pairs]
    again = [fold.ids.tolist() for _, fold in faces.folds(3, random_state=5)]
    assert again == [fold.ids.tolist() for _, fold in pairs]


def test_folds_are_as_even_as_can_be_and_drawn():
    # By hand: 7 | 6 | 4+2 -> 7, 6, 6.
    assert sorted(len(fold) for _, fold in grouped([7, 6, 4, 2]).folds(3)) == [6, 6, 7]
    faces = grouped([1] * 20)
    assert [len(fold) for _, fold in faces.folds(4)] == [5] * 4
    drawn = {tuple(next(iter(faces.folds(4, random_state=seed)))[1].ids) for seed in range(5)}
    assert len(drawn) == 5


@pytest.mark.parametrize("k", [0, 1, 5])
def test_folds_that_cannot_be_made(k):
    with pytest.raises(DataError, match=rf"toy-test: 4 group\(s\) cannot make {k} folds; allowed: 2 to 4"):
        grouped([2] * 4).folds(k)


def test_fingerprint_sees_every_column_and_nothing_else():
    faces = toy_faces(4)
    same = replace(toy_faces(4), name="other", attributes={"smile": np.ones(4)})
    assert same.fingerprint == faces.fingerprint
    moved = faces.landmarks.copy()
    moved[2, 1, 0] += 1e-9
    pixels = [image.copy() for image in faces.images]
    pixels[3][0, 0, 0] += 1
    changed = [
        replace(faces, landmarks=moved),
        replace(faces, images=ImageArrays(pixels)),
        replace(faces, ids=np.array(list("abcd"))),
        faces.with_boxes(faces.boxes + 1),
        replace(faces, visible=np.zeros((4, 5), bool)),
        faces[:3],
        faces[::-1],
    ]
    assert len({faces.fingerprint, *(other.fingerprint for other in changed)}) == len(changed) + 1


def test_image_files_decode_to_rgb_whatever_they_hold(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (7, 9, 3), np.uint8)
    colour, grey = tmp_path / "a ü.png", tmp_path / "g.png"
    colour.write_bytes(cv2.imencode(".png", rgb[..., ::-1])[1].tobytes())
    grey.write_bytes(cv2.imencode(".png", rgb[..., 0])[1].tobytes())
    images = ImageFiles([colour, grey])
    assert np.array_equal(images[0], rgb)
    assert np.array_equal(images[1], np.repeat(rgb[..., :1], 3, axis=2))
    assert images.digest(0) != images.digest(1)


def test_encoded_images_are_the_bytes_of_their_files(tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for i, path in enumerate(paths):
        path.write_bytes(cv2.imencode(".png", np.full((4, 4, 3), i, np.uint8))[1].tobytes())
    images = ImageFiles(paths)[::-1]
    assert [images.encoded(i) for i in range(3)] == [path.read_bytes() for path in paths[::-1]]
    assert toy_faces(2).images.encoded(0) is None and toy_faces(2).images[1:].encoded(0) is None


def test_an_image_that_claims_to_be_too_large_is_named(tmp_path):
    image = bytearray(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    image[16:24] = (1 << 22).to_bytes(4) * 2  # width and height
    image[29:33] = zlib.crc32(image[12:29]).to_bytes(4)
    (tmp_path / "vast.png").write_bytes(image)
    with pytest.raises(DataError, match=r"vast\.png: not an image that can be decoded"):
        ImageFiles([tmp_path / "vast.png"])[0]


def test_bad_image_files_are_named(tmp_path):
    good, empty, text = tmp_path / "good.png", tmp_path / "empty.jpg", tmp_path / "text.jpg"
    good.write_bytes(cv2.imencode(".png", np.zeros((4, 4, 3), np.uint8))[1].tobytes())
    empty.touch()
    text.write_text("not a picture")
    images = ImageFiles([good, empty, text, tmp_path / "absent.jpg"])
    faces = replace(toy_faces(4), images=images)
    problems = unreadable_images(faces)
    assert list(problems) == [1, 2, 3]
    assert "empty.jpg: the image file is empty" in problems[1]
    assert "text.jpg: not an image that can be decoded" in problems[2]
    assert "absent.jpg: cannot be read (No such file or directory)" in problems[3]
    assert len(faces.fingerprint) == 64


def test_a_dataset_without_images_says_so():
    faces = replace(toy_faces(3), images=NoImages(3, "there are none here"))
    with pytest.raises(DataError, match="there are none here"):
        faces.images[0]
    assert len(faces[1:].images) == 2
