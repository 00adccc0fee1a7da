"""Losses of attributes: values by hand, masks, weights of the classes, and what the parameter may be."""

import math
import re

import numpy as np
import pytest
import torch

from fldbench.cnn.attribute_losses import (
    KINDS,
    attribute_loss,
    check_attribute_loss,
    class_weights,
    loss_of_frequencies,
)
from fldbench.cnn.losses import masked_mean
from fldbench.errors import MethodError

CODES = np.array([0, 1, 1, 1, -1])
WEIGHT = np.array([3.0, 1.0, 1.0, 1.0, 9.0])


def logits_of(*probabilities):
    return torch.tensor(probabilities, dtype=torch.float64).log()


def losses(kind, logits, codes, class_weight=None):
    weight = None if class_weight is None else torch.tensor(class_weight)
    return attribute_loss(kind, logits, torch.tensor(codes), weight)


def test_values_by_hand():
    """With p = 0.75 and 0.2 of the true class: -ln p; times the weight of the class; times (1 - p)^2."""
    logits = logits_of([0.75, 0.25], [0.8, 0.2], [0.5, 0.5])
    entropy = [0.287682, 1.609438]
    assert losses("cross-entropy", logits, [0, 1, -1]).tolist() == pytest.approx([*entropy, 0.0], abs=1e-5)
    balanced = [0.5 * entropy[0], 3 * entropy[1], 0.0]
    assert losses("balanced", logits, [0, 1, -1], [0.5, 3.0]).tolist() == pytest.approx(balanced, abs=1e-5)
    focal = [0.0625 * entropy[0], 0.64 * entropy[1], 0.0]
    assert losses("focal", logits, [0, 1, -1]).tolist() == pytest.approx(focal, abs=1e-5)


def test_balanced_needs_the_weights():
    with pytest.raises(ValueError, match="needs class_weight"):
        attribute_loss("balanced", torch.zeros(1, 2), torch.tensor([0]))


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_code_has_neither_loss_nor_gradient(kind):
    logits = torch.tensor([[1.0, 2.0], [1e4, -1e4]], requires_grad=True)
    found = losses(kind, logits, [1, -1], [1.0, 2.0])
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert found[1] == 0 and found[0] > 0
    assert not gradient[1].any() and gradient[0].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_of_which_nothing_is_known_is_exactly_zero(kind):
    logits = torch.ones(3, 2, requires_grad=True)
    codes = torch.tensor([-1, -1, -1])
    loss = masked_mean(losses(kind, logits, codes.tolist(), [1.0, 2.0]), (codes >= 0).float())
    (gradient,) = torch.autograd.grad(loss, logits)
    assert loss == 0 and not gradient.any()


@pytest.mark.parametrize("kind", KINDS)
def test_sure_answers_stay_finite(kind):
    """Sure and right costs nothing; sure and wrong costs the difference of the logits."""
    logits = torch.tensor([[100.0, -100.0], [100.0, -100.0]], requires_grad=True)
    found = losses(kind, logits, [0, 1], [1.0, 1.0])
    (gradient,) = torch.autograd.grad(found.sum(), logits)
    assert found.tolist() == pytest.approx([0.0, 200.0])
    assert gradient.tolist() == [[0.0, 0.0], pytest.approx([1.0, -1.0])]


@pytest.mark.parametrize("kind", KINDS)
def test_half_precision_is_computed_in_single(kind):
    logits = torch.tensor([[0.5, 2.25], [-1.0, 3.0]])
    found = losses(kind, logits.bfloat16(), [0, 1], [1.0, 2.0])
    assert found.dtype == torch.float32
    assert torch.equal(found, losses(kind, logits, [0, 1], [1.0, 2.0]))


def test_focal_is_the_cross_entropy_of_hard_faces():
    """The gradient of easy faces is smaller, as a share, than that of hard ones."""
    logits = torch.tensor([[3.0, 0.0], [-3.0, 0.0]], requires_grad=True)
    gradients = [torch.autograd.grad(losses(kind, logits, [0, 0]).sum(), logits)[0] for kind in KINDS[::2]]
    shares = gradients[1].norm(dim=1) / gradients[0].norm(dim=1)
    assert shares[0] < 0.02 and shares[1] > 0.9


def test_class_weights_by_hand():
    """1 and 3 of 4 faces: 4 / (2 * 1) and 4 / (2 * 3). With weights, 3 and 3 of 6: 1 and 1."""
    assert class_weights(CODES, 2).tolist() == pytest.approx([2.0, 2 / 3])
    assert class_weights(CODES, 2, WEIGHT).tolist() == [1.0, 1.0]
    assert class_weights(CODES, 4).tolist() == pytest.approx([2.0, 2 / 3, 0.0, 0.0])
    assert class_weights(np.array([2, 0, 0, 2]), 3).tolist() == [1.0, 0.0, 1.0]


