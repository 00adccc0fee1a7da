"""FaceSet: indexing, laziness, splitting, fingerprints, and what is refused."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from face_sets import Counted, Untouchable
from toys import toy_faces

import fldbench
from fldbench.errors import DataError
from fldbench.faces import Face, FaceSet, ImageArrays, ImageFiles, facts_of, unreadable_images
from fldbench.faces import images as image_module
from fldbench.protocols import boxes_from


def test_importing_faces_and_what_is_done_with_them_loads_nothing_heavy():
    heavy = ("torch", "cv2", "dlib", "pandas", "matplotlib", "scipy", "sklearn", "joblib")
    modules = "fldbench.faces.pack, fldbench.curate.verify, fldbench.curate.convert, fldbench.curate.inspect"
    code = f"import sys, {modules}; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"


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
    with pytest.raises(DataError, match="toy-test has no subset 'evn'; did you mean 'even'"):
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
        ({"boxes": np.ones((3, 4))}, "toy-test: the number of boxes is 3; must be 4, one for each id"),
        (
            {"landmarks": np.ones((4, 6, 2))},
            r"the shape of the landmarks is \(4, 6, 2\); must be \(4, 5, 2\) for mtfl-5",
        ),
        (
            {"visible": np.ones((4, 6), bool)},
            r"the shape of visible is \(4, 6\); must be \(4, 5\), one flag for each landmark",
        ),
        ({"ids": np.array(["a", "b", "a", "c"])}, "the id 'a' is used for more than one face"),
        (
            {"attributes": {"smile": [0, 1, 0.5, 1]}},
            "the attribute smile is 0.5; must be a whole number, -1 where",
        ),
        ({"attributes": {"smile": [0, 1, np.nan, 1]}}, "the attribute smile is nan; must be a whole number, -1 where"),
        ({"attributes": {"smile": ["no", "yes", "", ""]}}, "the attribute smile is 'no'; must be a whole number, -1"),
        ({"attributes": {"smile": [None, 1, 0, 1]}}, "the attribute smile is None; must be a whole number, -1 where"),
        ({"attributes": {"smile": np.zeros(5)}}, r"the number of attributes\[smile\] is 5; must be 4"),
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
        ([1] * 9, 0.0, r"a fraction must be between 0 and 1"),
        ([1] * 9, 1.0, r"a fraction must be between 0 and 1"),
        ([1] * 9, float("nan"), r"a fraction must be between 0 and 1"),
    ],
)
def test_splits_that_cannot_be_made(sizes, fraction, text):
    with pytest.raises(DataError, match=text):
        grouped(sizes).split(fraction)


def test_split_by_something_else():
    with pytest.raises(DataError, match="toy-test: by is 'person'; must be 'group' or 'face'"):
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
    with pytest.raises(DataError, match=f"toy-test: the number of folds is {k}; must be 2 to the number of groups, 4"):
        grouped([2] * 4).folds(k)


def test_fingerprint_sees_all_that_can_change_a_number_and_nothing_else():
    faces = replace(toy_faces(4), attributes={"smile": np.arange(4), "glasses": np.zeros(4)})
    same = replace(faces, name="other", subsets={}, groups=np.array(list("aabb")), parts={"a": (1, 2)})
    same = replace(same, attributes={"glasses": np.zeros(4), "smile": np.arange(4)})  # in another order
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
        replace(faces, attributes={}),
        replace(faces, attributes={"smile": np.arange(4)}),
        replace(faces, attributes={"smile": np.arange(4), "beard": np.zeros(4)}),
        replace(faces, attributes={"smile": np.zeros(4), "glasses": np.arange(4)}),
        replace(faces, attributes={"smile": np.array([0, 1, 2, -1]), "glasses": np.zeros(4)}),
    ]
    assert len({faces.fingerprint, *(other.fingerprint for other in changed)}) == len(changed) + 1


def test_fingerprint_by_hand():
    """A set without attributes keeps the fingerprint that earlier versions gave it."""
    faces = toy_faces(3)
    parts = [
        b"mtfl-5",
        b"test0\ntest1\ntest2",
        faces.landmarks.tobytes(),
        faces.boxes.tobytes(),
        faces.visible.tobytes(),
    ]
    parts += [hashlib.sha256(b"(48, 40, 3)" + image.tobytes()).digest() for image in faces.images]
    assert faces.fingerprint == hashlib.sha256(b"".join(parts)).hexdigest()
    parts += [b"\0age\0", np.array([30, -1, 4], "<i8").tobytes(), b"\0smile\0", np.array([1, 0, 1], "<i8").tobytes()]
    tagged = replace(faces, attributes={"smile": [1, 0, 1], "age": [30, -1, 4]})
    assert tagged.fingerprint == hashlib.sha256(b"".join(parts)).hexdigest()


def test_each_image_is_hashed_once_for_all_parts_of_a_set():
    images = Counted(toy_faces(8).images)
    faces = replace(toy_faces(8), images=images)
    prints = {faces.fingerprint, *(faces.subset(name).fingerprint for name in ("even", "odd"))}
    prints |= {faces[::-1][2:5].fingerprint, faces.with_boxes(faces.boxes + 1).fingerprint}
    assert len(prints) == 5 and images.hashed.tolist() == [1] * 8 and not images.decoded.any()


def test_each_file_is_read_once_for_decoding_and_for_every_fingerprint(tmp_path, monkeypatch):
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for i, path in enumerate(paths):
        path.write_bytes(cv2.imencode(".png", np.full((4, 4, 3), i, np.uint8))[1].tobytes())
    paths[3].write_text("no image")
    reads, opened = [], image_module.open_regular
    monkeypatch.setattr(image_module, "open_regular", lambda path: reads.append(Path(path).name) or opened(path))
    landmarks = toy_faces(5).landmarks
    faces = replace(toy_faces(5), images=ImageFiles([*paths, paths[0]]), landmarks=landmarks)
    assert list(unreadable_images(faces)) == [3]
    assert sorted(reads) == ["0.png", "0.png", "1.png", "2.png", "3.png"]  # two faces decode the first one
    reads.clear()
    prints = [part.fingerprint for part in (faces, faces[:3], faces.subset("even"), faces[[4, 3]])]
    assert len(set(prints)) == 4 and not reads
    again = replace(faces, images=ImageFiles([*paths, paths[0]]))
    assert [part.fingerprint for part in (again, again[:3], again.subset("even"), again[[4, 3]])] == prints
    assert sorted(reads) == ["0.png", "1.png", "2.png", "3.png"]


def test_names_that_utf8_cannot_hold_are_hashed_and_the_fingerprints_of_others_stay():
    faces = toy_faces(3)
    odd = replace(faces, ids=["test0", "test1", "M\udcfcller"], attributes={"\udcfc": [1, 2, 3]})
    assert len({faces.fingerprint, odd.fingerprint, replace(odd, ids=["test0", "test1", "Miller"]).fingerprint}) == 3
    # Computed before names like these were hashed at all.
    assert faces.fingerprint.startswith("77fd36d1b89e6abd247e")


def test_a_name_of_thousands_of_letters_is_refused_before_every_face_takes_its_room():
    faces = toy_faces(3)
    for column in ("ids", "groups"):
        names = ["a", "b", "c" * 1001]
        text = rf"toy: an? {column[:-1]} of 1001 letters begins 'c+'; must be at most 1000 letters long"
        with pytest.raises(DataError, match=text):
            replace(faces, **{column: names})
        assert len(getattr(replace(faces, **{column: ["a", "b", "c" * 1000]}), column)[2]) == 1000
    assert replace(faces, ids=[1, 2, 3]).ids.tolist() == ["1", "2", "3"]


def test_faces_know_where_their_boxes_come_from():
    faces = fldbench.load_dataset("synthetic", split="test", faces=3)
    assert faces.box_source == "tight" and faces[:2].box_source == "tight"
    assert boxes_from(faces, "jittered:.1").box_source == "jittered:0.10"
    assert boxes_from(faces, "official").box_source == "tight"  # the dataset has none of its own
    assert boxes_from(faces.with_boxes(faces.boxes + 1, "official"), "official").box_source == "official"
    assert faces.with_boxes(faces.boxes + 1).box_source == "" and toy_faces(2).box_source == ""
    assert faces.with_boxes(faces.boxes, "official").fingerprint == faces.fingerprint


def test_facts_of_faces():
    faces = toy_faces(3).with_boxes([[0, 0, 2, 1], [0, 0, 1, 2], [0, 0, 1, 1]], "official")
    facts = facts_of(faces)
    assert (facts.dataset, facts.split, facts.faces, facts.scheme) == ("toy", "test", 3, "mtfl-5")
    assert facts.box_shape == (0.55, 1.9)  # a tenth of the way from the smallest and the largest of 0.5, 1, 2
    assert facts.fingerprint == faces.fingerprint
    assert str(facts) == "3 faces of toy-test (mtfl-5), official boxes"
    assert facts_of(faces[:0]).box_shape == () and facts_of(replace(faces, name="", split_name="")).dataset == ""


@pytest.mark.parametrize("far", [np.inf, -np.inf, 1e308, 1e30, -1.1e6])
def test_a_point_absurdly_far_away_is_refused_by_name(far):
    faces = toy_faces(4)
    landmarks = faces.landmarks.copy()
    landmarks[2, 3, 1] = far
    with pytest.raises(DataError, match=r"^toy-test: face 'test2': point 3 is \[.*\]; must be x, y in px, neither bey"):
        replace(faces, landmarks=landmarks)
    landmarks[3, 0] = far
    with pytest.raises(DataError, match=r"; 2 faces have such points$"):
        replace(faces, landmarks=landmarks)
    landmarks[2, 3, 1], landmarks[3, 0] = np.nan, 1e6
    assert len(replace(faces, landmarks=landmarks)) == 4
