"""A protocol selects and scores; each of its fields changes a number or a selection, or is not in the hash."""

import dataclasses
import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from labels_300w import guessed, labels_300w
from toys import toy_faces, toy_protocol

import fldbench
from fldbench import metrics, protocols
from fldbench.errors import DataError, PredictionsError, ProtocolError
from fldbench.geometry import box_centre, box_size, jitter_box, tight_box


def test_normalisers_of_the_68_points_by_hand():
    points = np.zeros((1, 68, 2))
    points[0, 36], points[0, 45] = (10, 0), (40, 40)
    points[0, 36:42, 0] = [10, 12, 14, 16, 14, 12]  # mean 13
    points[0, 42:48, 0] = [30, 32, 34, 40, 34, 34]  # mean 34
    points[0, 42:48, 1] = [0, 0, 0, 40, 0, 0]
    outer, pupil = (fldbench.get_protocol(n).normaliser_points for n in ("300w-full", "300w-full@interpupil"))
    assert metrics.centre_distance(points, *outer)[0] == pytest.approx(50.0)
    assert metrics.centre_distance(points, *pupil)[0] == pytest.approx(np.hypot(34 - 80 / 6 + 2 / 6, 40 / 6))


def four_answers(faces):
    """Four faces: errors of 5 %, 9 % and 20 % of the eye distance, and one missed."""
    eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=1)
    guess = faces.landmarks.copy()
    guess[0, :, 0] += 0.05 * eyes[0]
    guess[1, :, 1] += 0.09 * eyes[1]
    guess[2, 4] += 5 * 0.2 * eyes[2] * np.array([0.6, 0.8])
    guess[3] = np.nan
    return guess


def test_score_by_hand():
    faces = toy_faces(4)
    score = fldbench.evaluate(four_answers(faces), faces, toy_protocol("p"))
    assert score.errors[:3] == pytest.approx([0.05, 0.09, 0.2])
    assert (score.n, score.missed) == (4, 1) and np.isnan(score.errors[3])
    assert score.metrics == pytest.approx(
        {"nme": 100 * (0.05 + 0.09 + 0.2) / 3, "fr08": 75.0, "fr10": 50.0, "auc08": 100 * (1 - 0.05 / 0.08) / 4}
    )
    assert [(m.name, m.threshold, m.rule) for m in score.values] == [
        ("nme", None, None),
        ("fr", 0.08, None),
        ("fr", 0.1, None),
        ("auc", 0.08, "exact"),
    ]


@pytest.mark.parametrize(
    ("missed", "expected"),
    [
        ("failure", {"nme": 34 / 3, "fr08": 75.0, "fr10": 50.0, "auc08": 100 * (1 - 5 / 8) / 4}),
        ("skipped", {"nme": 34 / 3, "fr08": 200 / 3, "fr10": 100 / 3, "auc08": 100 * (1 - 5 / 8) / 3}),
        ("value:0.06", {"nme": 40 / 4, "fr08": 50.0, "fr10": 25.0, "auc08": 100 * (1 - 5 / 8 + 1 - 6 / 8) / 4}),
        ("value:1.00", {"nme": 134 / 4, "fr08": 75.0, "fr10": 50.0, "auc08": 100 * (1 - 5 / 8) / 4}),
    ],
)
def test_what_a_missed_face_counts_by_hand(missed, expected):
    faces = toy_faces(4)
    score = toy_protocol("p", missed=missed).score(four_answers(faces), faces)
    assert score.metrics == pytest.approx(expected)
    assert (score.n, score.missed) == (4, 1) and np.isnan(score.errors[3])


