"""The contract of methods: parameters, saving and loading, what predict may answer, the registry behind it."""

import inspect
import json
import sys
from importlib.metadata import EntryPoint, EntryPoints

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file
from toys import Noisy, toy_faces

import fldbench
from fldbench import registry
from fldbench.errors import DataError, MethodError, MissingDependencyError, StoreError, UnknownNameError
from fldbench.faces import facts_of
from fldbench.method import Method, make_method, predict_checked

FACES = toy_faces(4)


class Rich(Noisy):
    """Learns every kind of value that can be saved."""

    def fit(self, train, val=None):
        super().fit(train)
        self.counts_ = np.arange(3, dtype=np.int16)
        self.name_, self.scale_, self.steps_, self.nothing_ = "a b", 0.1, [1, 2.5, "x"], None
        return self


def test_constructor_stores_and_params_come_back(toy):
    method = fldbench.make_method("noisy", noise=0.5)
    assert method.get_params() == {"noise": 0.5, "random_state": 0}
    assert repr(method) == "Noisy(noise=0.5, random_state=0)"
    assert fldbench.make_method("mean-shape").get_params() == {}
    with pytest.raises(MethodError, match="method 'noisy' has no parameter 'nose'; did you mean 'noise'"):
        fldbench.make_method("noisy", nose=1)
    with pytest.raises(
        UnknownNameError, match=r"no method named 'noissy'; did you mean 'noisy'\? \(see `fldbench list"
    ):
        fldbench.make_method("noissy")


def test_saved_and_loaded_is_the_same_method(toy, tmp_path):
    fldbench.register_method("rich", Rich)
    method = fldbench.make_method("rich", noise=0.2, random_state=3).fit(FACES)
    again = fldbench.load_method(method.save(tmp_path / "m.safetensors"))
    assert type(again) is Rich and again.get_params() == method.get_params()
    assert again.counts_.dtype == np.int16 and again.steps_ == [1, 2.5, "x"] and again.nothing_ is None
    assert (again.name_, again.scale_) == ("a b", 0.1)
    assert np.array_equal(again.predict(FACES.images, FACES.boxes), method.predict(FACES.images, FACES.boxes))
    assert method.n_parameters == 13


def test_a_model_says_what_it_was_fitted_on(toy, tmp_path):
    method = fldbench.make_method("noisy")
    assert method.fitted_on is None
    method.fit(FACES.with_boxes(FACES.boxes, "official"))
    again = fldbench.load_method(method.save(tmp_path / "m"))
    assert again.fitted_on == method.fitted_on == facts_of(FACES.with_boxes(FACES.boxes, "official"))
    assert str(again.fitted_on) == "4 faces of toy-test (mtfl-5), official boxes"
    method.fit(FACES[:2])
    assert method.fitted_on.faces == 2
    with safe_open(tmp_path / "m", "np") as file:
        header = json.loads(file.metadata()["fldbench"])
    del header["fitted_on"]  # as the first version wrote it
    save_file(method.learned(), str(tmp_path / "old"), {"fldbench": json.dumps(header)})
    assert fldbench.load_method(tmp_path / "old").fitted_on is None
    average = fldbench.make_method("average", methods=["mean-shape", "linear"]).fit(FACES)
    again = fldbench.load_method(average.save(tmp_path / "a"))
    assert again.fitted_on == average.fitted_on == facts_of(FACES)
    members = [fldbench.make_method("mean-shape").fit(FACES) for _ in range(2)]
    average.assemble(members, FACES)
    assert average.fitted_on == facts_of(FACES)
    average.assemble([members[0], fldbench.make_method("mean-shape").fit(FACES[:2])], FACES)
    assert average.fitted_on is None


def test_what_cannot_be_saved_says_why(toy, tmp_path):
    with pytest.raises(MethodError, match="Noisy has not been fitted; call fit first"):
        fldbench.make_method("noisy").save(tmp_path / "m")
    method = fldbench.make_method("noisy").fit(FACES)
    with pytest.raises(StoreError, match="cannot be written"):
        method.save("/proc/no/m")
    assert method.save(tmp_path / "new" / "m").is_file()
    method.odd_ = object()
    with pytest.raises(MethodError, match="Noisy cannot be saved: Object of type object is not JSON serializable"):
        method.save(tmp_path / "m")

    class Stranger(Noisy):
        pass

    with pytest.raises(
        UnknownNameError, match=r"Stranger is not registered; call fldbench.register_method\('some-name'"
    ):
        Stranger().fit(FACES).save(tmp_path / "m")


