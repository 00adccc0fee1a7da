"""Methods compared face by face: by hand, with missed faces, one face alone, and what cannot be compared."""

import json
from dataclasses import replace

import numpy as np
import pytest
from made_records import made_record

import fldbench
from fldbench.errors import StoreError, UnknownNameError
from fldbench.metrics import auc, failure_rate
from fldbench.records.record import TrainFacts
from fldbench.records.store import Store
from fldbench.report import compare, rows_in
from fldbench.report.face_errors import FaceErrors
from fldbench.stats import difference_of, mcnemar_test, permutation_test, wilcoxon_test

ERRORS = np.exp(np.random.default_rng(0).normal(-3.2, 0.4, size=60))
OTHERS = ERRORS * np.exp(np.random.default_rng(1).normal(0.1, 0.3, size=60))


def method(label, *trainings, groups=None, protocol="300w-helen", draws=True, counts=None):
    """A method with errors (n,) in each of its trainings; NaN is a missed face."""
    charged = np.array(trainings, float)
    n = charged.shape[1]
    return FaceErrors(
        label=label,
        train="t",
        protocol=fldbench.get_protocol(protocol),
        ids=np.array([f"face {i}" for i in range(n)]),
        groups=groups,
        charged=charged,
        missed=np.isnan(charged),
        counts=np.full(n, 68) if counts is None else counts,
        predictions=None,
        draws=draws,
    )


def test_two_methods_by_a_second_route():
    clips = np.arange(60) // 2
    found = compare([method("one", ERRORS, groups=clips), method("other", OTHERS, groups=clips)])
    (pair,), (one, other) = found.pairs, found.methods
    assert one.nme.value == pytest.approx(100 * ERRORS.mean()) and other.fr.value == 100 * failure_rate(OTHERS, 0.08)
    assert other.auc.value == pytest.approx(100 * auc(OTHERS, 0.08))
    assert one.without_worst == pytest.approx(100 * np.sort(ERRORS)[:-1].mean())
    assert pair.difference.value == pytest.approx(100 * (OTHERS - ERRORS).mean()) and pair.test == "permutation"
    expected = difference_of(100 * ERRORS[None], 100 * OTHERS[None], clips)
    assert pair.difference.error == pytest.approx(expected.error, rel=0.05)
    assert (pair.smallest, pair.faces_needed) == pytest.approx((expected.smallest(), expected.faces_needed()))
    fails = ERRORS > 0.08, OTHERS > 0.08
    assert (pair.p, pair.p_wilcoxon, pair.p_mcnemar) == pytest.approx(
        (permutation_test(ERRORS, OTHERS, clips), wilcoxon_test(ERRORS, OTHERS, clips), mcnemar_test(*fails, clips)),
        rel=1e-6,
    )
    assert (pair.n, pair.n_groups, pair.p_holm) == (60, 30, pair.p)
    assert pair.only_second_fails == (fails[1] & ~fails[0]).sum()
    assert pair.first_better.value == pytest.approx(100 * (ERRORS < OTHERS).mean())
    most = np.argsort(-np.abs(OTHERS - ERRORS))[:10]
    assert [face.id for face in pair.deciding] == [f"face {i}" for i in most]
    assert pair.without_deciding == pytest.approx(100 * np.delete(OTHERS - ERRORS, most).mean())


def test_the_order_of_the_methods_turns_everything_around():
    (pair,) = compare([method("one", ERRORS), method("other", OTHERS)]).pairs
    (back,) = compare([method("other", OTHERS), method("one", ERRORS)]).pairs
    assert back.difference.value == -pair.difference.value and back.p == pair.p
    assert back.first_better.value == pytest.approx(100 - pair.first_better.value)
    assert {pair.verdict, back.verdict} in ({"undecided"}, {"first better", "second better"})


def test_words_of_a_clear_an_open_and_an_equivalent_pair():
    clear = compare([method("one", ERRORS), method("other", 2 * ERRORS)])
    text = " ".join(clear.to_text().split())
    assert "one has a lower NME than other, by" in text and "Verdict, differences up to 0.05 points" in text
    assert "one is better." in text and "Permutation test: p < 0.001" in text and "fewer than there are" in text
    assert "One training of one, other: there is no interval over seeds" in text
    assert "Each face is taken for itself" in text
    wide = " ".join(compare([method("one", ERRORS), method("other", 2 * ERRORS)], rope=90).to_text().split())
    assert "up to 90 points taken as equivalent: both are equivalent." in wide
    near = compare([method("one", ERRORS), method("other", ERRORS + 0.0004)])
    assert near.pairs[0].verdict == "equivalent" and near.pairs[0].p < 0.001  # real, and too small to matter
    between = " ".join(compare([method("one", ERRORS), method("other", 1.03 * ERRORS)], rope=0.13).to_text().split())
    assert "undecided: the difference is not zero, but may be too small to matter." in between