def test_a_missed_face_can_be_charged_the_error_of_the_mean_shape():
    """Two of three faces have one shape in their boxes; the third, which is missed, differs in one point."""
    square = np.array([[0.0, 0.0], [10.0, 0.0], [5.0, 5.0], [0.0, 10.0], [10.0, 10.0]])
    truth = np.array([square, square + 100.0, 2 * square])
    truth[2, 2] = (4.0, 10.0)  # (0.2, 0.5) in its box of 20 px; the others have (0.5, 0.5), so the mean is (0.4, 0.5)
    faces = replace(toy_faces(3), landmarks=truth, visible=None)
    protocol = toy_protocol("p", missed="mean-shape")
    faces = protocol.select(faces)
    guess = truth + np.array([1.0, 0.0])
    guess[2] = np.nan
    score = protocol.score(guess, faces)
    charge = 0.2 * 20 / 5 / 20  # 4 px at one of five points; the eyes are 20 px apart
    assert score.charged == pytest.approx([0.1, 0.1, charge]) and np.isnan(score.errors[2]) and score.missed == 1
    assert score.metrics == pytest.approx(
        {"nme": 100 * (0.2 + charge) / 3, "fr08": 200 / 3, "fr10": 0, "auc08": 50 / 3}
    )
    everything = protocol.score(np.full_like(truth, np.nan), faces)
    assert everything.metrics["nme"] == pytest.approx(100 * (2 * 0.02 + charge) / 3)  # 1 px at one of five points
    none_missed = protocol.score(truth, faces)
    assert none_missed.metrics == toy_protocol("p").score(truth, faces).metrics


def test_the_mean_shape_leaves_out_points_that_no_face_has_and_needs_boxes_with_a_size():
    faces = toy_faces(3)
    truth = faces.landmarks.copy()
    truth[:, 4] = np.nan
    faces = replace(faces, landmarks=truth, visible=None)
    protocol = toy_protocol("p", missed="mean-shape", box_source="official")
    guess = truth.copy()
    guess[1] = np.nan
    assert np.isfinite(protocol.score(guess, faces).charged).all()
    flat = faces.with_boxes(faces.boxes * [1, 1, 0, 1] + faces.boxes[:, [1, 1, 0, 1]] * [0, 0, 1, 0])
    with pytest.raises(ProtocolError, match=r"missed=mean-shape: 1 missed face\(s\) have a box without a size"):
        protocol.score(guess, flat)


def test_the_mean_shape_rule_has_a_name_and_a_hash_of_its_own():
    base = fldbench.get_protocol("300w-helen")
    charged = fldbench.get_protocol("300w-helen@missed=mean-shape")
    assert charged.name == "300w-helen@missed=mean-shape" and charged.hash != base.hash
    assert fldbench.get_protocol("300w-helen@missed=failure").hash == base.hash
    assert "a missed face has the error of these faces' mean shape, put into its box" in charged.describe()


# Hashes of today's rules: a change of one of them makes every result under it another result.
HASHES = {
    "300w-helen": "49a2c76987f0",
    "300w-full@interpupil": "b19889a72741",
    "300w-full@fan,missed=value:0.5": "1d377287590c",
    "mtfl-test": "94bbbc474cf6",
    "cofw68": "35bb84024fc7",
}


@pytest.mark.parametrize("name", HASHES)
def test_hashes_of_known_protocols_stay(name):
    assert fldbench.get_protocol(name).hash[:12] == HASHES[name]


def test_predictions_that_are_not_finite_or_overflow_are_missed_in_every_metric():
    faces = toy_faces(5)
    guess = four_answers(toy_faces(5))
    answers = []
    for bad in (np.nan, np.inf, -np.inf, 1e200):
        guess[4] = faces.landmarks[4]
        guess[4, 2, 1] = bad
        answers.append(toy_protocol("p").score(guess, faces))
        assert answers[-1].missed == 2 and np.isnan(answers[-1].errors[4])
    assert all(score.metrics == answers[0].metrics for score in answers)
    assert all(np.isfinite(list(score.metrics.values())).all() for score in answers)


def test_a_point_that_is_not_annotated_may_be_missing_from_the_prediction():
    faces = toy_faces(3)
    truth = faces.landmarks.copy()
    truth[1, 4] = np.nan
    faces = replace(faces, landmarks=truth, visible=None)
    guess = truth + 1.0
    assert toy_protocol("p").score(guess, faces).missed == 0
    guess[1, 3, 0] = np.nan
    assert toy_protocol("p").score(guess, faces).missed == 1


def test_micro_weighs_points_and_macro_faces():
    faces = toy_faces(2)
    truth = faces.landmarks.copy()
    truth[1, 2:] = np.nan  # two of five points are annotated
    faces = replace(faces, landmarks=truth, visible=None)
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    guess = truth + (np.array([0.02, 0.09]) * eyes)[:, None, None] * np.array([1.0, 0.0])
    macro, micro = (toy_protocol("p", reduction=name).score(guess, faces) for name in ("macro", "micro"))
    assert macro.metrics["nme"] == pytest.approx((2 + 9) / 2)
    assert micro.metrics["nme"] == pytest.approx((5 * 2 + 2 * 9) / 7)
    assert {k: v for k, v in macro.metrics.items() if k != "nme"} == {
        k: v for k, v in micro.metrics.items() if k != "nme"
    }


