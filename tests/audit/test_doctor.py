"""Diagnosis of prediction files: every planted fault is found with its remedy, and none in good predictions."""

import numpy as np
import pytest

import fldbench
from fldbench.audit.bias_figure import bias_figure
from fldbench.audit.doctor import about_shift, diagnose
from fldbench.audit.doctor_tables import summary, to_markdown, to_text
from fldbench.audit.misread import Read, read_somehow
from fldbench.audit.renumbering import renumbering
from fldbench.errors import PredictionsError
from fldbench.faces import NoImages
from fldbench.run.prediction_files import evaluate_file
from fldbench.schemes import get_scheme

RNG = np.random.default_rng(7)
SCHEME = get_scheme("ibug-68")
N = 60
TRUTH = SCHEME.template * RNG.uniform(80, 200, (N, 1, 1)) + RNG.uniform(0, 90, (N, 1, 2)) + RNG.normal(0, 2, (N, 68, 2))
GUESS = TRUTH + RNG.normal(0, 1.5, TRUTH.shape)
RULES = fldbench.get_protocol("300w-helen")
MIRROR = list(SCHEME.mirror)
BOXES = np.c_[TRUTH.min(axis=1), TRUTH.max(axis=1)]
CORNER, SIZE = BOXES[:, None, :2], BOXES[:, None, 2:] - BOXES[:, None, :2]


def faces(truth=TRUTH):
    n = len(truth)
    boxes = np.c_[np.nanmin(truth, axis=1), np.nanmax(truth, axis=1)]
    here = {"helen-test": np.ones(n, bool)}
    return fldbench.FaceSet([f"helen/testset/{i}" for i in range(n)], NoImages(n, "no"), boxes, truth, "ibug-68",
                            subsets=here, name="300w")  # fmt: skip


def reversed_in(first, last, points=GUESS):
    found = points.copy()
    found[:, first : last + 1] = points[:, first : last + 1][:, ::-1]
    return found


def eyes_exchanged():
    found = GUESS.copy()
    found[:, 36:42], found[:, 42:48] = GUESS[:, 42:48], GUESS[:, 36:42]
    return found


FAULTS = {
    "1-based": (GUESS + 1, ["1-based"]),
    "half a pixel": (GUESS - 0.5, ["half a pixel too far left and up"]),
    "swapped": (GUESS[..., ::-1], ["swapped"]),
    "mirrored": (GUESS[:, MIRROR], ["numbered as in a mirror"]),
    "reversed": (GUESS[:, ::-1], ["reversed"]),
    "scale": (GUESS * 0.5, ["to be those of resized images"]),
    "shift": (GUESS + np.array([30, -40]), ["shifted"]),
    "small shift": (GUESS + np.array([4, 0]), ["shifted"]),
    "box": ((GUESS - CORNER) / SIZE, ["to be shares of the box"]),
    "box -1..1": ((GUESS - CORNER) / SIZE * 2 - 1, ["to be shares of the box from -1 to 1"]),
    "wrong ids": (GUESS[RNG.permutation(N)], ["to be those of other faces"]),
    "jaw": (reversed_in(0, 16), ["reversed in 0-16"]),
    "brow": (reversed_in(17, 21), ["reversed in 17-21"]),
    "lip": (reversed_in(49, 59), ["reversed in 49-59"]),
    "eyes": (eyes_exchanged(), ["to be numbered otherwise"]),
    "mirrored and shifted": (GUESS[:, MIRROR] + [30, -40], ["numbered as in a mirror, and shifted"]),
    "mirrored and 1-based": (GUESS[:, MIRROR] + 1, ["numbered as in a mirror", "1-based"]),
    "reversed and resized": (GUESS[:, ::-1] * 0.4, ["reversed, and to be those of resized images"]),
    "swapped and resized": (GUESS[..., ::-1] * 0.5, ["swapped, and to be those of resized images"]),
    "jaw, 1-based": (reversed_in(0, 16) + 1, ["reversed in 0-16", "1-based"]),
    "other ids, 1-based": (GUESS[RNG.permutation(N)] + 1, ["to be those of other faces"]),
}


@pytest.mark.parametrize("name", FAULTS)
def test_every_planted_fault_is_found_and_mended(name):
    wrong, expected = FAULTS[name]
    found = diagnose(wrong, faces(), RULES)
    assert [one.what for one in found.findings] == expected
    last = found.findings[-1]
    assert last.after < last.before and found.nme == pytest.approx(RULES.score(wrong, faces()).metrics["nme"])
    if "ids" not in name:
        assert RULES.score(found.mended, faces()).metrics["nme"] == pytest.approx(last.after)
        assert last.after <= 1.05 * RULES.score(GUESS, faces()).metrics["nme"]


