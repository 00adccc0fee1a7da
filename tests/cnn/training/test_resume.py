"""The same training twice: by its seed, after an interruption, and what a failure leaves behind."""

import os
import random
import stat
from dataclasses import replace

import numpy as np
import pytest
import torch
from fuzz import MUTATIONS, change_value, mutate
from toy_networks import QUICK, Interrupted, ToyMethod, ToyNet, interrupted_after, same
from toys import toy_faces

from fldbench.cnn.nets.nose_net import NoseNet
from fldbench.cnn.training.checkpoint import read_checkpoint, write_checkpoint
from fldbench.cnn.training.state import CHECKPOINT, State
from fldbench.cnn.weighting.choice import get_weighting
from fldbench.errors import DataError, MethodError, StoreError
from fldbench.method import load_method


def test_the_seed_decides_and_the_number_of_threads_does_not():
    faces = toy_faces(10)
    fit = {"augmentation": "standard", "dropout": 0.3, "epochs": 2}
    first = ToyMethod(**fit).fit(faces)
    assert same(first, ToyMethod(**fit).fit(faces))
    assert same(first, ToyMethod(**fit, training={"val_share": 0.0, "threads": 3}).fit(faces))
    assert not same(first, ToyMethod(**fit, random_state=1).fit(faces))


def test_torchs_and_numpys_global_generators_are_left_alone():
    torch.manual_seed(5)
    before, numpys = torch.get_rng_state(), np.random.get_state()[1].copy()
    ToyMethod(epochs=1, augmentation="standard", dropout=0.3).fit(toy_faces(4))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(np.random.get_state()[1], numpys)


@pytest.mark.parametrize(
    "layout", [torch.contiguous_format, torch.channels_last], ids=["channels first", "channels last"]
)
@pytest.mark.parametrize(
    "settings",
    [{}, {"ema": 0.9, "val_share": 0.25}, {"optimiser": "sgd", "schedule": "cosine"}, {"precision": "bf16-mixed"}],
    ids=str,
)
def test_a_resumed_training_gives_the_weights_of_an_unbroken_one(tmp_path, monkeypatch, settings, layout):
    monkeypatch.setattr(ToyNet, "memory_format", layout, raising=False)
    faces = toy_faces(12)
    settings = QUICK | settings | {"save_seconds": 0}
    params = {"epochs": 6, "augmentation": "standard", "dropout": 0.3, "training": settings}
    unbroken = ToyMethod(**params).fit(faces)
    for epochs in (2, 5):
        with pytest.raises(Interrupted), interrupted_after(epochs):
            ToyMethod(**params).fit(faces, folder=tmp_path)
        parts, facts = read_checkpoint(tmp_path / CHECKPOINT)
        assert len(facts["history"]) == epochs and ("average" in parts) == ("ema" in settings)
    resumed = ToyMethod(**params).fit(faces, folder=tmp_path)
    assert same(unbroken, resumed) and unbroken.best_epoch_ == resumed.best_epoch_
    losses = [[row["loss"] for row in method.history_] for method in (unbroken, resumed)]
    assert losses[0] == losses[1]
    assert not (tmp_path / CHECKPOINT).exists()


def test_a_checkpoint_goes_on_with_other_threads(tmp_path):
    faces, settings = toy_faces(6), QUICK | {"save_seconds": 0}
    with pytest.raises(Interrupted), interrupted_after(2):
        ToyMethod(training=settings).fit(faces, folder=tmp_path)
    resumed = ToyMethod(training=settings | {"threads": 2, "save_seconds": 9}).fit(faces, folder=tmp_path)
    assert same(resumed, ToyMethod().fit(faces))


def test_a_fit_that_fails_leaves_the_fitted_model_as_it_was():
    faces = toy_faces(6)
    method = ToyMethod().fit(faces)
    before = method.predict(faces.images, faces.boxes)
    mean = method.mean_.copy()
    method.learning_rate = 1e25
    with pytest.raises(MethodError, match="diverged"):
        method.fit(replace(toy_faces(6, 1), landmarks=toy_faces(6, 1).landmarks + 2))
    assert np.array_equal(method.mean_, mean)
    assert np.array_equal(method.predict(faces.images, faces.boxes), before)