def test_strict_integer_and_clipped_by_hand():
    faces = toy_faces(1)
    truth = np.array([[[10.0, 10.0], [20.0, 10.0], [15.0, 15.5], [12.0, 20.0], [18.0, 20.0]]])
    faces = replace(faces, landmarks=truth, boxes=np.array([[11.0, 9.0, 30.0, 19.0]]), visible=None)
    own = {"box_source": "official", "thresholds": (0.1,)}
    one_off = truth + np.array([1.0, 0.0])  # the error is the threshold: 1 of 10 px
    assert toy_protocol("p", **own).score(one_off, faces).metrics["fr10"] == 0
    assert toy_protocol("p", strict=True, **own).score(one_off, faces).metrics["fr10"] == 100
    # Cut towards zero: 10.6 is 10, and 15.5 + 0.6 is 16, half a pixel off at one of five points; -0.6 is 0.
    cut = toy_protocol("p", integer=True, **own)
    assert cut.score(truth + 0.6, faces).errors[0] == pytest.approx(0.5 / 5 / 10)
    low = replace(faces, landmarks=truth - np.array([10.0, 0.0]))
    expected = (0 + 3 * 1 + np.hypot(1, 0.5)) / 5 / 10
    assert cut.score(low.landmarks - np.array([0.6, 0.0]), low).errors[0] == pytest.approx(expected)
    # x of point 0 is 11 in the box; y of points 3 and 4 is 19.
    assert toy_protocol("p", clipped=True, **own).score(truth, faces).errors[0] == pytest.approx((1 + 1 + 1) / 5 / 10)


def test_counted_points_and_thresholds_belong_to_the_protocol():
    faces = toy_faces(3)
    guess = faces.landmarks.copy()
    guess[:, 2] += 100
    assert fldbench.evaluate(guess, faces, toy_protocol("p", points=(4, 0, 1, 3))).metrics["nme"] == 0
    other = fldbench.evaluate(guess, faces, toy_protocol("p", thresholds=(0.07,))).metrics
    assert set(other) == {"nme", "fr07", "auc07"}
    both = fldbench.evaluate(guess, faces, toy_protocol("p", thresholds=(0.08, 0.075, 0.0801), auc_rule="fan")).metrics
    assert set(both) == {"nme", "fr08", "fr07.5", "fr08.01", "auc08:fan"}


def test_visible_counts_the_visible_points_alone():
    faces = toy_faces(3)
    visible = np.ones((3, 5), bool)
    visible[:, 2] = False
    faces = replace(faces, visible=visible)
    guess = faces.landmarks.copy()
    guess[:, 2] += 100
    assert toy_protocol("p", visible=True).score(guess, faces).metrics["nme"] == 0
    assert toy_protocol("p").score(guess, faces).metrics["nme"] > 0
    with pytest.raises(ProtocolError, match=r"no point counts of the faces .* leave them out"):
        toy_protocol("p", visible=True, points=(2,)).score(guess, faces)


def test_select_takes_the_subset_and_makes_the_boxes():
    faces = toy_faces(6).with_boxes(np.tile([0.0, 0, 9, 9], (6, 1)))
    official = toy_protocol("o", box_source="official", subset="odd").select(faces)
    assert official.ids.tolist() == ["test1", "test3", "test5"] and (official.boxes == [0, 0, 9, 9]).all()
    tight = toy_protocol("t").select(faces)
    assert np.array_equal(tight.boxes, tight_box(faces.landmarks))
    jittered = toy_protocol("j", box_source="jittered").select(faces)
    assert (jittered.boxes != tight.boxes).all()
    shift = (box_centre(jittered.boxes) - box_centre(tight.boxes)) / box_size(tight.boxes)
    assert np.abs(shift).max() < 0.25


