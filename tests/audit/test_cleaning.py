"""`fldbench clean`: planted wrong labels come first by models that have not seen them; the list, the command."""

from dataclasses import replace

import numpy as np
import pytest
from toys import Noisy, toy_faces
from typer.testing import CliRunner

import fldbench
from fldbench.audit import cleaning
from fldbench.audit.cleaning import answers_of, answers_out_of_fold, check_unseen, suspects
from fldbench.cli.app import app
from fldbench.curate.excludes import read_excludes
from fldbench.errors import DataError, MethodError
from fldbench.schemes import get_scheme

MIRROR = list(get_scheme("mtfl-5").mirror)


def planted(n=40):
    """Faces with boxes of their own, of which 3 is mirrored, 5 moved, and 7 has a wrong nose."""
    faces = toy_faces(n)
    wrong = np.array(faces.landmarks)
    wrong[3] = wrong[3][MIRROR]
    wrong[5] += [16.0, 0.0]
    wrong[7, 2] += [40.0, 0.0]
    return replace(faces, landmarks=wrong, box_source="official", name="toy", split_name="train")


def test_planted_labels_are_the_worst_and_say_what_is_wrong(toy):
    faces = planted()
    found = suspects(faces, answers_out_of_fold(faces, "mean-shape", 4))
    assert [one.id for one in found[:3]] == ["test5", "test3", "test7"] and all(one.far for one in found[:3])
    assert found[1].message.endswith("; perhaps left and right exchanged")
    assert found[2].message.endswith("; perhaps 1 landmark") and "; perhaps moved by +16, " in found[0].message
    assert found[2].regions == ("nose_tip",) and len(found) == 40
    assert sum(one.far for one in found) == 3


def test_the_error_by_hand():
    """Two points off by 3 and 4 px of a face of 10 x 10 px whose other points are unlabelled: 35 %."""
    faces = toy_faces(1)
    truth = np.full((1, 5, 2), np.nan)
    truth[0, :2] = [[0, 0], [10, 10]]
    faces = replace(faces, landmarks=truth, visible=np.isfinite(truth).all(-1))
    (one,) = suspects(
        faces, np.where(np.isfinite(truth), truth + np.array([[3.0, 0], [0, 4], [0, 0], [0, 0], [0, 0]]), 1.0)
    )
    assert one.error == pytest.approx(0.35) and one.times == pytest.approx(1.0) and not one.far
    assert one.message == "error 35.0 %, 1.0 times as far off as usual"


def test_what_is_usual_at_a_landmark_is_no_reason_to_doubt_a_label():
    """Jaws are 6 px off as a rule and all else 1 px: a wrong eye, of 6 points, counts more than a jaw that is 9 px off.

    By the mean error it would be behind the jaws of many faces.
    """
    faces = fldbench.load_dataset("synthetic", split="train", faces=60)
    rng, usual = np.random.default_rng(0), np.repeat([6.0, 1.0], [17, 51])
    each = np.exp(rng.normal(0, 0.3, (60, 1))) * usual
    answers = faces.landmarks + each[..., None] * rng.normal(0, 0.6, (60, 68, 2))
    wrong = np.array(faces.landmarks)
    wrong[3, 36:42] += [0.0, 18.0]
    found = suspects(replace(faces, landmarks=wrong), answers)
    assert found[0].row == 3 and found[0].far and found[0].regions == ("left_eye",)
    assert [one.far for one in found[1:]] == [False] * 59
    assert sum(one.error > found[0].error for one in found) > 2


def test_photos_are_not_all_in_memory_at_once(monkeypatch):
    """Of 12 faces five at most are predicted in one call, in their order; NaN boxes are missed faces."""
    asked = []

    class Counts(Noisy):
        def predict(self, images, boxes):
            asked.append(len(images))
            return super().predict(images, boxes)

    faces = toy_faces(12)
    model = Counts().fit(toy_faces(12, 1))
    whole = answers_of(model, faces)
    monkeypatch.setattr(cleaning, "FACES_AT_ONCE", 5)
    assert np.array_equal(answers_of(model, faces), whole) and asked == [12, 5, 5, 2]


