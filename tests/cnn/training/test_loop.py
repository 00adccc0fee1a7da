"""The training loop on sets that train in seconds: learning, validation, several processes, and how it fails."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from toy_networks import QUICK, ToyMethod, nme, same, weights
from toy_tasks import TASKS, faces_with_attributes
from toys import toy_faces

from fldbench.cnn.training.batches import batches as ours
from fldbench.cnn.training.loop import _follow, _optimiser, _share, rate
from fldbench.cnn.training.preparation import validation_part
from fldbench.cnn.training.settings import Settings
from fldbench.errors import DataError, MethodError

# learning


def test_it_overfits_eight_faces():
    faces = toy_faces(8)
    method = ToyMethod(epochs=100, batch_size=8, learning_rate=6e-3, training={**QUICK, "weight_decay": 0.0}).fit(faces)
    assert nme(method, faces) < 0.5
    assert len(method.history_) == 100 and method.best_epoch_ == 100
    assert method.history_[-1]["loss"] < 0.05 * method.history_[0]["loss"]


@pytest.mark.parametrize("loss", ["l2", "smooth-l1", "wing", "wing-5"])
def test_every_coordinate_loss_learns(loss):
    faces = toy_faces(8)
    method = ToyMethod(epochs=60, batch_size=8, loss=loss).fit(faces)
    assert method.history_[-1]["loss"] < 0.5 * method.history_[0]["loss"]
    assert method.history_[-1]["loss_px"] > 0


@pytest.mark.parametrize("loss", ["soft-argmax", "heatmap-mse", "adaptive-wing", "l1"])
def test_networks_of_maps_learn_by_every_loss(loss):
    faces = toy_faces(8)
    method = ToyMethod(maps=True, epochs=20, batch_size=8, loss=loss, learning_rate=1e-2).fit(faces)
    assert method.history_[-1]["loss"] < method.history_[0]["loss"]
    assert (method.history_[0]["loss_px"] is None) == (loss != "l1")


@pytest.mark.parametrize("settings", [{"optimiser": "sgd"}, {"optimiser": "adam"}, {"schedule": "cosine"},
                                      {"schedule": "constant", "warm_up": 0.0}, {"ema": 0.9}, {"clip": 0},
                                      {"precision": "bf16-mixed"}])  # fmt: skip
def test_every_setting_learns(settings):
    faces = toy_faces(8)
    learning_rate = 0.05 if "optimiser" in settings and settings["optimiser"] == "sgd" else 3e-3
    method = ToyMethod(epochs=60, batch_size=8, learning_rate=learning_rate, training=QUICK | settings).fit(faces)
    assert method.history_[-1]["loss"] < 0.6 * method.history_[0]["loss"]


def test_crops_grow_to_their_size(monkeypatch):
    from fldbench.cnn.nets.fld_net import FldNet

    seen = []
    monkeypatch.setattr(
        "fldbench.cnn.training.loop.batches",
        lambda table, *more: (seen.append(table.view.width), ours(table, *more))[1],
    )
    training = {"val_share": 0.0, "threads": 0, "growth": 0.75}
    method = FldNet(size=64, width=4, head=8, epochs=4, training=training).fit(toy_faces(4))
    assert seen == [32, 32, 48, 64]  # half and a third of the way of the growth: 42 and 53 px, in steps of 16
    assert method.view.width == 64 and method.predict(toy_faces(4).images, toy_faces(4).boxes).shape == (4, 5, 2)


# validation


def test_the_best_epoch_by_validation_is_what_is_kept():
    faces = toy_faces(20)
    settings = {"val_share": 0.25, "threads": 0, "schedule": "constant", "warm_up": 0.0}
    method = ToyMethod(epochs=12, learning_rate=1e-2, training=settings).fit(faces)
    values = [row["val_nme"] for row in method.history_]
    assert method.best_epoch_ == 1 + int(np.argmin(values))
    _, val = faces.split(0.25, random_state=0)
    assert nme(method, val) == pytest.approx(min(values), rel=1e-4)


def test_validation_keeps_groups_apart_and_may_be_given():
    faces = toy_faces(12)
    grouped = replace(faces, groups=np.repeat(["a", "b", "c", "d"], 3))
    method = ToyMethod(epochs=1, training={"val_share": 0.25, "threads": 0}).fit(grouped)
    _, val = grouped.split(0.25, random_state=0)
    assert len(val) == 3 and method.history_[0]["val_nme"] == pytest.approx(nme(method, val), rel=1e-4)
    given = toy_faces(3, seed=4)
    method = ToyMethod(epochs=1).fit(faces, given)
    assert method.history_[0]["val_nme"] == pytest.approx(nme(method, given), rel=1e-4)
    with pytest.raises(DataError, match="has the scheme"):
        ToyMethod(epochs=1).fit(faces, replace(faces, scheme="ibug-68", landmarks=np.zeros((12, 68, 2)), visible=None))


def test_validation_faces_and_their_groups_are_not_trained_on():
    grouped = replace(toy_faces(12), groups=np.repeat(["a", "b", "c", "d"], 3))
    rows, val = validation_part(grouped, 0.25, 0)
    rest = grouped[rows]
    assert sorted([*rest.ids, *val.ids]) == sorted(grouped.ids) and len(val) == 3
    assert not set(rest.groups) & set(val.groups)
    rows, val = validation_part(grouped, 0.0, 0)
    assert len(rows) == 12 and val is None


def test_patience_ends_a_training_that_gets_no_better():
    settings = {"val_share": 0.25, "threads": 0, "patience": 3, "schedule": "constant", "warm_up": 0.0}
    method = ToyMethod(epochs=500, learning_rate=1e-2, training=settings).fit(toy_faces(12))
    assert len(method.history_) == method.best_epoch_ + 3 < 500


def test_the_average_of_the_weights_is_what_is_kept():
    faces = toy_faces(8)
    plain, averaged = (ToyMethod(epochs=5, training=QUICK | {"ema": ema}).fit(faces) for ema in (0.0, 0.5))
    assert plain.history_[-1]["loss"] == averaged.history_[-1]["loss"]
    assert not same(plain, averaged)


def test_the_average_follows_by_its_decay():
    average, network = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    with torch.no_grad():
        network.weight.fill_(5.0)
        network.running_mean.fill_(8.0)
        network.num_batches_tracked.fill_(7)
    _follow(average, network, 0.75)
    assert average.weight.tolist() == [2.0, 2.0]  # 0.75 * 1 + 0.25 * 5
    assert average.num_batches_tracked.item() == 7 and network.weight.tolist() == [5.0, 5.0]


def test_weights_decay_and_biases_and_norms_do_not():
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.Flatten(), nn.Linear(8, 1))
    settings = Settings(weight_decay=0.1)
    groups = _optimiser(network, settings, 1e-3).param_groups
    assert [(group["weight_decay"], sorted({p.ndim for p in group["params"]})) for group in groups] == [
        (0.1, [2, 4]),
        (0.0, [1]),
    ]


@pytest.mark.parametrize(
    "settings",
    [{"clip": 0.01}, {"weight_decay": 0.5}, {"precision": "bf16-mixed"}, {"optimiser": "sgd"}, {"warm_up": 0.6}],
    ids=str,
)
def test_a_setting_makes_a_difference(settings):
    faces = toy_faces(6)
    assert not same(ToyMethod().fit(faces), ToyMethod(training=QUICK | settings).fit(faces))


def test_momentum_makes_a_difference():
    one, other = (QUICK | {"optimiser": "sgd", "momentum": momentum} for momentum in (0.0, 0.9))
    assert not same(ToyMethod(training=one).fit(toy_faces(6)), ToyMethod(training=other).fit(toy_faces(6)))


# several processes

SCRIPT = """
import sys
sys.path.insert(0, {tests!r})
from fldbench import register_method
from fldbench.progress import listening
from toy_networks import QUICK, ToyMethod, ToyNet, nme
from toy_tasks import faces_with_attributes