def test_first_takes_the_first_by_id_whatever_the_order_of_the_files():
    faces = toy_faces(12)  # test0 ... test11
    protocol = toy_protocol("p", first=3)
    assert protocol.select(faces).ids.tolist() == ["test0", "test1", "test10"]
    assert protocol.select(faces[::-1]).ids.tolist() == ["test10", "test1", "test0"]
    assert toy_protocol("p", first=3, subset="odd").select(faces).ids.tolist() == ["test1", "test3", "test11"]


def test_the_jitter_is_that_of_the_first_version_and_depends_on_the_id_alone():
    faces = toy_faces(8)
    boxes = protocols.boxes_from(faces, "jittered:0.05").boxes
    for face, box, tight in zip(faces.ids, boxes, tight_box(faces.landmarks), strict=True):
        seed = int.from_bytes(hashlib.sha256(f"0:{face}".encode()).digest()[:8], "big")
        assert np.array_equal(box, jitter_box(tight, np.random.default_rng(seed), 0.05, 0.05))
    for name in ("jittered", "truth-jittered", "jittered:.05"):
        assert np.array_equal(protocols.boxes_from(faces, name).boxes, boxes)
    assert np.array_equal(protocols.boxes_from(faces[::-1][2:5], "jittered").boxes, boxes[::-1][2:5])
    renamed = replace(faces, ids=np.array([f"x{i}" for i in range(8)]))
    assert (protocols.boxes_from(renamed, "jittered").boxes != boxes).all()


@pytest.mark.parametrize("spread", [0.05, 0.1])
def test_jittered_boxes_have_the_stated_spread(spread):
    many = toy_faces(4000)
    boxes, tight = protocols.boxes_from(many, f"jittered:{spread}").boxes, tight_box(many.landmarks)
    shift = (box_centre(boxes) - box_centre(tight)) / box_size(tight)
    scale = box_size(boxes) / box_size(tight)
    assert shift.std(0) == pytest.approx([spread, spread], rel=0.05) and abs(shift.mean()) < 0.06 * spread
    assert scale.std() == pytest.approx(spread, rel=0.05) and scale.mean() == pytest.approx(1, abs=0.06 * spread)


# A change of every field of Protocol, and what it must change: a number, the selected faces, whether they are complete,
# what is loaded, which faces are accepted; or nothing, and then the hash must not change either.
CHANGES = {
    "name": ("other", "nothing"),
    "union_of": (("even", "odd"), "nothing"),
    "official_boxes": ("a detector's", "nothing"),
    "dataset": ("other", "load"),
    "split": ("train", "load"),
    "options": ((("file", "a.csv"),), "load"),
    "scheme": ("kaggle-15", "accept"),
    "n_expected": (9, "complete"),
    "ids_sha256": ("0" * 64, "complete"),
    "subset": ("even", "select"),
    "first": (3, "select"),
    "box_source": ("jittered", "select"),
    "harms": ((("rotation", 2),), "select"),
    "normaliser": ("box", "number"),
    "normaliser_points": (((2,), (1,)), "number"),
    "points": ((0, 1), "number"),
    "visible": (True, "number"),
    "thresholds": ((0.1, 0.08), "number"),
    "auc_rule": ("menpo", "number"),
    "missed": ("skipped", "number"),
    "reduction": ("micro", "number"),
    "strict": (True, "number"),
    "integer": (True, "number"),
    "clipped": (True, "number"),
    "unshifted": (True, "number"),
    "offset": (-1.0, "number"),
    "rounded": (True, "number"),
    "stretched": (True, "number"),
    "diluted": (True, "number"),
}


def difficult():
    """Eight faces with hidden points, one that is not annotated, and own boxes that cut points off; and answers."""
    faces = toy_faces(8)
    landmarks = np.round(faces.landmarks * 4) / 4
    landmarks[:, 0], landmarks[:, 1] = (10.0, 10.0), (20.0, 10.0)
    landmarks[2, 4] = np.nan
    visible = np.isfinite(landmarks).all(axis=2)
    visible[:, 3] = False
    boxes = np.tile([11.0, 5.0, 24.0, 26.0], (8, 1))
    faces = replace(faces, landmarks=landmarks, visible=visible, boxes=boxes)
    guess = landmarks + np.random.default_rng(0).normal(0, 0.8, landmarks.shape)
    guess[5] = landmarks[5] + np.array([1.0, 0.0])  # at the second threshold: 1 of 10 px
    guess[6] = np.nan
    return faces, guess


