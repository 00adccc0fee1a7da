"""Keys: everything that can change a number is part of them, and nothing else."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest
from made_records import made_record
from toys import Noisy, toy_faces

import fldbench
from fldbench.errors import MethodError
from fldbench.method import make_method
from fldbench.records.keys import fingerprints, fit_key, ingredients, key_of, what_changed
from fldbench.records.record import MethodFacts
from fldbench.records.sealed import to_json

FACES = {"train": "a", "groups": "b"}


class Threaded(Noisy):
    """As fast with many threads."""

    changes_nothing = ("threads",)

    def __init__(self, noise=0.01, random_state=0, threads=None):
        super().__init__(noise, random_state)
        self.threads = threads


def test_a_key_depends_on_content_not_on_order():
    assert key_of({"a": 1, "b": {"c": 2, "d": 3}}) == key_of({"b": {"d": 3, "c": 2}, "a": 1})
    keys = {key_of(x) for x in ({"a": 1}, {"a": 2}, {"a": "1"}, {"b": 1}, [1], [[1]], {"a": 1.0000001}, {"a": None})}
    assert len(keys) == 8
    with pytest.raises(ValueError, match="Out of range float"):
        key_of({"a": float("nan")})


def test_parameters_that_change_nothing_are_not_in_the_key():
    def key(name, **params):
        return ingredients(make_method(name, **params), FACES).key

    assert ingredients(Threaded(threads=1), FACES).key == ingredients(Threaded(threads=2), FACES).key
    assert ingredients(Threaded(random_state=1), FACES).key != ingredients(Threaded(), FACES).key
    quick = {"epochs": 2}
    assert key("cnn-small", **quick) == key("cnn-small", **quick, training={"threads": 3, "save_seconds": 1.0})
    assert key("cnn-small", **quick) != key("cnn-small", **quick, training={"precision": "bf16-mixed"})


def test_the_version_that_a_method_declares_is_part_of_its_key(monkeypatch):
    first = ingredients(Noisy(), FACES)
    monkeypatch.setattr(Noisy, "version", 2)
    second = ingredients(Noisy(), FACES)
    assert first.code == second.code and first.key != second.key and first.like != second.like


def test_another_version_of_a_library_changes_the_key_but_not_the_work(monkeypatch):
    method = make_method("linear")
    now = ingredients(method, FACES)
    later = replace(now, libraries=now.libraries | {"numpy": "99.0"})
    assert now.key != later.key and now.like == later.like
    assert now.run_key("h", "t") != later.run_key("h", "t") and now.run_like("h", "t") == later.run_like("h", "t")
    assert what_changed(now.libraries, later.libraries) == ["numpy"]


def test_the_code_of_the_core_is_part_of_the_key():
    now = ingredients(make_method("linear"), FACES)
    assert "fldbench.geometry" in now.code
    changed = replace(now, code=now.code | {"fldbench.geometry": "0" * 12})
    assert now.key != changed.key and now.like == changed.like


def test_a_weight_file_counts_by_its_content_not_its_path(tmp_path):
    path = tmp_path / "weights.safetensors"

    def made_of(content):
        path.write_bytes(content)
        return ingredients(make_method("hybrid", first_params={"weights": str(path)}), FACES)

    assert made_of(b"one") == made_of(b"one") != made_of(b"two")
    assert made_of(b"one").files.keys() == {"1.weights"}
    assert not ingredients(make_method("cnn-small"), FACES).files


def test_members_of_members_are_in_the_key():
    outer = make_method("hybrid", first="average", first_params={"methods": ["linear", "asm"]})
    code = ingredients(outer, FACES).code
    for name in ("hybrid", "average", "linear", "asm", "hog-ridge"):
        module = type(make_method(name)).__module__
        assert module in code, name
    other = make_method("hybrid", first="average", first_params={"methods": ["asm", "linear"]})
    assert ingredients(outer, FACES).like != ingredients(other, FACES).like


def test_the_members_of_groups_are_in_the_key_and_their_names_are_not():
    faces = fldbench.load_dataset("synthetic")[:4]
    prints = [fingerprints(replace(faces, groups=np.array(list(groups)))) for groups in ("aabb", "xxyy", "abab")]
    assert prints[0] == prints[1] != prints[2]
    assert fingerprints(None) == {"train": "", "groups": ""}


def test_validation_faces_and_weights_are_part_of_the_key_of_a_fit():
    faces = toy_faces(6)
    keys = {
        fit_key(Noisy(), faces),
        fit_key(Noisy(), faces, faces[:2]),
        fit_key(Noisy(), faces, None, np.ones(6)),
        fit_key(Noisy(), faces[:5]),
        fit_key(Noisy(noise=0.5), faces),
    }
    assert len(keys) == 5 and fit_key(Noisy(), faces) in keys
    assert set(asdict(ingredients(Noisy(), FACES))) == {"method", "files", "faces", "code", "libraries"}


def test_the_key_of_a_network_follows_weights_parameters_and_the_content_of_files(tmp_path):
    path, faces, weight = tmp_path / "w.pth", toy_faces(4), np.ones(4)
    path.write_bytes(b"one")

    def network(**params):
        return make_method("cnn-small", weights=str(path), **params)

    first = fit_key(network(), faces, None, weight)
    keys = {first, fit_key(network(), toy_faces(4, 1), None, weight), fit_key(network(), faces, faces[:2], weight)}
    keys |= {fit_key(network(), faces, None, weight * 2), fit_key(network(epochs=9), faces, None, weight)}
    assert len(keys) == 5 and fit_key(network(training={"threads": 0}), faces, None, weight) == first
    path.write_bytes(b"two")
    assert fit_key(network(), faces, None, weight) not in keys


class WithData(Noisy):
    """Reads files that it does not declare."""

    changes_nothing = ("log",)

    def __init__(self, data=None, log="", noise=0.01, random_state=0):
        super().__init__(noise, random_state)
        self.data = data
        self.log = log


@pytest.mark.parametrize(
    "held",
    [str, lambda path: path, lambda path: {"a": [1, str(path)]}, lambda path: [(path,)], lambda path: [str(path)] * 2],
)
def test_a_file_under_any_parameter_counts_by_its_content(tmp_path, held):
    path = tmp_path / "table.csv"
    keys = []
    for content in (b"one", b"two", b"one"):
        path.write_bytes(content)
        made_of = ingredients(WithData(held(path)), FACES)
        assert made_of.files and all(name.startswith("0.data") for name in made_of.files)
        keys.append(made_of.key)
    assert keys[0] == keys[2] != keys[1]
    path.unlink()
    assert not ingredients(WithData(held(path)), FACES).files


def test_files_that_change_nothing_and_texts_that_name_none_do_not_count(tmp_path):
    (tmp_path / "log").write_text("x")
    assert not ingredients(WithData("a\0b" * 3000, log=str(tmp_path / "log")), FACES).files
    assert not ingredients(WithData({"x": ["", ".", str(tmp_path), "/dev/null"]}), FACES).files


@pytest.mark.parametrize("value", [lambda: 1, object(), float("nan"), {1: 2}, [{"a": {3}}], np.array([np.inf]), Noisy])
def test_a_parameter_of_which_nothing_tells_whether_it_is_the_same_is_refused(value):
    with pytest.raises(MethodError, match=r"WithData: data is .*; must be made of text, finite numbers, true, false"):
        ingredients(WithData(value), FACES)


def test_numbers_of_numpy_and_paths_are_values(tmp_path):
    plain = [ingredients(WithData(value), FACES).key for value in (2.5, [1, 2], str(tmp_path), None)]
    others = [np.float64(2.5), np.array([1, 2]), tmp_path, None]
    assert [ingredients(WithData(value), FACES).key for value in others] == plain
    params = {"a": np.float32(0.5), "b": np.arange(2), "c": tmp_path}
    kept = json.loads(json.dumps(to_json(made_record(method=MethodFacts(name="m", label="m", params=params)))))
    assert kept["method"]["params"] == {"a": 0.5, "b": [0, 1], "c": str(tmp_path)}