def test_what_is_no_model_says_so(toy, tmp_path):
    with pytest.raises(DataError, match="none: there is no such model file"):
        fldbench.load_method(tmp_path / "none")
    (tmp_path / "text").write_text("hello")
    with pytest.raises(DataError, match="text: not a model that fldbench saved"):
        fldbench.load_method(tmp_path / "text")
    save_file({"a": np.ones(2)}, str(tmp_path / "foreign"))
    with pytest.raises(DataError, match="foreign: not a model that fldbench saved"):
        fldbench.load_method(tmp_path / "foreign")
    save_file({"a": np.ones(2)}, str(tmp_path / "new"), {"fldbench": json.dumps({"format": 9})})
    with pytest.raises(DataError, match="new: model format 9; must be 1 or 2; fit it again, or update fldbench"):
        fldbench.load_method(tmp_path / "new")
    header = {"format": 1, "method": "nobody", "params": {}, "learned": {}}
    save_file({"a": np.ones(2)}, str(tmp_path / "unknown"), {"fldbench": json.dumps(header)})
    with pytest.raises(UnknownNameError, match="no method named 'nobody'"):
        fldbench.load_method(tmp_path / "unknown")


class Answers(Method):
    """Predict the given points."""

    def __init__(self, answer=None):
        self.answer = answer

    def predict(self, images, boxes):
        return self.answer


def test_answers_are_checked():
    images, boxes = list(FACES.images), FACES.boxes
    good = np.zeros((4, 5, 2), np.float32)
    good[1, 2, 0] = np.nan
    good[3, 0, 0] = np.inf
    checked = predict_checked(Answers(good), images, boxes, 5)
    assert checked.dtype == float and np.isnan(checked[[1, 3]]).all() and not np.isnan(checked[[0, 2]]).any()
    assert np.isnan(good).sum() == 1
    for bad, said in ((None, "with None; must"), ("x", "with 'x'; must"), ([[1], [1, 2]], r"with \[\[1\], \[1, 2\]\]")):
        with pytest.raises(MethodError, match=said):
            predict_checked(Answers(bad), images, boxes, 5)
    for bad in (good[:3], good[:, :4], None, np.full((4, 5, 2), "x"), good > 1):
        with pytest.raises(MethodError, match=r"answered 4 faces with .* must be numbers of shape"):
            predict_checked(Answers(bad), images, boxes, 5)


def test_a_face_without_a_box_is_missed_and_warns_nobody():
    images, boxes = list(FACES.images), np.where(np.arange(4)[:, None] == 2, np.nan, FACES.boxes)
    method = fldbench.make_method("mean-shape").fit(FACES)
    assert np.isnan(predict_checked(method, images, boxes, 5)).all(axis=(1, 2)).tolist() == [False, False, True, False]
    assert np.isnan(predict_checked(method, images, np.full((4, 4), np.nan), 5)).all()


@pytest.mark.parametrize("bad", [0.0, [0.0, 0.0, np.nan, 5.0], np.inf, 1e308, 1e-320])
def test_a_bad_box_spoils_only_its_face(bad):
    images, boxes = list(FACES.images), np.where(np.arange(4)[:, None] == 2, bad, FACES.boxes)
    method = fldbench.make_method("mean-shape").fit(FACES)
    with pytest.warns(UserWarning, match="^mean-shape: missed, because of its box: face number 2: the box is"):
        found = predict_checked(method, images, boxes, 5)
    sound = [0, 1, 3]
    assert np.isnan(found[2]).all()
    assert np.array_equal(found[sound], method.predict([images[i] for i in sound], boxes[sound]))
    with pytest.warns(UserWarning, match="4 faces have such boxes"):
        assert np.isnan(predict_checked(method, images, np.broadcast_to(bad, (4, 4)), 5)).all()
    with pytest.raises(DataError, match=r"boxes: the shape is \(4,\)"):
        predict_checked(method, images, np.zeros(4), 5)