def outcome(protocol, what):
    """What of a protocol a change is to show in."""
    if what == "load":
        return protocol.dataset, protocol.split, protocol.options
    faces, guess = difficult()
    if what == "accept":
        try:
            return protocol.score(guess, faces).n
        except ProtocolError as error:
            return str(error)
    selected = protocol.select(faces)
    if what == "complete":
        return protocol.is_complete(selected)
    if what == "select":
        return selected.ids.tolist(), selected.boxes.tolist()
    rows = [faces.ids.tolist().index(one) for one in selected.ids.tolist()]
    return json.dumps([*protocol.score(guess[rows], selected).metrics.items()])


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(fldbench.Protocol)])
def test_every_field_changes_the_hash_and_a_number_or_neither(field):
    base = toy_protocol("p", box_source="official")
    value, what = CHANGES[field]
    no_points = {"normaliser_points": None} if field == "normaliser" else {}
    changed = replace(base, **{field: value} | no_points)
    assert getattr(changed, field) != getattr(base, field)
    if what == "nothing":
        assert changed.hash == base.hash
        for kind in ("load", "accept", "complete", "select", "number"):
            assert outcome(changed, kind) == outcome(base, kind)
    else:
        assert changed.hash != base.hash
        assert outcome(changed, what) != outcome(base, what)


def test_every_change_has_a_hash_of_its_own():
    base = toy_protocol("p", box_source="official")
    changed = [
        replace(base, **{field: value} | ({"normaliser_points": None} if field == "normaliser" else {}))
        for field, (value, what) in CHANGES.items()
        if what != "nothing"
    ]
    assert len({protocol.hash for protocol in (base, *changed)}) == len(changed) + 1
    assert toy_protocol("p").hash == toy_protocol("p").hash


def test_the_metrics_version_is_in_the_hash(monkeypatch):
    from fldbench.protocols import protocol

    before = toy_protocol("p").hash
    monkeypatch.setattr(protocol, "METRICS_VERSION", protocol.METRICS_VERSION + 1)
    assert toy_protocol("p").hash != before


def test_a_protocol_survives_json():
    for name in ("cofw68@interpupil", "300w-full@fan,points=49,first=9,missed=value:0.5", "aflw19-full@visible"):
        protocol = fldbench.get_protocol(name)
        again = fldbench.Protocol.from_dict(json.loads(json.dumps(protocol.to_dict() | {"hash": protocol.hash})))
        assert again == protocol and again.hash == protocol.hash


def test_numpy_numbers_make_the_same_protocol():
    plain = toy_protocol("p", first=3, points=(0, 1), strict=True)
    with_numpy = toy_protocol(
        "p", n_expected=np.int64(8), first=np.int32(3), points=list(np.arange(2)), strict=np.True_
    )
    assert with_numpy == plain and with_numpy.hash == plain.hash and with_numpy.to_dict() == plain.to_dict()


def test_records_of_the_first_version_are_read():
    old = {
        "name": "300w-helen-interpupil-jittered",
        "dataset": "300w",
        "n_expected": 330,
        "scheme": "ibug-68",
        "normaliser": "inter-pupil",
        "normaliser_points": [[36, 37, 38, 39, 40, 41], [42, 43, 44, 45, 46, 47]],
        "split": "test",
        "subset": "helen-test",
        "box_source": "truth-jittered",
        "points": None,
        "thresholds": [0.08, 0.1],
        "auc_rule": "exact",
        "missed": "failure",
        "selection": "by a part of the training faces",
        "ids_sha256": "979f97e93f2b993b90845e1bb9e33b8a7cff449fa18dbbe3d08f4e564d6d47b5",
        "union_of": [],
        "version": 1,
        "metrics_version": 1,
        "box_jitter": {"shift": 0.05, "scale": 0.05, "seed": 0},
        "hash": "0" * 64,
    }
    upgraded = fldbench.Protocol.from_dict(old)
    today = fldbench.get_protocol("300w-helen@interpupil,boxes=jittered")
    assert upgraded == today and upgraded.hash == today.hash
    with pytest.raises(ProtocolError, match="a field is 'colour'; must be one of auc_rule, box_source"):
        fldbench.Protocol.from_dict(old | {"colour": 1})
    del old["dataset"]
    with pytest.raises(ProtocolError, match="the field 'dataset' is missing"):
        fldbench.Protocol.from_dict(old)


