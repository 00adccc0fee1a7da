"""Published numbers: read whole, and beside a protocol only where everything that decides a number is the same."""

from collections import Counter

import pytest

from fldbench.protocols import get_protocol
from fldbench.protocols.published import published, published_under


def test_every_number_is_read_with_its_source():
    every = published()
    assert Counter(one.metric for one in every) == {"nme": 492, "fr": 166, "auc": 132}
    assert all(one.source and float(one.value) >= 0 for one in every)
    assert all((one.threshold is None) == (one.metric == "nme") for one in every)
    assert {one.kind for one in every if one.method.startswith("DCFE")} == {"hybrid"}


def test_every_protocol_that_is_named_is_one():
    for name in {one.protocol for one in published()} - {None}:
        assert published_under(get_protocol(name))


def of(method, protocol):
    return [dict(row.numbers) for row in published_under(get_protocol(protocol)) if row.method == method]


def test_only_the_same_subset_normaliser_and_threshold_stand_together():
    assert of("SPIGA", "300w-full") == [{"nme": "2.994", "auc08": "62.728", "fr08": "0.726"}]
    assert of("SPIGA", "300w-full@t=0.10") == [{"nme": "2.994"}]
    assert of("SPIGA", "300w-full@auc=menpo") == [{"nme": "2.994", "fr08": "0.726"}]
    assert of("SPIGA", "300w-common")[0]["nme"] == "2.587"
    assert of("SPIGA", "300w-full@interpupil") == []
    assert of("HIH-B", "cofw@interpupil")[0]["nme"] == "4.63" and of("HIH-B", "cofw")[0]["nme"] == "3.21"


@pytest.mark.parametrize(
    "modifier", ["points=51", "strict", "integer", "first=20", "reduction=micro", "missed=skipped"]
)
def test_rules_that_no_paper_states_have_no_published_numbers(modifier):
    assert published_under(get_protocol(f"300w-full@{modifier}")) == []


def test_no_paper_has_jittered_boxes():
    assert published_under(get_protocol("cofw@boxes=tight")) == published_under(get_protocol("cofw"))
    assert published_under(get_protocol("wflw@boxes=jittered:0.1")) == []


def test_numbers_of_one_method_that_differ_have_rows_of_their_own():
    assert len(of("STAR", "300w-full")) == len({row["nme"] for row in of("STAR", "300w-full") if "nme" in row})
    assert of("TUFA", "cofw") == []  # its normaliser is not stated
