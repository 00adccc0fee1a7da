"""two-pass: the second answer is that on the tight box of the first; faces that are missed stay so; any method."""

import numpy as np
import pytest
from toys import toy_faces

from fldbench import Method, MethodError, UnknownNameError, load_method, make_method, register_method
from fldbench.geometry import tight_box


class Halfway(Method):
    """Answers with a square that lies halfway between its box and a place that it learned; misses dark images."""

    def fit(self, train, val=None):
        self.box_ = tight_box(train.landmarks).mean(axis=0)
        return self

    def predict(self, images, boxes):
        boxes = (np.asarray(boxes, float) + self.box_) / 2
        corners = boxes[:, [0, 1, 2, 1, 0, 3, 2, 3]].reshape(-1, 4, 2)
        answer = np.concatenate([corners, corners.mean(axis=1, keepdims=True)], axis=1)
        answer[[image.mean() < 1 for image in images]] = np.nan
        return answer


@pytest.fixture
def halfway(toy):
    register_method("halfway", Halfway)
    return toy_faces(9, 1)


def test_each_pass_begins_with_the_tight_box_of_the_answer_before(halfway):
    one = make_method("halfway").fit(halfway)
    images, boxes = [*halfway.images[:3], np.zeros((9, 9, 3), np.uint8)], np.tile([0.0, 0, 80, 40], (4, 1))
    answer = one.predict(images, boxes)
    for passes in (1, 2, 3):
        found = make_method("two-pass", method="halfway", passes=passes).fit(halfway).predict(images, boxes)
        off = tight_box(found[:3]) - one.box_
        assert np.allclose(off, (boxes[:3] - one.box_) / 2**passes)
        assert np.isnan(found[3]).all()
    assert np.allclose(
        make_method("two-pass", method="halfway", passes=1).fit(halfway).predict(images, boxes)[:3], answer[:3]
    )


def test_it_keeps_its_model(tmp_path):
    train = toy_faces(9, 1)
    model = make_method("two-pass", method="mean-shape").fit(train)
    again = load_method(model.save(tmp_path / "m.safetensors"))
    images, boxes = list(train.images), np.array(train.boxes)
    assert np.array_equal(again.predict(images, boxes), model.predict(images, boxes))


def test_wrong_parameters_name_what_is_allowed():
    with pytest.raises(MethodError, match="two-pass: passes is 5; must be a whole number from 1 to 4"):
        make_method("two-pass", passes=5).check_params()
    with pytest.raises(UnknownNameError, match="no method named 'lbff'; did you mean 'lbf'"):
        make_method("two-pass", method="lbff").check_params()
    with pytest.raises(MethodError, match="two-pass: lbf: lbf: stages is 0"):
        make_method("two-pass", params={"stages": 0}).check_params()