def test_swapping_the_normaliser_changes_the_number_as_the_formula_says():
    faces = toy_faces(5)
    guess = faces.landmarks + 1.5
    eyes, mouth = toy_protocol("e"), toy_protocol("m", normaliser_points=((3,), (4,)))
    ratio = metrics.centre_distance(faces.landmarks, [0], [1]) / metrics.centre_distance(faces.landmarks, [3], [4])
    assert mouth.score(guess, faces).errors == pytest.approx(eyes.score(guess, faces).errors * ratio)


def test_results_know_no_order_of_the_faces(data_root):
    faces = labels_300w(data_root)
    guess, order = guessed(faces), np.random.default_rng(0).permutation(len(faces))
    for name in ("300w-full", "300w-full@fan", "300w-full@spiga", "300w-full@reduction=micro,points=51"):
        protocol = fldbench.get_protocol(name)
        assert protocol.score(guess[order], faces[order]).metrics == pytest.approx(
            protocol.score(guess, faces).metrics, rel=1e-12
        )


@pytest.mark.parametrize("rules", ["", "@interpupil", "@boxes=jittered:0.10,points=49,t=0.07", "@norm=box,visible"])
def test_a_union_is_the_weighted_mean_of_its_parts(data_root, rules):
    faces = labels_300w(data_root)
    guess = dict(zip(faces.ids.tolist(), guessed(faces), strict=True))
    scores, families = {}, set()
    for base in ("300w-full", "300w-common", "300w-challenging", "300w-helen", "300w-lfpw"):
        protocol = fldbench.get_protocol(base + rules)
        chosen = protocol.select(faces)
        scores[protocol.subset] = protocol.score(np.array([guess[one] for one in chosen.ids.tolist()]), chosen)
        families.add(protocol.family)
        assert protocol.is_complete(chosen)
    assert len(families) == 1
    for base in ("300w-full", "300w-common"):
        protocol = fldbench.get_protocol(base + rules)
        parts = [scores[name] for name in protocol.union_of]
        whole = scores[protocol.subset]
        for key, value in whole.metrics.items():
            weights = [part.n - part.missed if key == "nme" else part.n for part in parts]
            mean = np.average([part.metrics[key] for part in parts], weights=weights)
            assert value == pytest.approx(mean, abs=1e-9)


def test_describe_says_all_that_decides_the_number():
    text = fldbench.get_protocol("300w-helen@interpupil,boxes=jittered:0.10,points=49,t=0.075").describe()
    for words in (
        "300w test, subset helen-test, 330 faces",
        "49 of the 68 points of ibug-68",
        "errors divided by the inter-pupil distance (points 36-41 to 42-47)",
        "boxes jittered:0.10 (made from the truth)",
        "FR at 7.5 %, AUC exact at 7.5 %",
        "a missed face is a failure and not part of the NME",
    ):
        assert words in text
    assert "not comparable" not in text
    cofw = fldbench.get_protocol("cofw68")
    assert "boxes official (those of its files)" in cofw.describe() and not cofw.knows_truth
    marked = fldbench.get_protocol("300w-full@pipnet,missed=value:0.5,first=9")
    assert marked.legacy == "auc=menpo, missed=value:0.50, clipped"
    assert (
        "AUC menpo at 8 %; a missed face has the error 50 %; not comparable with results under other"
        in marked.describe()
    )
    assert "9 faces, the first 9 by id" in marked.describe()


def test_a_score_says_whether_the_faces_are_those_of_the_protocol():
    faces = toy_faces(3)
    rules = toy_protocol("p", n_expected=3, ids_sha256=protocols.ids_hash(faces))
    assert fldbench.evaluate(faces.landmarks, faces, rules).complete
    others = replace(faces, ids=np.array(["a", "b", "c"]))
    for some in (faces[:2], others):
        assert not fldbench.evaluate(some.landmarks, some, rules).complete


def test_faces_that_the_protocol_leaves_out_are_warned_of():
    faces = toy_faces(8, 2)
    first = toy_protocol("p", first=3, n_expected=3)
    with pytest.warns(UserWarning, match=r"p\S* counts 3 of these 8 faces, and all were measured"):
        fldbench.evaluate(faces.landmarks, faces, first)
    some = first.select(faces)
    assert len(some) == 3 and fldbench.evaluate(some.landmarks, some, first).metrics["nme"] == 0


