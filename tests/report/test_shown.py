"""How faces, records and leaderboards look at a prompt and in a notebook."""

from html.parser import HTMLParser

import numpy as np
import pytest
from hostile_names import HOSTILE
from made_records import failed
from made_records import made_record as record

from fldbench.faces import FaceSet, ImageArrays
from fldbench.report import leaderboard


def text_of(html):
    """The text of HTML whose elements are only those of a table."""
    seen = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attrs):
            assert tag in {"b", "i", "h4", "p", "ul", "li", "table", "tr", "th", "td"}
            assert {name for name, _ in attrs} <= {"style", "colspan"}

        def handle_data(self, data):
            seen.append(data)

    Reader().feed(html)
    return " ".join(seen)


def faces_named(name):
    return FaceSet(
        ids=["a", "b"],
        images=ImageArrays([np.zeros((20, 30, 3), np.uint8)] * 2),
        boxes=[[0, 0, 9, 9]] * 2,
        landmarks=np.arange(20.0).reshape(2, 5, 2),
        scheme="mtfl-5",
        groups=["p", "p"],
        subsets={name or "s": [True, False]},
        name=name,
        split_name="train",
    )


def test_faces_are_one_line_and_a_small_table():
    faces = faces_named("300w")
    assert str(faces) == repr(faces) == "FaceSet 300w-train: 2 faces, mtfl-5"
    assert repr(faces[0]) == "Face a: 30 x 20 px, 5 points"
    assert text_of(faces._repr_html_()) == "300w-train faces 2 groups 1 points 5, mtfl-5 subsets 300w 1 first ids a, b"
    assert str(faces[:0]) == "FaceSet 300w-train: 0 faces, mtfl-5" and text_of(faces[:0]._repr_html_())


def test_a_record_is_one_line_and_a_small_table():
    good, bad = record("ert"), failed("ert", reason="fell\nover", seed=None)
    assert repr(good) == str(good) == "Record ert on t under 300w-helen, seed 0: ok, NME 4.00 %"
    assert repr(bad) == r"Record ert on t under 300w-helen: failed, fell\nover"
    text = text_of(good._repr_html_())
    assert "nme 4" in text and "auc08 65" in text and "fit_seconds 2.0" in text and "reason" not in text
    assert r"reason fell\nover" in text_of(bad._repr_html_())


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_in_a_name_is_an_element(name):
    for shown in (record(name or "m"), failed(reason=name), leaderboard([record(name or "m")])):
        assert text_of(shown._repr_html_()) and repr(shown).isprintable() and len(repr(shown)) < 500
    faces = faces_named(name)
    assert text_of(faces._repr_html_()) and str(faces).isprintable() and len(str(faces)) < 300