def test_steps_add_up():
    first, second = diagnose(FAULTS["jaw, 1-based"][0], faces(), RULES).findings
    assert first.after == pytest.approx(second.before) and second.after < second.before < first.before


HONEST = {
    "good": GUESS,
    "perfect": TRUTH,
    "bad": TRUTH + RNG.normal(0, 8, TRUTH.shape),
    "mean shape": CORNER + ((TRUTH - CORNER) / SIZE).mean(axis=0) * SIZE,
    "bias of a part": GUESS + np.where(np.arange(68) < 17, 2.0, -0.5)[:, None],
    "share of the face": GUESS + 0.012 * SIZE,
}


@pytest.mark.parametrize("name", HONEST)
def test_nothing_is_found_in_honest_predictions(name):
    assert diagnose(HONEST[name], faces(), RULES).findings == ()


def test_a_small_shift_is_likely_and_an_order_certain():
    (shift,) = diagnose(GUESS + 1, faces(), RULES).findings
    assert shift.sure.startswith("likely, not proven") and shift.remedy == "moving them by (-1, -1) px"
    (order,) = diagnose(GUESS[:, ::-1], faces(), RULES).findings
    assert order.sure.startswith("certain") and "remedy: taking the points from the last to the first" in str(order)
    (ids,) = diagnose(FAULTS["wrong ids"][0], faces(), RULES).findings
    assert ids.sure.startswith("likely") and "fitted to each face" in ids.sure


def test_missed_faces_and_missing_truth_hide_nothing():
    truth, wrong = TRUTH.copy(), reversed_in(0, 16)
    truth[::3, 40], wrong[:5] = np.nan, np.nan
    assert [one.what for one in diagnose(wrong, faces(truth), RULES).findings] == ["reversed in 0-16"]
    assert diagnose(np.full(TRUTH.shape, np.nan), faces(), RULES) is None


def test_the_shift_has_an_error_and_few_faces_prove_none():
    found = diagnose(GUESS + np.array([0.3, 0.0]), faces(), RULES)
    assert found.shift == pytest.approx((0.3, 0.0), abs=0.1) and max(found.shift_error) < 0.1
    assert "alone it does not prove another count of pixels" in about_shift(found, N)
    few = diagnose(GUESS[:5] + 1, faces(TRUTH[:5]), RULES)
    assert few.findings == () and "5 faces cannot prove a shift" in about_shift(few, 5)
    noise = GUESS - (GUESS - TRUTH).mean(axis=1, keepdims=True)
    assert "no shift that all faces have in common" in about_shift(diagnose(noise, faces(), RULES), N)


def test_a_cyclic_start_is_named_by_its_points_and_order_is_what_mends():
    rolled = GUESS.copy()
    rolled[:, 36:42] = np.roll(GUESS[:, 36:42], 3, axis=1)  # the eye begins at the other corner
    found = renumbering(rolled, TRUTH, SCHEME)
    assert found.what == "to be numbered otherwise" and found.remedy.startswith("taking point 39 for 36, 40 for 37")
    assert np.array_equal(rolled[:, list(found.order)], GUESS)
    assert renumbering(GUESS, TRUTH, SCHEME) is None and renumbering(rolled[:4], TRUTH[:4], SCHEME) is None


def test_text_markdown_and_figure(tmp_path):
    wrong = FAULTS["jaw, 1-based"][0]
    read, found = Read(wrong, faces(), (), ()), diagnose(wrong, faces(), RULES)
    lines = summary(read, found, RULES)
    assert lines[1].startswith("1. The points look reversed in 0-16; remedy: taking the points 0-16 from the last to")
    assert lines[2].startswith("2. The points look 1-based; remedy: moving them by (-1, -1) px; NME ")
    assert "errors by region" in to_text(read, found, RULES) and "errors by landmark" in to_markdown(read, found, RULES)
    good = Read(GUESS, faces(), (), ())
    assert "No fault found." in to_text(good, diagnose(GUESS, faces(), RULES), RULES)
    figure = bias_figure(GUESS + np.array([1.0, 0.0]), faces(), RULES)
    (arrows,) = [one for one in figure.axes[0].collections if type(one).__name__ == "Quiver"]
    eyes = np.linalg.norm(TRUTH[:, 36] - TRUTH[:, 45], axis=1)
    factor = float(figure.axes[0].get_title().split("arrows are ")[1].split(" ")[0])
    bias = (GUESS + np.array([1.0, 0.0]) - TRUTH)[:, 8, 0]
    assert arrows.U[8] / factor == pytest.approx((100 * bias / eyes).mean()) and arrows.N == 68