def test_what_cannot_be_measured_is_refused():
    faces = toy_faces(3)
    points = faces.landmarks.copy()
    points[1, 0] = points[1, 1]
    with pytest.raises(ProtocolError, match=r"the inter-pupil distance must be finite and > 0 px; .*: test1;"):
        toy_protocol("p").score(faces.landmarks, replace(faces, landmarks=points))
    with pytest.raises(ProtocolError, match="protocol '300w-full' counts ibug-68 points; these faces have mtfl-5"):
        fldbench.evaluate(faces.landmarks, faces, "300w-full")
    with pytest.raises(PredictionsError, match=r"predictions.shape is \(3, 4, 2\); must be \(3, 5, 2\)"):
        toy_protocol("p").score(faces.landmarks[:, :4], faces)
    for nonsense in ("far", [["x"]], [[1], [2, 3]], [[{}]]):
        with pytest.raises(PredictionsError, match=r"protocol 'p': predictions(\.shape)? is .*; must be "):
            toy_protocol("p").score(nonsense, faces)
    with pytest.raises(ProtocolError, match="no face to measure on"):
        toy_protocol("p").score(faces.landmarks[:0], faces[:0])
    with pytest.raises(DataError, match="has no subset 'gone'"):
        toy_protocol("p", subset="gone").select(faces)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"box_source": "tihgt"},
            "boxes is 'tihgt'; must be tight, official, detected:NAME, or jittered:S with S above",
        ),
        ({"box_source": "jittered:0.9"}, "boxes is 'jittered:0.9'; must be tight"),
        ({"auc_rule": "menpoo"}, "auc_rule is 'menpoo'; must be one of 'exact', 'menpo', .*; did you mean 'menpo'"),
        ({"reduction": "mikro"}, "reduction is 'mikro'; must be one of 'macro', 'micro'"),
        ({"missed": "value"}, "missed is 'value'; must be failure, skipped, mean-shape, or value:X with X above 0"),
        ({"thresholds": ()}, r"thresholds is \(\); must be one or more different fractions above 0 up to 1"),
        ({"thresholds": (8,)}, r"thresholds is \(8,\); must be .*; 8 % is 0.08"),
        ({"thresholds": (0.08, 0.08)}, r"thresholds is \(0.08, 0.08\); must be one or more different"),
        ({"first": 0}, "first is 0; must be None or a whole number from 1"),
        ({"n_expected": "many"}, "n_expected is 'many'; must be a whole number from 1"),
        ({"strict": "no"}, "strict is 'no'; must be true or false"),
        ({"dataset": ""}, "dataset is ''; must be a string that is not empty"),
    ],
)
def test_a_wrong_value_is_refused_when_the_protocol_is_made(fields, text):
    with pytest.raises(ProtocolError, match=f"^protocol 'p': {text}"):
        toy_protocol("p", **fields)


def test_boxes_of_an_unknown_source_are_refused():
    with pytest.raises(
        ProtocolError, match="boxes_from: boxes is 'seen:x'; must be tight, official, detected:NAME, or jittered:S"
    ):
        protocols.boxes_from(toy_faces(2), "seen:x")


def test_a_skipped_face_takes_its_points_out_of_the_micro_mean():
    """Faces of 5, 3 and 5 annotated points; the first is missed: (3 * 9 + 5 * 2) / 8."""
    faces = toy_faces(3)
    truth = faces.landmarks.copy()
    truth[1, 3:] = np.nan
    faces = replace(faces, landmarks=truth, visible=None)
    eyes = np.linalg.norm(truth[:, 0] - truth[:, 1], axis=1)
    guess = truth + np.array([np.nan, 0.09, 0.02])[:, None, None] * eyes[:, None, None] * np.array([0.6, 0.8])
    score = toy_protocol("p", missed="skipped", reduction="micro").score(guess, faces)
    assert score.missed == 1 and score.metrics["nme"] == pytest.approx((3 * 9 + 5 * 2) / 8)


def test_more_faces_than_the_protocol_has_are_not_complete():
    faces = toy_faces(4)
    assert [toy_protocol("p", n_expected=n).is_complete(faces) for n in (3, 4, 5)] == [False, True, False]