def test_trainings_are_counted_and_a_method_without_chance_needs_one():
    rng = np.random.default_rng(2)
    several = [ERRORS * (1 + 0.05 * rng.normal()) for _ in range(4)]
    found = compare([method("fixed", OTHERS, draws=False), method("net", *several)])
    (pair,) = found.pairs
    assert pair.test == "behrens-fisher" and pair.difference.over_seeds
    fixed, net = 100 * np.array([OTHERS, OTHERS]), 100 * np.array(several)
    assert pair.p == pytest.approx(difference_of(fixed, net).p)
    text = " ".join(found.to_text().split())
    assert "Test over faces and trainings: p" in text and "One training" not in text
    fails = OTHERS > 0.08
    only, other = (np.mean([both(fails, one > 0.08).sum() for one in several]) for both in (np.greater, np.less))
    assert (only, other) == (4.5, 0.0)
    assert "at 8 %, in the mean over pairs of trainings: 4.5 faces fail with fixed alone, 0 with net alone" in text
    (alone,) = compare([method("one", OTHERS), method("net", *several)]).pairs
    assert alone.test == "permutation" and not alone.difference.over_seeds


def test_missed_faces_fail_and_are_left_out_of_the_errors():
    lost = ERRORS.copy()
    lost[:6] = np.nan
    found = compare([method("one", lost), method("other", ERRORS)])
    (pair,) = found.pairs
    assert pair.n == 54 and pair.difference.value == 0 and pair.p == 1
    assert found.methods[0].missed == 6 and pair.only_first_fails == (ERRORS[:6] <= 0.08).sum()
    assert pair.first_better.value == pytest.approx(100 * 27 / 60)  # 54 equal ones count half
    assert "over the 54 of 60 faces that both answered" in " ".join(found.to_text().split())
    assert found.methods[0].median.value > found.methods[1].median.value
    skipped = "300w-helen@missed=skipped"
    (pair,) = compare([method("one", lost, protocol=skipped), method("other", ERRORS, protocol=skipped)]).pairs
    assert pair.only_first_fails == 0 and pair.p_mcnemar == 1
    with pytest.raises(StoreError, match="one answered no face; there is nothing"):
        compare([method("one", np.full(60, np.nan)), method("other", ERRORS)])
    half = np.where(np.arange(60) < 30, np.nan, ERRORS), np.where(np.arange(60) < 30, ERRORS, np.nan)
    with pytest.raises(StoreError, match="one and other answered no face together"):
        compare([method("one", half[0]), method("other", half[1])])


def test_three_faces_equal_errors_and_one_group():
    three = compare([method("one", ERRORS[:3]), method("other", 2 * ERRORS[:3])]).pairs[0]
    assert three.p == 0.25 and np.isnan(three.without_deciding) and len(three.deciding) == 3
    same = compare([method("one", ERRORS), method("other", ERRORS)])
    assert same.pairs[0].verdict == "equivalent" and same.pairs[0].deciding == ()
    text = " ".join(same.to_text().split())
    assert "one and other have the same NME" in text and "No face has different errors." in text
    flat = compare([method("one", np.full(5, 0.04)), method("other", np.full(5, 0.04))])
    assert flat.methods[0].nme.low == flat.methods[0].nme.high
    clip = compare([method("one", ERRORS, groups=np.zeros(60)), method("other", OTHERS, groups=np.zeros(60))])
    assert clip.pairs[0].verdict == "undecided" and "they are one group" in clip.to_text()
    json.loads(clip.to_json())


def test_three_methods_are_adjusted_together():
    found = compare([method("one", ERRORS), method("other", OTHERS), method("third", 2 * ERRORS)])
    assert [(p.first, p.second) for p in found.pairs] == [("one", "other"), ("one", "third"), ("other", "third")]
    assert all(pair.p_holm >= pair.p for pair in found.pairs) and max(p.p_holm / p.p for p in found.pairs) == 3
    assert "adjusted by Holm for 3 pairs" in found.to_text() and "first, second" in found.to_markdown()


def test_formats_agree_to_their_precision():
    found = compare([method("=one", ERRORS), method("other", OTHERS)])
    (pair,) = found.pairs
    head, line = found.to_csv().splitlines()
    row = dict(zip(head.split(","), line.split(","), strict=True))
    assert row["protocol"] == "300w-helen" and row["first"] == "'=one"
    assert float(row["difference"]) == pytest.approx(pair.difference.value)
    assert float(row["difference_low"]) == pytest.approx(pair.difference.low)
    content = json.loads(found.to_json())
    assert content["pairs"][0]["difference"]["high"] == pair.difference.high
    assert content["pairs"][0]["deciding"][0]["id"] == pair.deciding[0].id
    assert f"{pair.difference.value:+.2f} [{pair.difference.low:+.2f}," in found.to_text()
    assert f"{pair.difference.value:+.2f}" in found.to_markdown()
    assert "other" in repr(found) and str(found) == found.to_text()