def test_class_weights_give_every_class_the_same_sum():
    rng = np.random.default_rng(0)
    codes, weight = rng.integers(-1, 5, 300), rng.uniform(0.1, 3, 300)
    factor = class_weights(codes, 5, weight)
    sums = [weight[codes == c].sum() * factor[c] for c in range(5)]
    assert sums == pytest.approx([weight[codes >= 0].sum() / 5] * 5)
    assert class_weights(codes, 5, 7 * weight) == pytest.approx(factor)


def test_loss_of_frequencies_by_hand():
    """Frequencies 1/4 and 3/4; with weights 1/2 and 1/2; the balanced ones are equal."""
    plain = 0.25 * math.log(4) + 0.75 * math.log(4 / 3)
    assert loss_of_frequencies("cross-entropy", CODES, 2) == pytest.approx(plain)
    assert loss_of_frequencies("cross-entropy", CODES, 2, WEIGHT) == pytest.approx(math.log(2))
    assert loss_of_frequencies("balanced", CODES, 2) == pytest.approx(math.log(2))
    focal = 0.25 * 0.75**2 * math.log(4) + 0.75 * 0.25**2 * math.log(4 / 3)
    assert loss_of_frequencies("focal", CODES, 2) == pytest.approx(focal)
    assert loss_of_frequencies("balanced", np.array([0, 2, 2]), 5) == pytest.approx(math.log(2))
    assert loss_of_frequencies("cross-entropy", np.array([1, 1]), 2) == 0


@pytest.mark.parametrize("kind", KINDS)
def test_loss_of_frequencies_is_the_loss_of_that_answer(kind):
    """A second route: the loss itself on all faces, answered by the frequencies."""
    rng = np.random.default_rng(1)
    codes, weight = rng.choice(4, 500, p=[0.6, 0.3, 0.1, 0.0]), rng.uniform(0.1, 3, 500)
    codes[::7] = -1
    factor = class_weights(codes, 4, weight)
    known = codes >= 0
    share = np.bincount(codes[known], weight[known], 4)
    share = np.where(factor > 0, 1 / 3, 0) if kind == "balanced" else share / share.sum()
    logits = torch.from_numpy(np.log(share + 1e-30)).expand(500, 4)
    each = losses(kind, logits, codes.tolist(), factor.tolist()).double()
    expected = masked_mean(each, torch.from_numpy(weight * known)).item()
    assert loss_of_frequencies(kind, codes, 4, weight) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["cross-entropy", "balanced"])
def test_no_other_constant_answer_is_better(kind):
    rng = np.random.default_rng(2)
    codes = rng.choice(3, 400, p=[0.7, 0.2, 0.1])
    best = loss_of_frequencies(kind, codes, 3)
    for _ in range(50):
        logits = torch.from_numpy(rng.normal(size=3)).expand(400, 3)
        assert losses(kind, logits, codes.tolist(), class_weights(codes, 3).tolist()).mean() > best - 1e-6


TASKS = ("landmarks", "smile", "pose")


def test_kinds_of_the_parameter():
    assert check_attribute_loss("focal", TASKS, "a-net") == {"smile": "focal", "pose": "focal"}
    assert check_attribute_loss({"pose": "balanced"}, TASKS, "a-net") == {"smile": "cross-entropy", "pose": "balanced"}
    assert check_attribute_loss("balanced", ["landmarks"], "a-net") == {}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "focus",
            "a-net: attribute_loss is 'focus'; must be one of 'cross-entropy', 'balanced', 'focal'; or a dict of "
            "attribute -> loss",
        ),
        (
            None,
            "a-net: attribute_loss is None; must be one of 'cross-entropy', 'balanced', 'focal', or a dict of "
            "attribute -> loss",
        ),
        (
            {"pse": "focal"},
            "a-net: attribute_loss names 'pse', which is no attribute among the tasks; did you mean 'pose'?",
        ),
        (
            {"landmarks": "focal"},
            "a-net: attribute_loss names 'landmarks', which is no attribute among the tasks; known: pose, smile",
        ),
        (
            {"pose": 2},
            "a-net: attribute_loss of pose is 2; must be one of 'cross-entropy', 'balanced', 'focal'",
        ),
    ],
)
def test_what_the_parameter_cannot_be(value, message):
    with pytest.raises(MethodError, match=f"^{re.escape(message)}$"):
        check_attribute_loss(value, TASKS, "a-net")
