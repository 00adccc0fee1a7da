"""Harm as a modifier: names, hashes, what composes with it, whole curves, and runs that keep their answers apart."""

from dataclasses import replace

import numpy as np
import pytest
from toys import Noisy, toy_faces, toy_protocol

import fldbench
from fldbench.errors import ProtocolError, SuiteError
from fldbench.faces.harm import HARMS
from fldbench.geometry import box_centre, box_size, tight_box
from fldbench.npz import read_npz
from fldbench.protocols import Protocol, get_protocol
from fldbench.protocols.harms import curve
from fldbench.records.store import Store


@pytest.mark.parametrize(
    ("asked", "canonical"),
    [
        ("300w-helen@blur=3", "300w-helen@blur=3"),
        ("300w-helen@blur=0", "300w-helen"),
        ("300w-helen@noise=2@blur=1", "300w-helen@blur=1,noise=2"),
        ("300w-helen@box-scale=1,rotation=5,boxes=jittered", "300w-helen@boxes=jittered:0.05,rotation=5,box-scale=1"),
        ("300w-helen@colour=1,interpupil,strict", "300w-helen@interpupil,colour=1,strict"),
        ("wflw@fan,jpeg=2", "wflw@fan,jpeg=2"),
    ],
)
def test_names_are_canonical_and_read_again(asked, canonical):
    protocol = get_protocol(asked)
    assert protocol.name == canonical and get_protocol(canonical) == protocol
    again = Protocol.from_dict(protocol.to_dict())
    assert again == protocol and again.hash == protocol.hash


def test_each_harm_has_a_hash_of_its_own_and_none_has_that_of_the_base():
    names = [name for name in curve("300w-helen@harm=*") if not name.endswith("=0")]
    hashes = {get_protocol(name).hash for name in names}
    assert len(hashes | {get_protocol("300w-helen").hash}) == 51
    assert get_protocol("300w-helen@blur=0").hash == get_protocol("300w-helen").hash


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("300w-helen@blur=6", "blur is '6'; must be a whole number from 0, which is none, to 5"),
        ("300w-helen@blur=-1", "blur is '-1'; must be a whole number"),
        ("300w-helen@blur=*", r"a suite has all of them by blur=\*"),
        ("300w-helen@blur", "did you mean 'blur'"),
        ("300w-helen@blur=1,blur=2", "the modifier 'blur' is given twice"),
        ("300w-helen@bluur=1", "did you mean 'blur'"),
        ("aflw19-full@box-shift=2", "must be no harm of the box that 'given-box' divides by"),
    ],
)
def test_what_is_refused(name, message):
    with pytest.raises(ProtocolError, match=message):
        get_protocol(name)


@pytest.mark.parametrize("harms", [3, [("blur",)], [("blr", 1)], [("blur", 1.5)], [("blur", True)], [("blur", 1)] * 2])
def test_fields_that_are_no_harms_are_refused(harms):
    with pytest.raises(ProtocolError):
        toy_protocol("p", harms=harms)


def test_the_caption_says_what_was_done():
    assert (
        "boxes tight (made from the truth); harmed by rotation 2 of 5 (10), blur 1 of 5 (0.01);"
        in get_protocol("300w-helen@blur=1,rotation=2").describe()
    )


def test_boxes_from_the_truth_are_those_of_the_harmed_points():
    faces = toy_faces(6)
    found = toy_protocol("p", harms=[("rotation", 4)]).select(faces)
    np.testing.assert_allclose(found.boxes, tight_box(found.landmarks))
    assert np.abs(found.landmarks - faces.landmarks).max() > 1
    jittered = [toy_protocol("p", box_source="jittered", harms=h).select(faces) for h in ([], [("blur", 5)])]
    np.testing.assert_array_equal(jittered[0].boxes, jittered[1].boxes)
    both = toy_protocol("p", harms=[("rotation", 2), ("box-shift", 2)]).select(faces)
    tight = tight_box(both.landmarks)
    share = (box_centre(both.boxes) - box_centre(tight)) / box_size(tight)
    assert np.hypot(*share.T) == pytest.approx(0.10)


