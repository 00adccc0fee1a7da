"""Doubtful truth: planted wrong labels come first, hard faces do not; the leaderboard without them; the command."""

import numpy as np
import pytest
from made_records import made_record
from typer.testing import CliRunner

import fldbench
from fldbench.audit.doubtful_truth import board, doubtful_truth, family_of
from fldbench.audit.doubts import consensus_of, doubts
from fldbench.cli.app import app
from fldbench.curate.excludes import read_excludes
from fldbench.errors import ProtocolError
from fldbench.records.record import MethodFacts, Metrics
from fldbench.records.store import Store
from fldbench.schemes import get_scheme

SCHEME = get_scheme("ibug-68")
MIRROR = list(SCHEME.mirror)
CODE = {
    "trees": {"fldbench.baselines.lbf.method": "1", "fldbench.baselines.parts.frames": "1"},
    "net": {"fldbench.cnn.nets.small": "1", "fldbench.cnn.layers": "1"},
    "other net": {"fldbench.cnn.nets.heatmap": "1"},
}


@pytest.fixture(scope="module")
def faces():
    protocol = fldbench.get_protocol("synthetic-test")
    return protocol.select(fldbench.load_dataset("synthetic", split="test"))


def answers(truth, rng):
    """Predictions near the truth: each face has its own difficulty, some are hopeless; shared by seed of `rng`."""
    n = len(truth)
    side = (truth.max(axis=1) - truth.min(axis=1)).max(axis=1)[:, None, None]
    hard = np.exp(np.random.default_rng(9).normal(0, 0.5, (n, 1, 1)))
    hard[:5] = 12  # hard for every method, each of which errs in its own way
    whole = rng.normal(size=(n, 1, 2)) * 0.01 + rng.normal(size=(n, 68, 2)) * 0.01
    return truth + side * hard * whole


@pytest.fixture(scope="module")
def predicted(faces):
    rng = np.random.default_rng(0)
    return {name: answers(faces.landmarks, rng) for name in CODE}


def planted(truth, kind, rows):
    wrong = np.array(truth)
    side = (truth.max(axis=1) - truth.min(axis=1)).max(axis=1)
    for row in rows:
        if kind == "mirrored":
            wrong[row] = wrong[row][MIRROR]
        elif kind == "moved":
            wrong[row] += [0.12 * side[row], 0]
        elif kind == "eyes exchanged":
            wrong[row, 36:42], wrong[row, 42:48] = truth[row, 42:48], truth[row, 36:42]
        else:
            wrong[row] = np.roll(wrong[row], 1, axis=0)
    return wrong


CAUSES = {"mirrored": "left and right", "moved": "moved by", "eyes exchanged": "landmarks", "numbering": ""}


@pytest.mark.parametrize("kind", CAUSES)
def test_planted_labels_stand_first_and_hard_faces_do_not(faces, predicted, kind):
    rows = np.random.default_rng(1).choice(np.arange(5, len(faces)), 10, replace=False)
    truth = planted(faces.landmarks, kind, rows)
    found = doubts(truth, {"trees": [predicted["trees"]], "network": [predicted["net"]]}, SCHEME)
    assert {one.row for one in found[:10]} == set(rows.tolist())
    assert all(one.doubtful and CAUSES[kind] in one.cause for one in found[:10])
    false = [one.row for one in found[10:] if one.doubtful]
    assert len(false) <= 0.01 * len(faces), f"false alarms: {false}"
    assert not {one.row for one in found[10:30]} >= set(range(5)), "hard faces are not doubtful for being hard"


def test_without_wrong_labels_nothing_is_doubtful(faces, predicted):
    found = doubts(faces.landmarks, {"trees": [predicted["trees"]], "network": [predicted["net"]]}, SCHEME)
    assert sum(one.doubtful for one in found) <= 0.005 * len(faces)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)


