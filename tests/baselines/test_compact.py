"""compact: the member's answers with rounded weights, before and after the file; a smaller file; one fit."""

import numpy as np
import pytest
from toys import toy_faces

from fldbench import Method, MethodError, load_method, make_method, register_method
from fldbench.compact import compacted, restored

QUICK = {"method": "cnn-small", "params": {"size": 32, "epochs": 1}}


class Steps(Method):
    """Answers with one row of numbers that it learned: 0, 1, 2, ... tenths, and 12.7."""

    def fit(self, train, val=None):
        self.place_ = np.append(np.arange(9) / 10, 12.7).astype(np.float32).reshape(1, 10)
        return self

    def predict(self, images, boxes):
        return np.tile(self.place_.reshape(1, 5, 2).astype(float), (len(boxes), 1, 1))


@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_it_answers_as_its_file_does_and_the_file_is_smaller(tmp_path, weights):
    train = toy_faces(12)
    plain = make_method("cnn-small", **QUICK["params"]).fit(train)
    method = make_method("compact", **QUICK, weights=weights).fit(train)
    again = load_method(method.save(tmp_path / "small"))
    arrays = {name: value for name, value in plain.learned().items() if isinstance(value, np.ndarray)}
    plain.save(tmp_path / "large")
    plain.restore(plain.learned() | restored(*compacted("m", arrays, weights)))
    answers = [one.predict(train.images, train.boxes) for one in (plain, method, again)]
    assert np.array_equal(answers[0], answers[1]) and np.allclose(answers[1], answers[2], atol=1e-3)
    share = (tmp_path / "small").stat().st_size / (tmp_path / "large").stat().st_size
    assert share < (0.3 if weights == "int8" else 0.55)


def test_eight_bits_by_hand():
    """The scale of the row is 12.7 / 127 = 0.1, so that tenths are kept."""
    register_method("steps", Steps)
    train = toy_faces(3)
    answer = make_method("compact", method="steps").fit(train).predict(train.images, train.boxes)
    assert answer[0].ravel() == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 12.7], abs=1e-6)


def test_a_fitted_method_is_not_fitted_again():
    train = toy_faces(12)
    method = make_method("compact", **QUICK)
    ((name, member),) = method.members_alone.items()
    before = member.fit(train).predict(train.images, train.boxes)
    method.assemble([member], train)
    whole = make_method("compact", **QUICK).fit(train)
    answer = method.predict(train.images, train.boxes)
    assert name == "cnn-small" and method.fitted_on == whole.fitted_on
    assert np.array_equal(answer, whole.predict(train.images, train.boxes)) and not np.array_equal(answer, before)
    assert np.array_equal(member.predict(train.images, train.boxes), before)  # another row's model stays as it is


def test_wrong_parameters_name_what_is_allowed():
    with pytest.raises(MethodError, match="compact: weights is 'float32'; must be one of 'float16', 'int8'"):
        make_method("compact", weights="float32").check_params()
    with pytest.raises(MethodError, match="compact: lbf: lbf: stages is 0"):
        make_method("compact", method="lbf", params={"stages": 0}).check_params()
