"""Claims: which conventions give them, how many faces are behind them, and wording that says no more than is known."""

import re

import numpy as np
import pytest

from fldbench import metrics
from fldbench.audit.claims import audit_claim, parse_claim
from fldbench.audit.counts import READINGS, possible_counts
from fldbench.audit.grades import Grade
from fldbench.errors import DataError, UnknownNameError
from fldbench.identities import Range
from fldbench.protocols import get_protocol
from fldbench.protocols.published import published


def audited(text, n=None):
    return audit_claim(parse_claim(text, n))


def test_a_true_claim_is_consistent_at_its_threshold():
    """SPIGA on 300-W: at 8 %, and 5 of 689 faces."""
    found = audited("300w-full nme 2.98 fr 0.73 auc 62.7", 689)
    assert found.grade is Grade.consistent
    assert "FR 0.73 %: 5 of 689 faces" in found.facts
    (sentence,) = found.sentences
    assert sentence.startswith(
        "The numbers fit together on 689 faces: with FR and AUC at 8 % and AUC rules exact, menpo"
    )
    assert "at 10 %: no: AUC@10% is 62.7; must be at least 70.15, which is 1 - NME / t" in found.facts


@pytest.mark.parametrize("t", [0.05, 0.07, 0.08, 0.10])
def test_claims_of_real_errors_are_always_consistent(t):
    rng = np.random.default_rng(0)
    for digits in (1, 2, 3):
        errors = rng.gamma(3, 0.012, 300)
        numbers = metrics.nme(errors), metrics.failure_rate(errors, t), metrics.auc(errors, t)
        nme, fr, auc = (f"{100 * one:.{digits}f}" for one in numbers)
        claim = f"nme {nme} fr {fr} auc {auc}"
        assert audited(claim, 300).grade is Grade.consistent, claim
        assert audited(f"nme {nme} fr@{100 * t:g} {fr} auc@{100 * t:g} {auc}", 300).grade is Grade.consistent


def test_a_claim_that_nothing_gives_has_its_sentence():
    found = audited("300w-common nme 2.587 fr@8 0.00 auc@8 44.20")
    assert found.grade is Grade.impossible
    why = "AUC@8% is 44.20; must be at least 67.656, which is 1 - NME / t"
    assert found.sentences == (f"No convention known to fldbench gives this claim: {why}.",)


def test_a_claim_that_an_unusual_convention_gives_is_never_called_impossible():
    found = audited("cofw@interpupil nme 5.27 fr@10 7.29 auc@10 35.86")
    assert found.grade is Grade.only_with
    assert "It can be right only if the AUC is at 5, 7 or 8 %, not 10 %" in found.sentences[1]
    found = audited("cofw@interpupil nme 4.94 fr@10 0.99 auc@10 64.40")
    assert found.grade is Grade.only_with
    assert "only if the 5 failing faces of 507 have a mean error of at least 14" in found.sentences[0]
    found = audited("cofw fr@10 0.02")
    assert "or FR@10% is of points, 3 of 14703, and not of faces" in found.sentences[0]
    for sentence in (*found.sentences, *found.facts):
        assert "wrong" not in sentence and "false" not in sentence


def test_fractions_are_percent():
    claim = parse_claim("300w-full nme=0.0298 fr=0.0073, auc=0.627")
    assert claim.fractions and [text for _, text in claim.numbers] == ["2.98", "0.73", "62.7"]
    assert not parse_claim("300w-full nme 2.98 fr 0.73 %").fractions


def test_numbers_without_an_auc_fit_at_every_threshold():
    assert audited("nme 2.98 fr 0.7").sentences == ("The numbers fit together, whatever their threshold.",)


def test_an_nme_alone_stands_beside_those_that_others_publish():
    found = audited("300w-full nme 4.61")
    assert found.grade is Grade.consistent
    assert found.sentences == ("An NME alone contradicts nothing; give FR or AUC too.",)
    assert found.facts[0].startswith("published NME on these faces: inter-ocular ")


