"""What predict is given: any pixels, counts and boxes; and nobody writes into what others use."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest
from toys import Noisy, toy_faces

import fldbench
from fldbench.errors import DataError, MethodError
from fldbench.faces import ImageArrays
from fldbench.faces.given import given_faces
from fldbench.method import Method, predict_checked

FACES = toy_faces(2)
IMAGE, BOX = FACES.images[0], FACES.boxes[:1]
FITTED = fldbench.make_method("linear").fit(toy_faces(6))


class Sees(Method):
    """Keeps what it was given, in every call that takes images."""

    def predict(self, images, boxes, start_shapes=None):
        self.seen = list(images), boxes, start_shapes
        return np.zeros((len(images), 5, 2))

    def predict_attributes(self, images, boxes):
        return {"seen": list(images)}

    def predict_confidence(self, images, boxes):
        return list(images)


class Tensor:
    """Stands for torch's, of which the base class must not know."""

    __module__ = "torch"

    def __len__(self):
        return 3

    def __getitem__(self, i):
        return 0


class Picture:
    """Stands for PIL's."""

    __module__ = "PIL.Image"
    __array_interface__ = {}


REFUSED = {
    "uint16": (IMAGE.astype(np.uint16) * 257, r"image 1: the dtype is 'uint16'; must be uint8, .*; scale it to 0..255"),
    "float32 to 1": ((IMAGE / 255).astype(np.float32), r"image 1: the dtype is 'float32'; .* \(255 \* image\)"),
    "float64 to 1": (IMAGE / 255, r"image 1: the dtype is 'float64'; .* scale it from 0..1 to 0..255"),
    "float64 to 255": (IMAGE * 1.0, r"the dtype is 'float64'; .* image.round\(\).astype\(np.uint8\)"),
    "int64": (IMAGE.astype(int), r"the dtype is 'int64'; .* image.astype\(np.uint8\)"),
    "bool": (IMAGE > 99, r"the dtype is 'bool'; .* 255 \* image"),
    "letters": (np.array([["a"]]), r"the dtype is '<U1'; .* convert it to uint8"),
    "channels first": (IMAGE.transpose(2, 0, 1), r"the shape is \(3, 48, 40\); .* np.moveaxis\(image, 0, -1\)"),
    "two channels": (IMAGE[..., :2], r"the shape is \(48, 40, 2\); .* image\[..., 0\]"),
    "five channels": (np.zeros((9, 9, 5), np.uint8), r"the shape is \(9, 9, 5\); must be \(h, w, 3\)"),
    "a batch of one": (IMAGE[None], r"the shape is \(1, 48, 40, 3\); .* image\[0\]"),
    "no rows": (IMAGE[:0], r"the shape is \(0, 40, 3\); .* at least 1 x 1"),
    "a panorama": (
        np.zeros((2, 32767), np.uint8),
        r"the shape is \(2, 32767\); must be at most 32766 px high and wide",
    ),
    "a row": (IMAGE[0, :, 0], r"the shape is \(40,\)"),
    "PIL": (Picture(), r"the type is 'PIL.Image.Picture'; .* np.asarray\(image.convert"),
    "torch": (Tensor(), r"the type is 'torch.Tensor'; .* image.permute\(1, 2, 0\)"),
    "a path": ("a.jpg", r"the type is 'builtins.str'; .* fldbench.ImageFiles"),
    "bytes": (b"\xff\xd8", r"the type is 'builtins.bytes'; .* decode it first"),
    "None": (None, r"the type is 'builtins.NoneType'; .* None in OpenCV"),
    "nested lists": (IMAGE.tolist(), r"the type is 'builtins.list'; .* np.array\(image, np.uint8\)"),
    "a Face": (FACES[0], r"the type is 'fldbench.faces.face_set.Face'"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_image_is_refused_by_its_place(what):
    image, message = REFUSED[what]
    for predict in (FITTED.predict, Sees().predict_attributes, Sees().predict_confidence):
        with pytest.raises(DataError, match=message):
            predict([IMAGE, image], FACES.boxes)
    with pytest.raises(DataError, match=message):  # one check, also for images that are decoded on access
        _ = ImageArrays([IMAGE, image])[1]


@pytest.mark.parametrize("name", ["linear", "mean-shape", "hog-ridge", "lbf", "asm", "ert", "average", "hybrid"])
def test_every_method_refuses_alike_before_it_is_asked(name):
    with pytest.raises(DataError, match="image 0: the dtype is 'float64'"):
        fldbench.make_method(name).predict([IMAGE / 255], BOX)


def test_counts_and_single_images_are_refused_with_the_right_call():
    for images, boxes, message in (
        ([IMAGE], FACES.boxes, r"the number of images is 1; must be 2, .* predict\(\[photo\] \* len\(boxes\), boxes\)"),
        ([IMAGE] * 2, BOX, r"the number of images is 2; must be 1, one for each box$"),
        ([], BOX, "the number of images is 0; must be 1"),
        (IMAGE, BOX, r"images is \(48, 40, 3\); .* for one face write predict\(\[image\], \[box\]\)"),
        (IMAGE[..., 0], BOX, r"images is \(48, 40\); .* for one face"),
        (Picture(), BOX, r"images is 'Picture'; must be a sequence of images; write list\(images\)"),
        (Tensor(), BOX, r"the number of images is 3; must be 1"),
        ("a.jpg", BOX, r"images is 'str'; must be a sequence of images"),
        ({0: IMAGE}, BOX, "images is 'dict'"),
        ((image for image in [IMAGE]), BOX, r"images is 'generator'; .* write list\(images\)"),
        (None, BOX, "images is 'NoneType'"),
        (FACES, BOX, r"images is 'a FaceSet'; must be its images: predict\(faces.images, faces.boxes\)"),
        ([IMAGE], BOX[0], r"boxes: the shape is \(4,\); .* predict\(\[image\], \[box\]\)"),
        ([IMAGE], [["a"] * 4], r"boxes is \[\['a', 'a', 'a', 'a'\]\]; must be \(n, 4\)"),
        ([IMAGE], [[1, 2, 3]], r"boxes: the shape is \(1, 3\)"),
        ([IMAGE], None, r"boxes: the shape is \(\); must be \(n, 4\)"),
        ([IMAGE] * 2, [BOX[0], [5, 5, 5, 9]], "face number 1: the box is"),
        ([IMAGE], [[5, 5, np.nan, 9]], "face number 0: the box is"),
    ):
        with pytest.raises(DataError, match=message):
            FITTED.predict(images, boxes)


def test_start_shapes_are_one_for_each_face():
    for shapes in (np.zeros((2, 5, 2)), np.zeros((5, 2)), np.zeros((1, 5, 3)), "x"):
        with pytest.raises(DataError, match="start_shapes is"):
            Sees().predict([IMAGE], BOX, start_shapes=shapes)
    seen = Sees()
    seen.predict([IMAGE], BOX, start_shapes=[[[1, 2]]])
    assert seen.seen[2].shape == (1, 1, 2) and not seen.seen[2].flags.writeable
    seen.predict([IMAGE], BOX, start_shapes=None)
    assert seen.seen[2] is None


def test_grey_and_alpha_come_as_rgb_in_every_kind_of_sequence():
    grey = np.ascontiguousarray(IMAGE[..., 1])
    stacked, alpha = np.stack([grey] * 3, axis=-1), np.concatenate([IMAGE, IMAGE[..., :1] // 2], axis=2)
    for image, right in ((grey, stacked), (grey[..., None], stacked), (alpha, IMAGE), (IMAGE[:, ::-1], IMAGE[:, ::-1])):
        sees = Sees()
        for images in ([image], (image,), ImageArrays([image]), image[None], np.array([image, None], object)[:1]):
            if getattr(images, "shape", None) == (1, *grey.shape, 1):
                continue  # as an array, it would be taken for one image
            sees.predict(images, BOX)
            assert np.array_equal(sees.seen[0][0], right) and not sees.seen[0][0].flags.writeable
        answer = FITTED.predict([image], BOX)
        assert np.array_equal(answer, FITTED.predict([np.ascontiguousarray(right)], BOX))
    assert np.array_equal(Sees().predict_attributes([grey], BOX)["seen"][0], stacked)
    mixed = Sees()
    mixed.predict([grey, IMAGE], FACES.boxes)
    assert [image.shape for image in mixed.seen[0]] == [(48, 40, 3)] * 2


def test_no_faces_are_answered_with_no_faces():
    for images, boxes in (([], []), ((), np.empty((0, 4))), (FACES.images[:0], FACES.boxes[:0]), (np.empty(0), [])):
        assert FITTED.predict(images, boxes).shape == (0, 5, 2)


def test_an_unfitted_method_says_so_whatever_its_author_forgot():
    with pytest.raises(MethodError, match="Noisy has not been fitted; call fit first, or load a model"):
        Noisy().predict([IMAGE], BOX)

    class Misspelt(Noisy):
        def predict(self, images, boxes):
            return self.maen_

    with pytest.raises(AttributeError, match="maen_"):
        Misspelt().fit(FACES).predict([IMAGE], BOX)


WRITERS = {
    "boxes": lambda images, boxes: boxes.__imul__(2),
    "an image": lambda images, boxes: images[0].fill(0),
    "a pixel": lambda images, boxes: images[0].__setitem__((0, 0), 0),
    "sorts": lambda images, boxes: images[0].sort(),
    "unlocks": lambda images, boxes: boxes.view().setflags(write=True),
}


@pytest.mark.parametrize("what", WRITERS)
def test_a_method_that_writes_into_what_it_was_given_is_told_which_line_did_it(what):
    class Writes(Noisy):
        def predict(self, images, boxes):
            WRITERS[what](images, boxes)
            return super().predict(images, boxes)

    images, boxes = [image.copy() for image in FACES.images], FACES.boxes.copy()
    method = Writes().fit(FACES)
    with pytest.raises(
        MethodError, match=r"tried to change what it was given.*\(test_predict_input.py, line \d+: .*co"
    ):
        method.predict(images, boxes)
    assert np.array_equal(boxes, FACES.boxes) and all(map(np.array_equal, images, FACES.images))
    boxes[0], images[0][:] = 0, 0  # the caller's own arrays stay writable


@pytest.mark.parametrize(
    "write",
    [
        lambda train: train.landmarks.__iadd__(1),
        lambda train: train.boxes.__setitem__(0, 0),
        lambda train: train.visible.fill(False),
        lambda train: train.images[0].__setitem__(0, 0),
        lambda train: train.ids.__setitem__(0, "x"),
        lambda train: train.groups.__setitem__(0, "x"),
        lambda train: train.subsets["even"].fill(True),
        lambda train: train[:2].landmarks.sort(),
        lambda train: train.subset("even").boxes.fill(0),
    ],
)
def test_fit_cannot_change_the_faces_of_others(write):
    class Writes(Noisy):
        def fit(self, train, val=None):
            write(train)
            return super().fit(train)

    faces = toy_faces(4)
    before = faces.fingerprint
    with pytest.raises(MethodError, match="tried to change what it was given"):
        Writes().fit(faces)
    assert replace(faces).fingerprint == before


def test_what_is_no_face_set_is_not_fitted_on():
    for train in (FACES.images, "synthetic", None, [FACES]):
        with pytest.raises(
            DataError, match=r"mean-shape: train is '\w+'; must be a FaceSet, as fldbench.load_dataset re"
        ):
            fldbench.make_method("mean-shape").fit(train)


def test_other_errors_of_a_method_stay_what_they_are():
    class Fails(Noisy):
        def predict(self, images, boxes):
            raise ValueError("something else")

    with pytest.raises(ValueError, match="something else"):
        Fails().fit(FACES).predict([IMAGE], BOX)


def test_columns_stay_read_only_in_copies_and_in_other_processes():
    own = FACES.landmarks.copy()
    faces = replace(FACES, landmarks=own, attributes={"smile": [0, 1]}, parts={"all": (2, 3)})
    own[0, 0, 0] = 1.5  # the arrays that a FaceSet was made of stay their owner's
    for one in (faces, faces[:2], copy.deepcopy(faces), pickle.loads(pickle.dumps(faces)), replace(faces, name="b")):
        arrays = (one.ids, one.boxes, one.landmarks, one.visible, one.groups, *one.attributes.values(), one.images[0])
        assert not any(array.flags.writeable for array in (*arrays, *one.subsets.values()))
        assert one.fingerprint == faces.fingerprint and dict(one.parts) == {"all": (2, 3)}
        for mapping in (one.attributes, one.subsets, one.parts):
            with pytest.raises(TypeError, match="does not support item assignment"):
                mapping["new"] = 1


def test_good_images_are_looked_at_and_never_copied():
    images = [np.zeros((2000, 3000, 3), np.uint8)] * 50
    boxes = np.tile([1.0, 1, 5, 5], (50, 1))
    given, _ = given_faces(images, boxes)
    assert all(np.shares_memory(one, images[0]) for one in given)


def of_shape(faces, height_over_width):
    """The boxes of faces, with other heights."""
    boxes = faces.boxes.copy()
    boxes[:, 3] = boxes[:, 1] + (boxes[:, 2] - boxes[:, 0]) * height_over_width
    return boxes


def test_a_model_warns_once_of_boxes_from_elsewhere(toy, tmp_path):
    train, test = toy_faces(30).with_boxes(toy_faces(30).boxes, "tight"), toy_faces(12, seed=5)
    fitted = fldbench.make_method("noisy").fit(train)
    fitted = fldbench.load_method(fitted.save(tmp_path / "m"))
    fitted.predict(test.images, test.boxes)  # of the same kind
    with pytest.warns(
        UserWarning, match=r"noisy was fitted on 30 faces of toy-test \(mtfl-5\), tight boxes, .*: all of"
    ):
        fitted.predict(test.images, of_shape(test, 1.25))
    fitted.predict(test.images, of_shape(test, 1.25))
    fitted.fit(train)
    with pytest.warns(UserWarning, match=r"their width over height is 0.40\. Its errors grow"):
        fitted.predict(test.images, of_shape(test, 2.5))
    fitted.fit(train.with_boxes(of_shape(train, 1), "official"))
    fitted.predict(test.images, of_shape(test, 1))
    with pytest.warns(UserWarning, match=r"official boxes, width over height 1.00 to 1.00; .*"):
        fitted.predict(test.images, test.boxes)


def test_a_method_of_another_warns_alone(toy):
    train, test = toy_faces(30), toy_faces(12, seed=5)
    fitted = fldbench.make_method("two-pass", method="mean-shape").fit(train)
    with pytest.warns(UserWarning, match="^two-pass was fitted on 30 faces") as warned:
        fitted.predict(test.images, of_shape(test, 1.25))
    assert len(warned) == 1
    with pytest.warns(UserWarning, match="^mean-shape was fitted"):  # its turn when it is asked itself
        fitted.members_[0].predict(test.images, of_shape(test, 1.25))


def test_faces_one_by_one_are_judged_together(toy):
    train, test = toy_faces(30), toy_faces(12, seed=5)
    fitted, squares = fldbench.make_method("noisy").fit(train), of_shape(test, 1.25)
    for i in range(7):
        fitted.predict([test.images[i]], squares[i : i + 1])
    with pytest.warns(UserWarning, match="all of them have one shape"):
        fitted.predict([test.images[7]], squares[7:8])
    fitted.fit(train)
    for _ in range(20):  # one face again and again says nothing about where boxes come from
        fitted.predict([test.images[0]], squares[:1])


def test_what_is_masked_in_an_answer_is_missed():
    class Masks(Noisy):
        def predict(self, images, boxes):
            answer = np.ma.zeros((len(images), 5, 2))
            answer[0, 2] = np.ma.masked
            return answer

    answer = predict_checked(Masks(), list(FACES.images), FACES.boxes, 5)
    assert np.isnan(answer[0]).all() and (answer[1] == 0).all()
