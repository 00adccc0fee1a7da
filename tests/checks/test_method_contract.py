"""Every registered method passes the checks that authors of plug-ins run; its own tests hold the rest."""

from functools import cache

import pytest
from small_methods import NETWORKS, SMALL

import fldbench
from fldbench.checks import METHOD_CHECKS, Maker, Skipped, quick_faces
from fldbench.method import parameters_of
from fldbench.protocols import evaluate

# Checked in test_pretrained and test_mediapipe, where such files and a Python with a mediapipe are made.
NEEDS_A_FILE = {"dlib-68", "dlib-5", "opencv-lbf", "opencv-kazemi", "mediapipe"}
MAY_NOT_APPLY = {
    *("random_state", "threads", "progress", "attributes", "rules", "sample_weight", "refines", "keeps_training"),
    *("files", "changes_nothing", "members", "exports"),
    *("attribute_rows", "attributes_seen", "attributes_saved"),
    *("confidence", "confidence_rows"),
}
WHOLE_IMAGES = {"mtfld"}  # methods that look at no box
OF_BOXES = {"moves_along", "not_clipped"}
TURNS_HEADS = {"profiled"}  # five points do not say how a head is turned


@cache
def maker(name):
    return Maker(name, **SMALL[name])


def test_every_registered_method_is_checked():
    assert set(SMALL) == set(fldbench.list_methods()) - NEEDS_A_FILE


@pytest.mark.parametrize("check", METHOD_CHECKS, ids=lambda check: check.__name__.removeprefix("check_"))
@pytest.mark.parametrize("name", SMALL)
def test_method(name, check):
    try:
        check(maker(name), *quick_faces())
    except Skipped as reason:
        allowed = MAY_NOT_APPLY | (OF_BOXES if name in WHOLE_IMAGES else set())
        allowed |= {"any_scheme"} if name in TURNS_HEADS else set()
        assert check.__name__.removeprefix("check_") in allowed, reason
        pytest.skip(str(reason))


@pytest.mark.parametrize("name", sorted(set(SMALL) - NETWORKS))
def test_it_is_no_worse_than_the_mean_shape(name):
    train, test = quick_faces()
    found, floor = (
        evaluate(maker(n).trained(train).predict(list(test.images), test.boxes), test, "synthetic-test").metrics["nme"]
        for n in (name, "mean-shape")
    )
    assert found <= floor + 1e-9


@pytest.mark.parametrize("name", SMALL)
def test_threads_are_declared_to_change_nothing(name):
    """`check_changes_nothing` then compares what is learned with one thread and with two."""
    declared = "threads" in maker(name)().changes_nothing
    assert declared == maker(name).accepts("threads")


@pytest.mark.parametrize("name", SMALL)
def test_a_string_in_place_of_a_number_is_an_error_that_says_so(name):
    """As `--param crop_size=zwei` gives it; the error is not one that happens to be raised somewhere inside."""
    train = quick_faces()[0][:4]
    defaults = parameters_of(fldbench.registry.resolve("method", name))
    for key in [k for k, default in defaults.items() if type(default) in (int, float, bool)]:
        if key != "random_state":
            with pytest.raises(fldbench.FldbenchError, match=f"{key} is 'zwei'"):
                fldbench.make_method(name, **(SMALL[name] | {key: "zwei"})).fit(train)