@pytest.mark.parametrize("text", ["", "300w-full", "300w-full nme", "nme 3 fr x", "nme 3 speed 4", "nme 3 nme 4"])
def test_other_claims_have_an_example(text):
    with pytest.raises(DataError, match=r"such as '300w-full nme 2\.98 fr 0\.73 auc 62\.7'"):
        parse_claim(text)


def test_an_unknown_protocol_is_named():
    with pytest.raises(UnknownNameError, match="did you mean '300w-full'"):
        parse_claim("300w-ful nme 3")


def test_faces_are_found_behind_published_rates_and_unusual_writing_is_said():
    """Of 166 published rates 155 are whole numbers of faces by plain rounding, and 10 more cut or rounded twice.

    The one that is left has an unknown number of faces.
    """
    rates = [one for one in published() if one.metric == "fr"]
    how = []
    for one in rates:
        found = audited(" ".join(filter(None, [one.protocol, f"fr {one.value}"])), one.n)
        faces = [
            fact for fact in found.facts if re.match(rf"FR {re.escape(one.value)} %: \d+( to \d+)? of {one.n} ", fact)
        ]
        unusual = [words for words in ("cut after the last digit", "rounded twice") if faces and words in faces[0]]
        how.append(unusual[0] if unusual else "rounded" if faces else "unsolved")
        assert (found.grade is Grade.only_with) == bool(unusual), one
        if unusual:
            assert "no whole number if it was rounded once" in faces[0]
            assert f"of {one.n} faces, {unusual[0].replace('the', 'its')}" in found.sentences[0]
    assert how.count("unsolved") <= 0.01 * len(rates)
    assert 0.93 * len(rates) < how.count("rounded") < 0.95 * len(rates)


def test_a_rate_that_was_cut_says_of_which_number():
    found = audited("wflw-pose fr 22.392")
    assert found.facts[0] == (
        "FR 22.392 %: 73 of 326 faces if 22.392638 % was cut after the last digit; "
        "no whole number if it was rounded once"
    )
    assert found.facts[2] == "known test sets with such a number: wflw-pose (326)"
    assert len(found.facts) == 3 and "only if FR@10% is 73 of 326 faces, cut after its last digit" in found.sentences[0]


def test_modifiers_of_a_protocol_keep_their_signs():
    claim = parse_claim("300w-full@norm=box,t=0.07: nme=2.98, fr=0.73")
    assert claim.protocol == get_protocol("300w-full@norm=box,t=0.07") and len(claim.numbers) == 2
    assert parse_claim("300w-full@norm=box,t=0.07\tnme 2.98\n fr 0.73\n") == claim  # as copied from a table


@pytest.mark.parametrize("n", [135, 689, 2500])
def test_possible_numbers_of_faces_hold_the_true_one(n):
    rng = np.random.default_rng(n)
    for _ in range(20):
        texts = [f"{100 * k / n:.2f}" for k in rng.integers(0, n // 4, 4)]
        assert n in possible_counts([Range.rounded(text) for text in texts])
        cut = f"{np.floor(100 * 10000 * rng.integers(n) / n / 100) / 100:.2f}"
        assert n in possible_counts([READINGS["cut after the last digit"](cut)])


def test_possible_numbers_by_brute_force():
    rate = Range.rounded("0.73")
    slow = [n for n in range(1, 1001) if any(abs(100 * k / n - 0.73) <= 0.005 for k in range(n + 1))]
    assert possible_counts([rate], 1000).tolist() == slow


def test_numbers_may_have_as_many_digits_as_a_program_prints_but_not_any_number_of_them():
    rate = "0.72568940493468795"  # 500 / 689 = 0.7256894049346879535...
    assert f"FR {rate} %: 5 of 689 faces" in audited(f"nme 2.98 fr {rate} auc 62.7", 689).facts
    assert possible_counts([Range.rounded(rate)]).tolist() == [689 * k for k in range(1, 8)]
    for text in (f"nme {'1' * 40}", f"fr@{'9' * 5000} 1", f"nme 3 auc@8 {'1' * 5000}"):
        with pytest.raises(DataError, match=r"--claim: (1{20}|9{20})\.\.\. has too many digits for a number"):
            parse_claim(text)