def test_the_micro_mean_weighs_faces_by_their_points():
    counts = np.where(np.arange(60) < 20, 60, 10)
    micro = "300w-helen@reduction=micro"
    one, other = (method(name, e, protocol=micro, counts=counts) for name, e in (("a", ERRORS), ("b", OTHERS)))
    found = compare([one, other])
    assert found.methods[0].nme.value == pytest.approx(100 * np.average(ERRORS, weights=counts))
    assert found.pairs[0].difference.value == pytest.approx(100 * np.average(OTHERS - ERRORS, weights=counts))
    assert found.pairs[0].p == pytest.approx(permutation_test(counts * ERRORS, counts * OTHERS))


def test_what_cannot_be_compared_says_which_and_how_many():
    one, other = method("one", ERRORS), method("other", OTHERS)
    with pytest.raises(StoreError, match="only one is given; must be two"):
        compare([one])
    with pytest.raises(StoreError, match="one on t and one on t; must be different ones"):
        compare([one, one])
    with pytest.raises(StoreError, match=r"one is measured under 300w-helen \(.{6}\); other .* must be the same rules"):
        compare([one, method("other", OTHERS, protocol="300w-helen@interpupil")])
    more = method("other", np.r_[OTHERS, 0.1, 0.2])
    with pytest.raises(StoreError, match=r"2 faces of other are not among those of one \(face 60, face 61\); must be"):
        compare([one, more])
    shuffled = other.on(other.ids[::-1])
    assert compare([one, shuffled]).pairs == compare([one, other]).pairs


@pytest.fixture
def out(tmp_path):
    """A folder with methods, protocols, seeds and training sets."""
    store = Store(tmp_path)

    def write(label, errors, seed=0, protocol="300w-helen", **fields):
        arrays = {"ids": np.array([f"f{i}" for i in range(330)]), "errors": errors, "charged": errors}
        record = made_record(label, protocol, seed=seed, **fields)
        store.write(replace(record, key=f"{record.key}-{record.train.label}"), arrays)

    rng = np.random.default_rng(0)
    for seed in range(3):
        write("net", rng.random(330), seed)
    write("ridge", rng.random(330), None)
    write("ridge", rng.random(330), None, train=TrainFacts(label="u", faces=5, fingerprint="f2"))
    write("old", rng.random(330), None, "300w-helen@interpupil")
    write("both", rng.random(330), None)
    write("both", rng.random(330), None, "300w-helen@interpupil")
    store.write(made_record("bare", seed=None))
    return tmp_path


def test_rows_of_a_folder(out):
    (net, ridge), wrong = rows_in([out], ["net", "ridge on t"])
    assert (net.seeds, net.draws, ridge.draws, ridge.train, wrong) == (3, True, False, "t", [])
    (net, both), _ = rows_in([out], ["net", "both"])
    assert both.protocol.name == net.protocol.name == "300w-helen"
    assert compare([net, both]).pairs[0].test == "behrens-fisher"
    trained, _ = rows_in([out], ["ridge on t", "ridge on u"])
    assert "Training faces differ: ridge on t" in " ".join(compare(trained).to_text().split())


@pytest.mark.parametrize(
    ("labels", "protocol", "kind", "says"),
    [
        (
            ["net", "rigde"],
            None,
            UnknownNameError,
            "no method is named 'rigde' in these folders, and no .*; did you mean 'ridge'",
        ),
        (["net", "ridge"], None, StoreError, "'ridge' could be 'ridge on t', 'ridge on u'; give one of these names"),
        (
            ["net", "old"],
            None,
            StoreError,
            "net under 300w-helen; old under 300w-helen@interpupil; must be one protocol",
        ),
        (["both", "both"], None, StoreError, "both and both were measured under .*; choose it with --protocol"),
        (["net", "both"], "300w-hellen", UnknownNameError, "no row is under protocol '300w-hellen'; did you mean"),
        (["net", "old"], "300w-helen", StoreError, "old has no number that counts .it was not measured under this"),
        (["net", "bare"], None, StoreError, "no errors of single faces are kept of bare|cannot be read"),
    ],
)
def test_labels_that_do_not_say_which_row(out, labels, protocol, kind, says):
    with pytest.raises(kind, match=says):
        rows_in([out], labels, protocol)


def test_groups_are_those_of_the_records(out):
    store, errors = Store(out), np.linspace(0.01, 0.1, 330)
    arrays = {"ids": np.array([f"f{i}" for i in range(330)]), "errors": errors, "charged": errors}
    store.write(made_record("clips", seed=None), arrays | {"groups": np.arange(330) // 3})
    (pair,) = compare(rows_in([out], ["both", "clips"], "300w-helen")[0]).pairs
    assert (pair.n, pair.n_groups) == (330, 110)


def test_folders_without_records_and_edited_ones(out, tmp_path):
    with pytest.raises(StoreError, match="no run record below"):
        rows_in([tmp_path / "none"], ["net", "both"])
    place = next(out.glob("records/net-300w-helen-0*"))
    (place / "run.json").write_text((place / "run.json").read_text().replace("4.0", "3.0"))
    (net, _), wrong = rows_in([out], ["net", "both"])
    assert net.seeds == 2 and "its content does not fit its digest" in wrong[0]