def test_scale_and_place_of_a_face_change_nothing(faces, predicted):
    said = {"trees": [predicted["trees"]], "network": [predicted["net"]]}
    moved = {name: [3 * one + 7 for one in some] for name, some in said.items()}
    first, second = doubts(faces.landmarks, said, SCHEME), doubts(3 * faces.landmarks + 7, moved, SCHEME)
    assert [one.row for one in first] == [one.row for one in second]
    assert [one.score for one in first] == pytest.approx([one.score for one in second])


def test_a_family_is_one_voice():
    # Three networks at 0 and two classical families at 9: with a voice for each method the median would be 0.
    near, far = np.zeros((1, 1, 2)), np.full((1, 1, 2), 9.0)
    middle, _ = consensus_of({"network": [near, near, near], "asm": [far], "lbf": [far]})
    assert middle.tolist() == [[[9.0, 9.0]]]


def test_a_face_that_one_family_missed_has_no_consensus():
    missed = np.full((1, 1, 2), np.nan)
    middle, spread = consensus_of({"a": [np.zeros((1, 1, 2))], "b": [missed]})
    assert np.isnan(middle).all() and spread.shape == (1, 1)
    with pytest.raises(ProtocolError, match=r"see enough are a; must be two or more"):
        doubts(np.zeros((1, 1, 2)), {"a": [np.zeros((1, 1, 2))]}, SCHEME)


def test_families_by_code():
    assert family_of(MethodFacts("a", "a", code=CODE["other net"])) == "network"
    assert family_of(MethodFacts("a", "a", code=CODE["trees"])) == "lbf"
    both = CODE["trees"] | {"fldbench.baselines.average": "1"}
    assert family_of(MethodFacts("average", "a", code=both)) == "", "a mean of others is no voice of its own"
    assert family_of(MethodFacts("outside", "theirs")) == "theirs"


@pytest.fixture
def records(tmp_path, faces, predicted):
    """Records of predictions, whose truth is wrong on ten faces: the predictions are moved instead of the truth."""
    protocol = fldbench.get_protocol("synthetic-test")
    store = Store(tmp_path / "out")
    for name, points in predicted.items():
        points = np.array(points)
        points[20:30] += [40.0, 0.0]
        score = protocol.score(points, faces)
        about = MethodFacts(name, name, code=CODE[name])
        record = made_record(about, "synthetic-test", len(faces), seed=None, metrics=Metrics(score.values))
        store.write(record, {"ids": faces.ids, "predictions": points} | score.evidence)
    return tmp_path / "out"


def test_the_board_with_and_without(records, faces):
    ((about,), notes) = doubtful_truth([records])
    assert not notes and about.families == {"lbf": ["trees"], "network": ["net", "other net"]}
    assert {one.row for one in about.doubtful} == set(range(20, 30))
    table = board(about)
    ((_, rows),) = table.parts
    for voice, row in zip(about.voices, rows, strict=True):
        errors = voice.seeds[0].charged
        left = ~np.isin(voice.seeds[0].ids, faces.ids[20:30])
        assert [row[1].text, row[2].text] == [f"{100 * errors.mean():.2f}", f"{100 * errors[left].mean():.2f}"]
    assert "without the 10 of" in table.caption


def test_the_command(records, tmp_path, faces):
    sheet, excludes = tmp_path / "doubts.png", tmp_path / "doubts.txt"
    words = ["data", "doubts", str(records), "--sheet", str(sheet), "-o", str(excludes)]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert "network (net, other net)" in done.stdout and "lbf (trees)" in done.stdout
    assert "a label that is wrong as a whole moves its box" in done.stdout, "the boxes know the truth"
    assert {one.id for one in read_excludes(excludes)} == set(faces.ids[20:30].tolist())
    assert sheet.read_bytes().startswith(b"\x89PNG")
    refused = CliRunner().invoke(app, ["data", "doubts", str(records), "--protocol", "nothing"])
    assert "no record under 'nothing'; there are records under synthetic-test" in str(refused.exception)
