"""What explains the errors of predictions: every mistake is named, and honest predictions never are."""

import re

import numpy as np
import pytest
from toys import toy_protocol

import fldbench
from fldbench.audit.predictions import explain
from fldbench.faces import NoImages
from fldbench.run.prediction_files import evaluate_file

RNG = np.random.default_rng(5)
SHAPE = np.array([[30.0, 40], [70, 42], [52, 60], [38, 80], [64, 84]])
TRUTH = SHAPE * RNG.uniform(0.7, 1.4, (200, 1, 1)) + RNG.uniform(0, 90, (200, 1, 2)) + RNG.normal(0, 3, (200, 5, 2))
GUESS = TRUTH + RNG.normal(0, 1.0, TRUTH.shape)
RULES = toy_protocol("toy-test", n_expected=200)


def faces(truth=TRUTH):
    n = len(truth)
    boxes = np.c_[np.nanmin(truth, axis=1), np.nanmax(truth, axis=1)]
    return fldbench.FaceSet([f"f{i}" for i in range(n)], NoImages(n, "no"), boxes, truth, "mtfl-5", name="toy")


def nme(points, truth=TRUTH):
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    return 100 * (np.linalg.norm(points - truth, axis=2).mean(1) / eyes).mean()


def test_an_honest_file_gets_no_remark():
    assert explain(GUESS, faces(), RULES) is None and explain(TRUTH, faces(), RULES) is None
    assert explain(TRUTH + RNG.normal(0, 12, TRUTH.shape), faces(), RULES) is None
    mean = (TRUTH - TRUTH.mean(1, keepdims=True)).mean(0)
    assert explain(TRUTH.mean(1, keepdims=True) + mean, faces(), RULES) is None  # a mean shape
    assert explain(np.full(TRUTH.shape, np.nan), faces(), RULES) is None


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        (GUESS + 1, r"1-based: moving them by \(-1, -1\) px"),
        (GUESS - 1, r"as if 1 had been subtracted from zero-based ones: moving them by \(1, 1\) px"),
        (
            TRUTH + RNG.normal(0, 0.5, TRUTH.shape) + 0.5,
            r"half a pixel too far right and down: moving them by \(-0.5, ",
        ),
        (TRUTH + RNG.normal(0, 0.1, TRUTH.shape) + 1, "1-based"),
        (GUESS + np.array([30, -40]), r"shifted: moving them by \(-(30|29\.\d|30\.\d), (40|39\.\d|40\.\d)\) px"),
        (GUESS[..., ::-1], "swapped: taking x for y and y for x"),
        (GUESS[:, ::-1], "reversed: taking the points from the last to the first"),
        (GUESS[:, [1, 0, 2, 4, 3]], "numbered as in a mirror: exchanging left and right points"),
        (GUESS.transpose(0, 2, 1).reshape(GUESS.shape), "to be x1, x2, ... y1, y2, ...: taking all x first"),
        (
            GUESS.reshape(-1, 2, 5).transpose(0, 2, 1),
            r"to be x1, y1, x2, y2, ... read as all x and then all y: taking them as pairs",
        ),
        (GUESS * [0.5, 0.25], "to be those of resized images: multiplying x by (2|1.99|2.0).* and y by (4|3.9|4.0)"),
        (GUESS * RNG.uniform(0.2, 3, (200, 1, 2)), "to be those of images resized one by one"),
        (GUESS - TRUTH.min(1, keepdims=True), "to be those of crops: moving and scaling each face"),
        (np.roll(GUESS, 1, axis=0), "to be those of the face before: moving them by one face"),
        (np.roll(GUESS, -1, axis=0), "to be those of the face after"),
        (GUESS[RNG.permutation(200)], "to be those of other faces: giving each to the face that it fits best"),
        (GUESS * 1.12, r"to be those of resized images: multiplying x by 0\.89\d* and y by 0\.89"),
        ([250, 0] + GUESS * [-1, 1], "to be those of mirrored images: mirroring each face into"),
        (
            [250, 0] + GUESS[:, [1, 0, 2, 4, 3]] * [-1, 1],
            "to be those of mirrored images: mirroring each face, and exchanging left and right points, into",
        ),
        ([250, 300] - GUESS, "to be those of images turned upside down"),
        (np.stack([GUESS[..., 1], 250 - GUESS[..., 0]], axis=2), "to be those of images turned to the left"),
        (np.stack([300 - GUESS[..., 1], GUESS[..., 0]], axis=2), "to be those of images turned to the right"),
    ],
)
def test_every_mistake_is_named_with_its_remedy(wrong, text):
    found = explain(wrong, faces(), RULES)
    assert re.match(f"your points look {text}", str(found)), str(found)
    assert found.before == pytest.approx(nme(wrong)) and found.after < found.before