def test_a_fit_that_fails_before_it_trains_leaves_it_too(tmp_path):
    faces, other = toy_faces(6), replace(toy_faces(6, 1), landmarks=toy_faces(6, 1).landmarks + 2)
    method = NoseNet(landmark=2, width=32, height=32, epochs=1, training=QUICK).fit(faces)
    before = method.predict(faces.images, faces.boxes)
    for params in ({"weights": str(tmp_path / "absent")}, {"landmark": 0, "learning_rate": -1.0}):
        vars(method).update(params)
        with pytest.raises((DataError, MethodError), match=r"no such weight file|learning_rate is -1"):
            method.fit(other)
        method.weights, method.learning_rate = None, NoseNet().learning_rate
    assert method.landmark_ == 2
    again = load_method(method.save(tmp_path / "m.safetensors"))
    assert np.array_equal(again.predict(faces.images, faces.boxes), before)


def test_a_checkpoint_of_another_training_is_refused(tmp_path):
    faces, settings = toy_faces(6), QUICK | {"save_seconds": 0}
    with pytest.raises(Interrupted), interrupted_after(2):
        ToyMethod(training=settings).fit(faces, folder=tmp_path)
    slower = ToyMethod(training=settings, learning_rate=1e-4)
    regrouped = replace(faces, groups=np.array(["one", "one", "two", "two", "three", "three"]))
    same_params = ToyMethod(training=settings)
    for method, its_faces in ((slower, faces), (same_params, toy_faces(6, 1)), (same_params, regrouped)):
        with pytest.raises(MethodError, match="belongs to another training"):
            method.fit(its_faces, folder=tmp_path)
    (tmp_path / CHECKPOINT).write_bytes(b"nonsense")
    with pytest.raises(MethodError, match="is not a checkpoint that can be resumed"):
        ToyMethod(training=settings).fit(faces, folder=tmp_path)


def test_checkpoints_come_back_and_a_folder_that_cannot_be_written(tmp_path):
    tensors = {"a": {"w": torch.arange(3.0), "shared": torch.ones(2, 2).T}, "b": {}}
    write_checkpoint(tmp_path / "c", tensors, {"key": "k", "n": [1, 2.5, None]})
    parts, facts = read_checkpoint(tmp_path / "c")
    assert torch.equal(parts["a"]["w"], tensors["a"]["w"]) and facts == {"key": "k", "n": [1, 2.5, None]}
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written"):
        write_checkpoint(tmp_path / "file" / "c", tensors, {})


def test_a_checkpoint_with_a_flipped_bit_is_not_resumed(tmp_path):
    tensors = {"a": {"w": torch.arange(3.0), "b": torch.tensor(2.0, dtype=torch.bfloat16), "e": torch.empty(0)}}
    path = tmp_path / "c"
    before = os.umask(0o027)
    try:
        write_checkpoint(path, tensors, {"key": "k"})
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    good = path.read_bytes()
    for at in range(len(good) - 14, len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        with pytest.raises(MethodError, match=r"not a checkpoint that can be resumed \(it does not fit its digest\)"):
            read_checkpoint(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(MethodError, match="not a regular file"):
        read_checkpoint(path)


def test_damaged_checkpoints_raise_nothing_but_method_errors(tmp_path):
    faces, settings = toy_faces(6), QUICK | {"save_seconds": 0}
    with pytest.raises(Interrupted), interrupted_after(2):
        ToyMethod(training=settings).fit(faces, folder=tmp_path)
    path, draw = tmp_path / CHECKPOINT, random.Random("checkpoint")
    good = path.read_bytes()
    parts, facts = read_checkpoint(path)
    network = torch.nn.Linear(2, 2)
    optimiser = torch.optim.Adam(network.parameters())
    objective = get_weighting("famo", ["landmarks", "side"], 0, "toy")
    for turn in range(MUTATIONS):
        path.unlink()
        if turn % 2:
            path.write_bytes(mutate(good, draw))
        else:  # a digest that fits
            changed = change_value(facts, draw)
            write_checkpoint(path, parts, changed if isinstance(changed, dict) else {})
        with pytest.raises(MethodError) as error:
            State.resumed(tmp_path, facts["key"], network, network, optimiser, objective)
        assert "\n" not in str(error.value)
