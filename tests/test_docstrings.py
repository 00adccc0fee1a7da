"""Docstrings: summaries, sections, and texts of parameters, with and without an import."""

import inspect
import re
import sys

import pytest

import fldbench
from fldbench import docstrings, registry

DOC = """Fit a line
    to points.

    Two numbers are learned.

    Parameters
    ----------
    slope, offset : float
        How steep,
        and where.
    name : str
        Of the line.

    Raises
    ------
    DataError
        Never.
    """


class Base:
    """A base.

    Parameters
    ----------
    file : str
        A file below the root.
    """


class Child(Base):
    """A child.

    Parameters
    ----------
    file : str
        As in Base.
    more : int
        Its own.
    """


def test_parts_of_a_docstring():
    assert docstrings.summary(DOC) == "Fit a line to points."
    assert docstrings.description(DOC) == "Two numbers are learned."
    assert docstrings.entries(DOC) == {
        "slope": "How steep, and where.",
        "offset": "How steep, and where.",
        "name": "Of the line.",
    }
    assert docstrings.entries(DOC, "Raises") == {"DataError": "Never."}
    assert docstrings.entries(DOC, "Returns") == docstrings.entries(None) == {}
    assert docstrings.summary(None) == docstrings.description("One line.") == ""


def test_a_text_that_points_to_the_base_is_that_of_the_base():
    assert docstrings.parameter_texts(Child) == {"file": "A file below the root.", "more": "Its own."}


def test_a_docstring_is_read_without_an_import(tmp_path, monkeypatch):
    (tmp_path / "plugin_of_a_user.py").write_text('raise RuntimeError\n\n\nclass M:\n    """Broken, but known."""\n')
    (tmp_path / "plugin_that_does_not_parse.py").write_text("class M(:\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert docstrings.doc_of("plugin_of_a_user:M") == "Broken, but known."
    assert "plugin_of_a_user" not in sys.modules
    for target in ("plugin_of_a_user:N", "plugin_that_does_not_parse:M", "no_such_module_at_all:M", "no_such.part:M"):
        assert docstrings.doc_of(target) == ""
    assert docstrings.doc_of(Child).startswith("A child.")


@pytest.mark.parametrize("name", registry.names("method"))
def test_every_method_says_in_one_line_what_it_is(name):
    line = docstrings.summary(docstrings.doc_of(registry.table("method")[name]))
    assert 20 < len(line) <= 120, line


@pytest.mark.parametrize("name", registry.names("method"))
def test_every_parameter_of_a_method_is_explained(name):
    cls = registry.resolve("method", name)
    from fldbench.params import parameters_of

    missing = set(parameters_of(cls)) - docstrings.parameter_texts(cls).keys() - {"random_state"}
    assert not missing, f"{name}: {', '.join(sorted(missing))}"


UNIT = re.compile(r"\b(px|pixels?|percent|fractions?|shares?|units?)\b|%", re.I)
MEASURED = {"boxes", "box", "landmarks", "predictions", "size", "crop", "padding", "context", "thresholds", "offset"}


def public():
    """Every public name and every public method of a public class: name, object."""
    for name in fldbench.__all__:
        if name == "__version__":
            continue
        thing = getattr(fldbench, name)
        yield name, thing
        for part, value in vars(thing).items() if inspect.isclass(thing) else ():
            function = getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
            if inspect.isfunction(function) and not part.startswith("_"):
                yield f"{name}.{part}", function


@pytest.mark.parametrize(("name", "thing"), [pytest.param(name, thing, id=name) for name, thing in public()])
def test_every_public_name_says_what_it_is_and_in_which_unit(name, thing):
    doc = inspect.getdoc(thing) or ""
    assert 10 < len(docstrings.summary(doc)) <= 240, doc
    told = docstrings.entries(doc) | docstrings.entries(doc, "Attributes")
    given = inspect.signature(thing).parameters if inspect.isfunction(thing) else {}
    words = {one for one, what in given.items() if re.search(r"\b(bool|str)\b", str(what.annotation))}
    for measured in MEASURED & set(told) - words:
        text = told[measured]
        assert UNIT.search(text) or re.search(r"\bas (in|for)\b", text, re.I), (
            f"{name}: {measured}: no unit in {text!r}"
        )
    unsaid = MEASURED & set(given) - words
    assert not unsaid or UNIT.search(doc) or re.search(r"\bas for\b", doc, re.I), f"{name}: no unit of {sorted(unsaid)}"