def test_the_remedy_is_measured():
    found = explain(GUESS + 1, faces(), RULES)
    assert (found.before, found.after) == (pytest.approx(nme(GUESS + 1)), pytest.approx(nme(GUESS)))
    assert str(found).endswith(f"lowers the NME from {nme(GUESS + 1):.2f} to {nme(GUESS):.2f} %")


def test_missed_faces_and_points_without_truth_do_not_hide_a_mistake():
    truth, wrong = TRUTH.copy(), GUESS + 1
    truth[::3, 4], wrong[5:30] = np.nan, np.nan
    assert explain(wrong, faces(truth), RULES).what == "1-based"
    assert explain(wrong[:, ::-1], faces(truth), RULES).what == "reversed"
    truth[:, 4] = np.nan
    assert explain(wrong, faces(truth), RULES).what == "1-based"
    crops = wrong - np.nanmin(truth, axis=1, keepdims=True)
    assert explain(crops, faces(truth), RULES).what == "to be those of crops"


def test_a_few_faces_cannot_prove_a_small_shift_but_a_large_mistake():
    assert explain(GUESS[:10] + 1, faces(TRUTH[:10]), RULES) is None
    assert explain(GUESS[:2, :, ::-1], faces(TRUTH[:2]), RULES).what == "swapped"


def test_a_method_with_a_bias_of_its_own_is_no_mistake():
    bias = np.array([[-1.0, -1], [1, -1], [-2, -1], [-1, 1], [-2, -3]])  # a pixel in the mean, but not at all points
    assert explain(GUESS + bias, faces(), RULES) is None
    size = np.linalg.norm(TRUTH[:, 0] - TRUTH[:, 1], axis=1)[:, None, None]
    assert explain(GUESS + size / size.mean() * [1.0, 0.1], faces(), RULES) is None
    assert explain(GUESS + np.array([1.0, 1.6]), faces(), RULES) is None
    sizes = np.repeat([0.4, 1.0, 1.6], [80, 40, 80])[:, None, None]  # a share of the face, not a number of px
    truth = TRUTH * sizes
    assert explain(GUESS + truth - TRUTH + sizes, faces(truth), RULES) is None
    assert explain(GUESS + truth - TRUTH + 1, faces(truth), RULES).what == "1-based"


COFW68 = ("CFSS_CFOW68", "HPM_HelenLfpw_COFW68test", "RCPR-occ_300w", "SAPM_COFW68", "TCDCN_CFOW68")


@pytest.mark.parametrize("name", COFW68)
def test_published_predictions_get_no_remark_until_they_are_spoilt(data_root, name):
    rules = fldbench.get_protocol("cofw68")
    outside = evaluate_file(data_root / "cofw68/Results" / f"{name}.txt", rules, data_root)
    assert explain(outside.predictions, outside.faces, rules) is None
    assert explain(outside.predictions[:, ::-1], outside.faces, rules).what == "reversed"
    assert explain(outside.predictions * 2, outside.faces, rules).what == "to be those of resized images"
