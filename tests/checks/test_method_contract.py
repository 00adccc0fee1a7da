"""Every registered method passes the checks that authors of plug-ins run; its own tests hold the rest."""

from functools import cache

import pytest

import fldbench
from fldbench.checks import METHOD_CHECKS, Maker, Skipped, quick_faces
from fldbench.method import parameters_of
from fldbench.protocols import evaluate

SMALL = {
    "mean-shape": {},
    "ert": {"cascade_depth": 3, "num_trees_per_cascade_level": 30, "oversampling_amount": 4},
    "hog-ridge": {"stages": 2, "grid": 2, "bins": 4, "starts": 3, "crop_size": 100},
    "sdm": {"stages": 2, "grid": 2, "bins": 4, "starts": 3, "crop_size": 100},
    "lbf": {
        "stages": 3,
        "trees": 4,
        "depth": 3,
        "candidates": 40,
        "pool": 60,
        "crop_size": 64,
        "ridge": 50.0,
        "folds": 3,
    },
    "asm": {"levels": 2, "first_size": 24.0, "last_size": 40.0, "grid": 3, "cell": 5, "crop_size": 64},
    "linear": {"crop_size": 48, "copies": 2},
    "average": {"methods": ["mean-shape", "linear"], "params": {"linear": {"crop_size": 48, "copies": 2}}},
    "hybrid": {
        "first": "linear",
        "first_params": {"crop_size": 48, "copies": 2},
        "second_params": {"stages": 1, "grid": 2, "bins": 4, "starts": 2, "crop_size": 100},
        "folds": 2,
    },
    "cnn-small": {"size": 32, "epochs": 3},
    "nose-net": {"width": 32, "height": 32, "epochs": 1},
    "five-conv": {"width": 80, "height": 70, "epochs": 1},
    "naimish-net": {"size": 32, "epochs": 1},
    "alexnet-elu": {"size": 63, "epochs": 1, "batch_size": 24},
    "resnet50-wing": {"depth": 18, "size": 32, "epochs": 1},
    "vggface-transfer": {"size": 32, "epochs": 1},
    "mobilenet-0.3": {"size": 32, "epochs": 2},
    "heatmap": {"size": 32, "width": 8, "epochs": 2},
    "fld-net": {"size": 32, "width": 8, "head": 16, "epochs": 25, "batch_size": 12, "augmentation": "none"},
}
NEEDS_A_FILE = {"dlib-68", "opencv-lbf", "opencv-kazemi"}  # checked in test_pretrained, where such files are made
# 48 faces are too few for these to beat the mean shape.
NETWORKS = {name for name, target in fldbench.registry.table("method").items() if ".cnn." in target}
SUMS_BY_THREAD = {"ert"}  # dlib trains a slightly different model for each number of threads, as its docstring says
MAY_NOT_APPLY = {
    *("random_state", "threads", "progress", "attributes", "rules", "sample_weight", "refines", "keeps_training"),
    *("files", "changes_nothing", "members", "exports"),
}


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
        assert check.__name__.removeprefix("check_") in MAY_NOT_APPLY, reason
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
def test_threads_are_declared_to_change_nothing_unless_sums_depend_on_them(name):
    """`check_changes_nothing` then compares what is learned with one thread and with two."""
    declared = "threads" in maker(name)().changes_nothing
    assert declared == (maker(name).accepts("threads") and name not in SUMS_BY_THREAD)


@pytest.mark.parametrize("name", SMALL)
def test_a_string_in_place_of_a_number_is_an_error_that_says_so(name):
    """As `--param crop_size=zwei` gives it; the error is not one that happens to be raised somewhere inside."""
    train = quick_faces()[0][:4]
    defaults = parameters_of(fldbench.registry.resolve("method", name))
    for key in [k for k, default in defaults.items() if type(default) in (int, float, bool)]:
        if key != "random_state":
            with pytest.raises(fldbench.FldbenchError, match=f"{key} is 'zwei'"):
                fldbench.make_method(name, **(SMALL[name] | {key: "zwei"})).fit(train)
