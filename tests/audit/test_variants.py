"""The same predictions under every convention: each number is that of `evaluate`, and what cannot be is said."""

from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces, toy_protocol

import fldbench
from fldbench.audit.conventions import conventions, inner_eye_corners
from fldbench.audit.variant_tables import tables_of, to_markdown, to_text
from fldbench.audit.variants import audit_file, audited, sentences
from fldbench.faces import NoImages
from fldbench.protocols import varied
from fldbench.run.prediction_files import evaluate_file
from fldbench.schemes import get_scheme, list_schemes

RNG = np.random.default_rng(1)
TEMPLATE = get_scheme("ibug-68").template
TRUTH = TEMPLATE * RNG.uniform(80, 200, (40, 1, 1)) + RNG.uniform(0, 90, (40, 1, 2)) + RNG.normal(0, 2, (40, 68, 2))
GUESS = TRUTH + RNG.normal(0, 1, TRUTH.shape) * RNG.gamma(2, 2, (40, 1, 1))


def faces(truth=TRUTH):
    boxes = np.c_[truth.min(axis=1), truth.max(axis=1)]
    ids = [f"helen/testset/{i}" for i in range(len(truth))]
    here = {"helen-test": np.ones(len(truth), bool)}
    return fldbench.FaceSet(ids, NoImages(len(truth), "no"), boxes, truth, "ibug-68", subsets=here, name="300w")


@pytest.fixture
def audit():
    guess = GUESS.copy()
    guess[3] = np.nan
    return audited(guess, faces(), fldbench.get_protocol("300w-helen"))


def test_every_number_is_that_of_the_protocol_whose_name_the_row_shows(audit):
    assert len(audit.rows) >= 30
    for row in audit.rows:
        rules = fldbench.get_protocol(row.protocol.name)
        assert rules == row.protocol and rules.name == row.protocol.name
        assert rules.score(audit.predictions, audit.faces).metrics == pytest.approx(row.score.metrics)
        assert audit.ratio(row) == pytest.approx(row.nme / audit.score.metrics["nme"])


def test_normalisers_by_hand(audit):
    found = {row.convention.words: row for row in audit.rows}
    errors = np.linalg.norm(audit.predictions - TRUTH, axis=2).mean(axis=1)
    there = np.isfinite(errors)
    inner = np.linalg.norm(TRUTH[:, 39] - TRUTH[:, 42], axis=1)
    assert found["inner eye corners"].nme == pytest.approx(100 * (errors / inner)[there].mean())
    size = np.ptp(TRUTH, axis=1)
    assert found["diagonal of the true points' box"].nme == pytest.approx(
        100 * (errors / np.hypot(*size.T))[there].mean()
    )
    assert found["nothing: 1 % is 1 px"].nme == pytest.approx(errors[there].mean())


def test_curves_are_those_of_the_protocols(audit):
    for (rule, t), (area, fr, strict) in audit.curve.items():
        rules = fldbench.get_protocol(f"300w-helen@t={t},auc={rule}")
        key, rate = (f"{name}{round(100 * t):02d}" for name in ("auc", "fr"))
        values = rules.score(audit.predictions, audit.faces).metrics
        assert (area, fr) == pytest.approx((values[key if rule == "exact" else f"{key}:{rule}"], values[rate]))
        assert strict == pytest.approx(varied(rules, "strict").score(audit.predictions, audit.faces).metrics[rate])


def test_a_missed_face_opens_the_rules_for_it_and_a_complete_answer_closes_them(audit):
    assert {row.convention.part for row in audit.rows} >= {"what a missed face counts"}
    complete = audited(GUESS, faces(), fldbench.get_protocol("300w-helen"))
    assert "what a missed face counts" not in {row.convention.part for row in complete.rows}
    assert "No face is missed" in to_text(complete) and "No face is missed" not in to_text(audit)


def test_what_cannot_be_and_what_changes_nothing_is_said(audit):
    text = " ".join(to_text(audit).split())
    assert "Impossible for this dataset: sqrt(w h) of the dataset's own box; diagonal of" in text
    assert "Changes no number here: those marked visible;" in text
    assert {one.change for one in audit.same} >= {"visible", "diluted"}


def test_the_sentences_name_who_and_the_ratio(audit):
    pupils = next(row for row in audit.rows if row.convention.change == "interpupil")
    start = "By the convention of CFSS, cGPRT, Wing and dlib's example on 300-W, AWing on COFW (eye centres or pupils)"
    said = sentences(audit)
    nme = audit.score.metrics["nme"]
    assert f"{start} the NME is {pupils.nme:.2f} %, {pupils.nme / nme:.2f} times the {nme:.2f} % above." in said
    assert any(one.startswith("By the convention of STAR on 300-W") and "at 5 %" in one for one in said)


