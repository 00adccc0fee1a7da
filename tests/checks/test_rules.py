"""Checks of protocols: sound rules pass, and each fault is caught by the check that is about it."""

from dataclasses import replace

import pytest

from fldbench.checks import PROTOCOL_CHECKS, check_protocol
from fldbench.protocols import get_protocol, register_protocol
from fldbench.protocols.protocol import Protocol

SOUND = get_protocol("synthetic-test@first=20")


def statuses(protocol):
    register_protocol(protocol)
    return {one.check: one.status for one in check_protocol(protocol.name)}


def own(**fields):
    return replace(SOUND, name="own", **fields)


def test_sound_rules_pass_every_check():
    found = statuses(own())
    assert len(found) == len(PROTOCOL_CHECKS) and set(found.values()) == {"passed"}
    assert set(statuses(own(normaliser="diagonal", normaliser_points=None, thresholds=(0.05,))).values()) == {"passed"}


def test_another_number_of_faces_is_caught():
    found = statuses(replace(own(), n_expected=21))
    assert [check for check, status in found.items() if status == "failed"] == ["all-its-faces"]


exact = Protocol.score


def moved(self, answers, faces):
    return exact(self, answers + 1e-3, faces)


def never_missed(self, answers, faces):
    return exact(self, faces.landmarks, faces)


def in_whole_pixels(self, answers, faces):
    return exact(self, answers.round(), replace(faces, landmarks=faces.landmarks.round()))


@pytest.mark.parametrize(
    ("check", "score"), [("truth", moved), ("nothing-found", never_missed), ("error-grows", in_whole_pixels)]
)
def test_numbers_that_are_wrong_are_caught(check, score, monkeypatch):
    monkeypatch.setattr(Protocol, "score", score)
    found = statuses(own())
    assert found[check] == "failed", found


def test_rules_of_other_code_and_absent_faces_are_skipped(tmp_path, monkeypatch):
    monkeypatch.delenv("FLDBENCH_DATA", raising=False)
    found = statuses(own(auc_rule="menpo"))
    assert {found[one] for one in ("truth", "nothing-found", "error-grows")} == {"skipped"}
    reasons = {one.check: one.reason for one in check_protocol("300w-helen", tmp_path)}
    assert "dataset '300w' is not below" in reasons["truth"] and not reasons["written-and-read"]