def test_missed_faces_are_first_and_faces_without_an_answer_are_refused():
    faces = toy_faces(12)
    answers = faces.landmarks + 1.0
    answers[4] = np.nan
    first = suspects(faces, answers)[0]
    assert (first.row, first.far, first.message) == (4, True, "missed by a model that has not seen it")
    with pytest.raises(DataError, match="toy-test: no face has both a label and an answer"):
        suspects(faces, np.full_like(answers, np.nan))


def test_no_model_sees_the_faces_that_it_answers(toy):
    """Noise of the size of a label, which a model that saw it could learn; groups stay whole."""
    seen = []

    class Remembers(Noisy):
        def fit(self, train, val=None):
            seen.append(set(train.groups.tolist()))
            return super().fit(train, val)

    fldbench.register_method("remembers", Remembers)
    faces = replace(toy_faces(12), groups=np.repeat(["a", "b", "c", "d"], 3))
    told = []
    answers = answers_out_of_fold(faces, "remembers", 4, progress=lambda *news: told.append(news))
    assert told == [(f"remembers without fold {fold}", fold, 4) for fold in (1, 2, 3, 4)]
    assert np.isfinite(answers).all() and [len(one) for one in seen] == [3] * 4
    assert set.union(*({"a", "b", "c", "d"} - one for one in seen)) == {"a", "b", "c", "d"}


def test_a_model_that_has_seen_the_faces_is_refused(toy):
    made = fldbench.load_dataset("synthetic", split="train", faces=8)
    model = fldbench.make_method("mean-shape").fit(made)
    text = "mean-shape model: what it was fitted on is 'synthetic-train'; must be other faces; give the name of the"
    with pytest.raises(MethodError, match=text):
        check_unseen(model, made)
    check_unseen(model, fldbench.load_dataset("synthetic", split="test"))
    with pytest.raises(MethodError, match="the scheme that it was fitted on is 'ibug-68'; must be mtfl-5"):
        check_unseen(model, toy_faces(2))


def test_the_command_writes_a_list_that_a_suite_reads(toy, tmp_path):
    fldbench.register_dataset("planted", Planted)
    fldbench.register_dataset("sound", Sound)
    command = ["clean", "mean-shape", "planted", "-o", str(tmp_path / "out.txt"), "--sheet", str(tmp_path / "s.png")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "3 of 40 faces are far out; hard faces are among them" in result.stdout
    assert f"{tmp_path / 'out.txt'}: 3 faces\n" in result.stdout
    assert "looking at 40 faces of toy-train (mtfl-5), official boxes\n" in result.stderr
    assert "made from the labels" not in result.stderr
    assert f"{tmp_path / 's.png'} shows faces of planted; licence: nobody's faces" in result.stderr
    lines = read_excludes(tmp_path / "out.txt")
    assert [one.id for one in lines] == ["test5", "test3", "test7"] and {one.kind for one in lines} == {"error"}
    assert (tmp_path / "s.png").stat().st_size > 1000
    result = CliRunner().invoke(app, [*command[:5], "--worst", "1"])
    assert [one.id for one in read_excludes(tmp_path / "out.txt")] == ["test5"]
    assert f"{tmp_path / 'out.txt'}: 1 face\n" in result.stdout
    result = CliRunner().invoke(app, [*command[:2], "sound", *command[3:5], "--boxes", "tight"])
    assert "none of 40 faces is far out; --worst N takes the N worst\n" in result.stdout
    assert f"{tmp_path / 'out.txt'}: no faces\n" in result.stdout and not read_excludes(tmp_path / "out.txt")
    assert "the boxes are made from the labels: one that is wrong as a whole moves its box" in result.stderr
    result = CliRunner().invoke(app, ["clean", "no-such-model", "planted"])
    assert result.exit_code == 1 and "no such model file; 'builtin' is the one that comes" in str(result.exception)


class Planted(fldbench.Dataset):
    """Planted wrong labels among faces."""

    name = "planted"
    scheme = "mtfl-5"
    splits = ("train",)
    licence = "nobody's faces"

    def load(self, root, split):
        return planted()


class Sound(Planted):
    """The same faces with their own labels."""

    name = "sound"

    def load(self, root, split):
        return replace(planted(), landmarks=toy_faces(40).landmarks)
