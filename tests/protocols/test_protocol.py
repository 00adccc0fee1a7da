"""What a protocol is: each of its fields changes a number or a selection, or is not in the hash."""

import dataclasses
import json
from dataclasses import replace

import numpy as np
import pytest
from toys import toy_faces, toy_protocol

import fldbench
from fldbench import protocols
from fldbench.errors import DataError, PredictionsError, ProtocolError


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


def test_more_faces_than_the_protocol_has_are_not_complete():
    faces = toy_faces(4)
    assert [toy_protocol("p", n_expected=n).is_complete(faces) for n in (3, 4, 5)] == [False, True, False]