def test_the_registry_imports_nothing_until_asked(toy):
    registry.register_method("ghost", "no_such_module_here:Thing")
    assert "ghost" in fldbench.list_methods() and "no_such_module_here" not in sys.modules
    with pytest.raises(
        UnknownNameError, match=r"method 'ghost' is 'no_such_module_here:Thing', which cannot be imported"
    ):
        fldbench.make_method("ghost")
    registry.register_method("wrong", "fldbench.baselines.mean_shape:Nothing")
    with pytest.raises(UnknownNameError, match=r"cannot be imported: .*Nothing"):
        fldbench.make_method("wrong")
    with pytest.raises(UnknownNameError, match="cannot register 'no-colon' as method 'x'; must be 'module:name'"):
        fldbench.register_method("x", "no-colon")


def test_decorators_register(toy):
    @fldbench.register_method("decorated")
    class Decorated(Noisy):
        pass

    @fldbench.register_dataset("also")
    class Also(fldbench.Dataset):
        splits = ("train",)

        def load(self, root, split):
            return FACES

    assert isinstance(fldbench.make_method("decorated"), Decorated)
    assert len(fldbench.load_dataset("also")) == 4 and "also" in fldbench.list_datasets()


def test_entry_points_of_installed_packages_are_found(toy, monkeypatch):
    point = EntryPoint("installed", "fldbench.baselines.mean_shape:MeanShape", "fldbench.methods")
    monkeypatch.setattr(registry, "_entry_points_read", set())
    monkeypatch.setattr(registry, "entry_points", lambda: EntryPoints([point]))
    assert "installed" in fldbench.list_methods() and "installed" not in fldbench.list_datasets()
    assert type(fldbench.make_method("installed")).__name__ == "MeanShape"


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_fit_that_breaks_off_leaves_the_method_as_it_was(error):
    class Breaks(fldbench.Method):
        """Learn in two steps, and fail between them on request."""

        def fit(self, train, val=None, fail=False):
            self.first_ = train
            if fail:
                self.new_ = True
                raise error
            self.second_ = train
            return self

    class Derived(Breaks):
        def fit(self, train, val=None, fail=False):
            self.own_ = train
            return super().fit(train, val, fail)

    assert list(inspect.signature(Derived.fit).parameters) == ["self", "train", "val", "fail"]
    old, new = FACES[:3], FACES[:2]
    method = Derived().fit(old)
    with pytest.raises(error):
        method.fit(new, fail=True)
    base = {"_fitted_on": facts_of(old), "_boxes_seen": []}
    assert vars(method) == {"own_": old, "first_": old, "second_": old} | base
    assert vars(method.fit(new)) == {"own_": new, "first_": new, "second_": new} | base | {"_fitted_on": facts_of(new)}


def test_a_method_says_what_it_does_not_have():
    class Bare(Method):
        pass

    with pytest.raises(NotImplementedError):
        Bare().fit(FACES)
    with pytest.raises(NotImplementedError):
        Bare().predict([], FACES.boxes)
    with pytest.raises(MethodError, match="Bare has no members that could be fitted separately; call fit"):
        Bare().assemble([], FACES)
    assert Bare().members == [] and Bare().members_alone == {} and Bare().multiply_adds is None


def test_faces_to_validate_on_are_refused_by_a_method_that_has_no_use_for_them(toy):
    class Takes(Noisy):
        validates = True

        def fit(self, train, val=None):
            self.val_ = None if val is None else len(val)
            return super().fit(train)

    class Leaves(Takes):
        validates = False

    assert Takes().fit(FACES, FACES[:2]).val_ == 2
    with pytest.warns(UserWarning, match="Leaves does not use a validation set; `val` changes nothing"):
        assert Leaves().fit(FACES, FACES[:2]).val_ is None


def test_a_package_that_is_missing_is_no_unknown_name(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "needs_more.py").write_text("import a_package_that_nobody_has.part\n")
    registry.register_method("needs-more", "needs_more:Thing")
    with pytest.raises(
        MissingDependencyError, match="method 'needs-more' needs the package 'a_package_that_nobody_has'"
    ):
        make_method("needs-more")
    registry.register_method("gone", "a_module_that_is_gone:Thing")
    with pytest.raises(UnknownNameError, match="'gone' is 'a_module_that_is_gone:Thing', which cannot be imported"):
        make_method("gone")


def test_a_model_appears_whole_or_not_at_all(toy, tmp_path, monkeypatch):
    model = make_method("noisy").fit(toy_faces(4))
    path = model.save(tmp_path / "m")
    good = path.read_bytes()
    monkeypatch.setattr("os.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(StoreError, match="cannot be written"):
        model.save(path)
    assert path.read_bytes() == good and [one.name for one in tmp_path.iterdir()] == ["m"]