def test_own_boxes_serve_where_they_are_given():
    boxed = replace(faces(), boxes=np.tile([0.0, 0.0, 90.0, 160.0], (40, 1)))
    rules = toy_protocol("own", scheme="ibug-68", normaliser="inter-ocular", normaliser_points=None,
                         official_boxes="a detector's", n_expected=40)  # fmt: skip
    found = audited(GUESS, rules.select(boxed), rules, boxed)
    nme = {row.convention.change: row.nme for row in found.rows}
    errors = 100 * np.linalg.norm(GUESS - TRUTH, axis=2).mean()
    assert nme["boxes=official,norm=given-box"] == pytest.approx(errors / 120)
    assert nme["boxes=official,norm=face-size"] == pytest.approx(errors / 160)
    assert nme["boxes=official,norm=given-diagonal"] == pytest.approx(errors / np.hypot(90, 160))
    assert "dataset's own box" in str(audited(GUESS, rules.select(boxed), rules).impossible)


def test_another_default_has_other_ratios_and_the_same_numbers():
    base = audited(GUESS, faces(), fldbench.get_protocol("300w-helen"))
    other = audited(GUESS, faces(), fldbench.get_protocol("300w-helen@interpupil"))
    assert "outer eye corners" in {row.convention.words for row in other.rows}
    pick = {row.convention.words: (row.nme, other.ratio(row)) for row in other.rows}
    nme, ratio = pick["outer eye corners"]
    assert nme == pytest.approx(base.score.metrics["nme"]) and ratio == pytest.approx(nme / other.score.metrics["nme"])


def test_points_without_eyes_get_what_they_have():
    found = audited(toy_faces(8).landmarks + 1.0, toy_faces(8), toy_protocol("toy-test"))
    assert "outer eye corners" in {one.words for one, _ in found.impossible}
    assert inner_eye_corners("mtfl-5") is None and to_text(found)


def test_perfect_and_absent_answers_have_no_ratio_and_no_crash():
    perfect = audited(TRUTH, faces(), fldbench.get_protocol("300w-helen"))
    assert np.isnan(perfect.ratio(perfect.rows[0])) and "nan" in to_text(perfect)
    absent = audited(np.full(TRUTH.shape, np.nan), faces(), fldbench.get_protocol("300w-helen"))
    assert "nan" in to_text(absent)


@pytest.mark.parametrize("name", list_schemes())
def test_every_scheme_has_its_conventions_and_its_inner_corners_face_each_other(name):
    scheme, corners = get_scheme(name), inner_eye_corners(name)
    if corners is not None:
        outer, x = scheme.outer_eye_corners, scheme.template[:, 0]
        assert x[outer[0]] < x[corners[0]] < 0.5 < x[corners[1]] < x[outer[1]]
        assert scheme.mirror[corners[0]] == corners[1]
    changes = [
        one.change for one in conventions(toy_protocol("p", scheme=name, normaliser="pixels", normaliser_points=None))
    ]
    assert len(changes) == len(set(changes)) > 30


def test_markdown_has_the_landmarks_too(audit):
    assert "### 300w-helen: errors by landmark" in to_markdown(audit) and "errors by landmark" not in to_text(audit)
    assert len(tables_of(audit, landmarks=True)[-1].parts[0][1]) == 68


@pytest.mark.parametrize(
    ("name", "pupils", "corners"), [("CFSS_CFOW68", 8.799, 6.283), ("TCDCN_CFOW68", 10.722, 7.655)]
)
def test_published_predictions_give_both_published_numbers(data_root, name, pupils, corners):
    path = data_root / "cofw68/Results" / f"{name}.txt"
    found, outside = audit_file(path, fldbench.get_protocol("cofw68"), data_root)
    nme = {row.convention.change: row.nme for row in found.rows}
    assert found.score.metrics["nme"] == pytest.approx(corners, abs=0.0005)
    assert nme["interpupil"] == pytest.approx(pupils, abs=0.0005)
    for change in ("norm=box", "stretched", "offset=-1", "points=49"):  # by the way of the command
        other = evaluate_file(path, f"cofw68@{change}", data_root)
        assert other.score.metrics["nme"] == pytest.approx(nme[change], rel=1e-12)
    assert outside.score.metrics == found.score.metrics