def test_the_truth_has_no_error_under_any_harm():
    faces = toy_faces(6)
    for kind in HARMS:
        protocol = toy_protocol("p", harms=[(kind, 4)])
        found = protocol.select(faces)
        assert protocol.score(found.landmarks, found).metrics["nme"] == 0.0


def test_covered_points_do_not_count_if_only_visible_ones_do():
    faces = toy_faces(8)
    found = toy_protocol("p", harms=[("occlusion", 3)], visible=True).select(faces)
    hidden = ~found.visible
    assert hidden.any()
    wrong = found.landmarks + 5 * hidden[..., None]
    keeping = np.flatnonzero(found.visible.any(axis=1))
    protocol = toy_protocol("p", harms=[("occlusion", 3)], visible=True, n_expected=len(keeping))
    assert protocol.score(wrong[keeping], found[keeping]).metrics["nme"] == 0.0
    assert replace(protocol, visible=False).score(wrong[keeping], found[keeping]).metrics["nme"] > 0


def test_curves():
    assert curve("300w-helen@blur=*") == [f"300w-helen@blur={strength}" for strength in range(6)]
    assert curve("300w-helen@interpupil,blur=*@noise=1")[5] == "300w-helen@interpupil,blur=5,noise=1"
    assert curve("300w-helen@boxes=jittered:*")[::4] == ["300w-helen@boxes=tight", "300w-helen@boxes=jittered:0.20"]
    for name, message in (
        ("300w-helen@blur=*,noise=*", "two stars would be 6 x as many; write one curve each"),
        ("300w-helen@first=*", r"a curve is 'first=\*'; must be one of harm=\*, rotation=\*"),
    ):
        with pytest.raises(ProtocolError, match=message):
            curve(name)


def answers_of(records, out):
    """The answers that are kept beside each record, by the protocol's name."""
    files = {record.protocol.name: Store(out).record_path(record.key) / "faces.npz" for record in records}
    return {name: read_npz(file, ("predictions",))["predictions"] for name, file in files.items()}


def test_one_line_of_a_suite_is_a_curve(toy, tmp_path):
    suite = toy | {"protocols": ["toy-test@blur=*", "toy-test@box-shift=*"], "name": "curve"}
    records = fldbench.run_suite(suite, tmp_path)
    names = ["toy-test", *(f"toy-test@{kind}={s}" for kind in ("blur", "box-shift") for s in range(1, 6))]
    assert sorted(record.protocol.name for record in records) == sorted(names)
    assert all(record.status == "ok" for record in records) and Noisy.fits == 1
    assert len({record.key for record in records}) == 11
    plain = fldbench.run_suite(toy, tmp_path)
    assert plain[0].key in {record.key for record in records}
    answers = answers_of(records, tmp_path)
    np.testing.assert_array_equal(answers["toy-test"], answers["toy-test@blur=3"])  # it looks at boxes alone
    assert (answers["toy-test"] != answers["toy-test@box-shift=1"]).all(axis=(1, 2)).all()


def test_a_protocol_given_twice_beside_a_curve_is_refused(toy, tmp_path):
    with pytest.raises(SuiteError, match="toy-test is given twice"):
        fldbench.run_suite(toy | {"protocols": ["toy-test", "toy-test@blur=*", "toy-test@noise=0"]}, tmp_path)
    with pytest.raises(SuiteError, match="two stars"):
        fldbench.run_suite(toy | {"protocols": ["toy-test@blur=*,noise=*"]}, tmp_path)


class Bright(Noisy):
    """Answers the mean brightness of each image as every point, so that the answer tells what it was given."""

    def predict(self, images, boxes):
        return np.stack([np.full((5, 2), image.mean()) for image in images])


def test_methods_get_the_harmed_images_and_the_others_their_own(toy, tmp_path):
    fldbench.register_method("bright", Bright)
    suite = toy | {
        "methods": ["bright"],
        "protocols": ["toy-test", "toy-test@darkness=1", "toy-test@strict,darkness=1"],
    }
    kept = answers_of(fldbench.run_suite(suite, tmp_path), tmp_path)
    np.testing.assert_allclose(kept["toy-test@darkness=1"], kept["toy-test"] / 2, atol=0.5)
    np.testing.assert_array_equal(kept["toy-test@darkness=1,strict"], kept["toy-test@darkness=1"])