@pytest.fixture
def labels(data_root):
    rules = fldbench.get_protocol("cofw68")
    return data_root, rules, evaluate_file(data_root / "cofw68/Results/CFSS_CFOW68.txt", rules, data_root)


def test_another_number_of_points_and_unknown_ids_are_read_somehow(labels, tmp_path):
    root, rules, outside = labels
    ids, points = outside.faces.ids, outside.predictions
    wide = np.zeros((len(ids), 98, 2))
    wide[:, 0:33:2] = points[:, :17]
    np.savez(tmp_path / "98.npz", ids=ids, predictions=wide)
    read = read_somehow(tmp_path / "98.npz", rules, root)
    assert read.findings[0].what == "to be 98 points, as wflw-98 has, where ibug-68 has 68"
    assert np.allclose(read.predictions[:, :17], points[:, :17])
    np.savez(tmp_path / "order.npz", ids=[f"face {i}" for i in range(len(ids))], predictions=points)
    read = read_somehow(tmp_path / "order.npz", rules, root)
    assert np.array_equal(read.predictions, points) and read.findings[0].what.startswith(
        "to have ids that mean no face"
    )
    np.savez(tmp_path / "29.npz", ids=ids, predictions=points[:, :29])
    with pytest.raises(PredictionsError, match="it has 29 points, as cofw-29; must be 68 of ibug-68, and no map leads"):
        read_somehow(tmp_path / "29.npz", rules, root)
    np.savez(tmp_path / "few.npz", ids=["a", "b"], predictions=points[:2])
    with pytest.raises(PredictionsError, match=r"has no face 'a', 'b'.*; it has 2 rows, and 507 faces are measured"):
        read_somehow(tmp_path / "few.npz", rules, root)
    good = read_somehow(root / "cofw68/Results/CFSS_CFOW68.txt", rules, root)
    assert good.findings == () and np.array_equal(good.predictions, points, equal_nan=True)


COFW68 = ("CFSS_CFOW68", "HPM_HelenLfpw_COFW68test", "RCPR-occ_300w", "SAPM_COFW68", "TCDCN_CFOW68")


@pytest.mark.parametrize("name", COFW68)
def test_published_predictions_have_no_fault_until_they_are_spoilt(data_root, name):
    rules = fldbench.get_protocol("cofw68")
    outside = evaluate_file(data_root / "cofw68/Results" / f"{name}.txt", rules, data_root)
    some = slice(0, 507, 5)
    points, own = outside.predictions[some], outside.faces[some]
    assert diagnose(points, own, rules).findings == ()
    assert diagnose(reversed_in(0, 16, points), own, rules).findings[0].what == "reversed in 0-16"
    both = diagnose(points[:, MIRROR] + [25, 60], own, rules).findings
    assert [one.what for one in both] == ["numbered as in a mirror, and shifted"]


def finds_the_shift_or_says_that_it_cannot(points, own, rules):
    """Move real predictions by a pixel each way: it is measured exactly, and named with a cause or as undecided."""
    before, n = diagnose(points, own, rules), len(points)
    for px in (1.0, -1.0):
        found = diagnose(points + px, own, rules)
        assert np.subtract(found.shift, before.shift) == pytest.approx([px, px], abs=1e-6)
        assert found.shift_error == pytest.approx(before.shift_error)
        said = about_shift(found, n)
        sure = max(abs(off) - 3 * error for off, error in zip(found.shift, found.shift_error, strict=True)) > 0
        if found.findings:
            (one,) = found.findings
            assert one.remedy.startswith("moving them by") and said.endswith("before the remedies.")
            assert one.sure.startswith(("likely, not proven", "possible"))
        elif sure:
            assert said.endswith(
                "a bias of the method or of the annotation; alone it does not prove another count of pixels."
            )
        else:
            assert said.endswith("no shift that all faces have in common.")


@pytest.mark.parametrize("name", COFW68)
def test_a_pixel_more_in_published_predictions_is_found_or_said_to_be_undecided(data_root, name):
    rules = fldbench.get_protocol("cofw68")
    outside = evaluate_file(data_root / "cofw68/Results" / f"{name}.txt", rules, data_root)
    finds_the_shift_or_says_that_it_cannot(outside.predictions[::5], outside.faces[::5], rules)


def test_a_pixel_more_in_answers_for_300w_is_found_or_said_to_be_undecided(data_root):
    rules = fldbench.get_protocol("300w-helen")
    train, test = (fldbench.load_dataset("300w", data_root, split) for split in ("train", "test"))
    own = rules.select(test)[::3]
    model = fldbench.make_method("linear", crop_size=32, copies=1).fit(train[::10])
    finds_the_shift_or_says_that_it_cannot(model.predict(list(own.images), own.boxes), own, rules)