if __name__ == "__main__":
    news = []
    register_method("toy-network", ToyMethod)
    with listening(lambda *line: news.append(line)):
        ToyMethod(**{params!r}).fit(faces_with_attributes(12, unknown=[3, 4])).save({out!r})
    assert [line[1:] for line in news] == [(i, 3) for i in range(4)], news
"""


@pytest.mark.parametrize(
    "tasks",
    [{}, {"tasks": list(TASKS), "weighting": "uncertainty"}, {"tasks": list(TASKS), "weighting": "pcgrad"}],
    ids=["landmarks", "uncertainty", "pcgrad"],
)
def test_two_processes_give_what_one_gives_with_the_whole_batch(tmp_path, toy, tasks):
    """batch_size counts the faces of all processes: each of the two has half of the batch that the one has."""
    import fldbench

    fldbench.register_method("toy-network", ToyMethod)
    params = {"epochs": 3, "batch_size": 4, "augmentation": "standard", **tasks}
    one = ToyMethod(**params, training=QUICK).fit(faces_with_attributes(12, unknown=[3, 4]))
    params["training"] = QUICK | {"accelerator": "cpu", "devices": 2}
    out, script = tmp_path / "model", tmp_path / "script.py"
    script.write_text(SCRIPT.format(tests=str(Path(__file__).parents[2] / "support"), out=str(out), params=params))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    two = fldbench.load_method(out)
    for a, b in zip(one.history_, two.history_, strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-5)
        assert a["loss_px"] == pytest.approx(b["loss_px"], rel=1e-5)
        if tasks:
            assert a["loss:side"] == pytest.approx(b["loss:side"], rel=1e-5)
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(weights(one).values(), weights(two).values(), strict=True))


@pytest.mark.parametrize(
    ("last", "message"),
    [
        ("fldbench.errors.MethodError: it diverged", "^it diverged$"),
        ("OSError: full", "a process failed: OSError: full"),
    ],
)
def test_the_error_of_a_process_arrives(monkeypatch, last, message):
    def launch(*args):
        raise torch.multiprocessing.ProcessRaisedException(f"Traceback\n{last}\n", 0, 1)

    monkeypatch.setattr("lightning_fabric.Fabric.launch", launch)
    with pytest.raises(MethodError, match=message):
        ToyMethod(training=QUICK | {"accelerator": "cpu", "devices": 2}).fit(toy_faces(4))


def test_a_batch_with_fewer_faces_than_processes_is_an_error():
    class TwoProcesses:
        world_size, global_rank = 2, 1

    assert _share(np.arange(5), TwoProcesses).tolist() == [1, 3]
    with pytest.raises(MethodError, match=r"a batch of 1 face\(s\) cannot be shared out to 2 processes"):
        _share(np.arange(1), TwoProcesses)


# odd input


def test_points_that_are_missing_are_left_out():
    faces = toy_faces(10)
    landmarks = faces.landmarks.copy()
    landmarks[::2, 1] = np.nan
    landmarks[3] = np.nan
    landmarks[3, 0] = faces.landmarks[3, 0]
    gappy = replace(faces, landmarks=landmarks, visible=None)
    method = ToyMethod(epochs=150, batch_size=16, training=QUICK | {"val_share": 0.2}).fit(gappy)
    assert all(np.isfinite(row["val_nme"]) for row in method.history_)
    assert nme(method, gappy[[0, 1, 2, 5, 7]]) < 20
    none = replace(faces, landmarks=np.where(np.arange(5)[:, None] == 2, np.nan, faces.landmarks), visible=None)
    with pytest.raises(DataError, match="no face has point 2"):
        ToyMethod().fit(none)


def test_one_face_and_a_batch_larger_than_the_set():
    one = toy_faces(1)
    method = ToyMethod(epochs=60, batch_size=64, training={"threads": 0}).fit(one)
    assert nme(method, one) < 8 and method.history_[0]["val_nme"] is None
    few = ToyMethod(epochs=2, batch_size=500).fit(toy_faces(5))
    assert len(few.history_) == 2


def test_one_face_alone_trains_through_a_batch_norm():
    class WithNorm(ToyMethod):
        def build(self, n_points, mean):
            net = super().build(n_points, mean)
            net.body.append(nn.BatchNorm1d(net.head.in_features))
            return net

    faces = toy_faces(9)
    for some, batch_size in ((faces[:1], 8), (faces, 8)):  # 9 faces in eights would leave one over
        method = WithNorm(epochs=2, batch_size=batch_size).fit(some)
        assert np.isfinite(method.predict(some.images, some.boxes)).all()


def test_weights_of_the_faces_count():
    faces = toy_faces(8)
    weight = np.array([1.0] * 4 + [0.0] * 4)
    method = ToyMethod(epochs=150, batch_size=8).fit(faces, sample_weight=weight)
    assert nme(method, faces[:4]) < 0.5 * nme(method, faces[4:])
    for bad in (np.ones(3), -weight, weight * 0, weight * np.nan):
        with pytest.raises(DataError, match="sample_weight"):
            ToyMethod().fit(faces, sample_weight=bad)


def test_divergence_and_no_faces_are_errors():
    for learning_rate in (1e30, 100.0):  # beyond all numbers, and far off but finite
        with pytest.raises(MethodError, match=r"ToyMethod diverged in epoch \d+ \(loss .*\); lower learning_rate"):
            ToyMethod(learning_rate=learning_rate).fit(toy_faces(8))
    with pytest.raises(DataError, match="at least one face"):
        ToyMethod().fit(toy_faces(4)[:0])


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), MemoryError(),
                                   RuntimeError("DefaultCPUAllocator: can't allocate memory")])  # fmt: skip
def test_running_out_of_memory_says_what_to_lower(monkeypatch, error):
    def full(*args):
        raise error

    monkeypatch.setattr("fldbench.cnn.training.loop.point_losses", full)
    with pytest.raises(MethodError, match="ran out of memory on cpu with batch_size 4; lower batch_size"):
        ToyMethod().fit(toy_faces(4))


def test_other_errors_stay_what_they_are(monkeypatch):
    def broken(*args):
        raise RuntimeError("shapes do not match")

    monkeypatch.setattr("fldbench.cnn.training.loop.point_losses", broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        ToyMethod().fit(toy_faces(4))


# schedules


def test_schedules_by_hand():
    torchs = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    cycle = torch.optim.lr_scheduler.OneCycleLR(torchs, 1.0, total_steps=101, pct_start=0.2, cycle_momentum=False)
    for step in range(101):
        # PyTorch's cycle lasts total_steps - 1 and turns at pct_start total_steps - 1
        done = step / 19.2 * 0.2 if step <= 19.2 else 0.2 + 0.8 * (step - 19.2) / 80.8
        assert rate(done, "one-cycle", 0.2) == pytest.approx(cycle.get_last_lr()[0], abs=1e-6)
        torchs.step()
        if step < 100:
            cycle.step()
    assert rate(0.05, "constant", 0.1) == 0.5 and rate(0.7, "constant", 0.1) == 1.0
    assert rate(0.55, "cosine", 0.1) == pytest.approx(0.5) and rate(0.0, "cosine", 0.0) == 1.0


def test_learning_rates_of_the_history_follow_the_schedule():
    settings = QUICK | {"schedule": "cosine", "warm_up": 0.5}
    history = ToyMethod(epochs=4, batch_size=8, learning_rate=1.0e-3, training=settings).fit(toy_faces(8)).history_
    assert [row["learning_rate"] for row in history] == pytest.approx(
        [1e-3 * rate(t, "cosine", 0.5) for t in (1 / 8, 3 / 8, 5 / 8, 7 / 8)]
    )
