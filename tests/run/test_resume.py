"""A network whose run was interrupted continues from its checkpoint: the same numbers as without the interruption."""

import pytest
from toy_networks import QUICK, ToyMethod

import fldbench
from fldbench import registry
from fldbench.cnn.training.checkpoint import read_checkpoint, write_checkpoint
from fldbench.progress import listening
from fldbench.records.store import Store

PARAMS = {"epochs": 4, "training": QUICK | {"save_seconds": 0}}


def epochs_of(suite, out, stop_at=None):
    """Run; return the records and the numbers of the epochs that began."""
    begun = []

    def listen(what, done, total):
        if what.startswith("epoch") and done < total:
            if done == stop_at:
                raise KeyboardInterrupt
            begun.append(done)

    with listening(listen):
        return fldbench.run_suite(suite, out), begun


@pytest.fixture
def net(toy):
    registry.register_method("toy-net", ToyMethod)
    return toy | {"methods": [{"name": "toy-net", "params": PARAMS}]}


def test_an_interrupted_network_continues_from_its_checkpoint(net, tmp_path):
    (whole,), begun = epochs_of(net, tmp_path / "whole")
    assert begun == [0, 1, 2, 3] and not whole.timings.resumed
    with pytest.raises(KeyboardInterrupt):
        epochs_of(net, tmp_path / "cut", stop_at=2)
    (folder,) = (tmp_path / "cut" / "training").iterdir()
    assert (folder / "checkpoint.safetensors").exists()
    (record,), begun = epochs_of(net, tmp_path / "cut")
    assert begun == [2, 3] and record.metrics == whole.metrics and record.key == whole.key and record.timings.resumed
    left = {path.name for path in folder.iterdir()}
    assert "curves.csv" in left and "checkpoint.safetensors" not in left
    _, begun = epochs_of(net, tmp_path / "cut")
    assert begun == []


def test_a_fold_continues_from_its_own_checkpoint(net, tmp_path):
    net["train"] = [{"dataset": "toy", "split": "test", "folds": 2}]
    with pytest.raises(KeyboardInterrupt):
        epochs_of(net, tmp_path, stop_at=3)
    (record,), begun = epochs_of(net, tmp_path)
    assert begun == [3, 0, 1, 2, 3] and record.status == "ok" and record.timings.fits == 2
    assert len(list((tmp_path / "training").iterdir())) == 2
    with pytest.raises(KeyboardInterrupt):
        epochs_of(net | {"seeds": [1]}, tmp_path, stop_at=1)
    Store(tmp_path).forget([path.name for path in (tmp_path / "training").iterdir()])
    assert not list((tmp_path / "training").iterdir())


def test_a_checkpoint_of_other_parameters_is_not_found(net, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        epochs_of(net, tmp_path, stop_at=2)
    other = net | {"methods": [{"name": "toy-net", "params": PARAMS | {"learning_rate": 0.001}}]}
    _, begun = epochs_of(other, tmp_path)
    assert begun == [0, 1, 2, 3]


def test_a_checkpoint_that_cannot_be_continued_begins_again_and_is_named(net, tmp_path):
    (whole,), _ = epochs_of(net, tmp_path / "whole")
    said = []
    for damage in ("cut off", "of another training"):
        with pytest.raises(KeyboardInterrupt):
            epochs_of(net, tmp_path / damage, stop_at=2)
        (folder,) = (tmp_path / damage / "training").iterdir()
        path = folder / "checkpoint.safetensors"
        if damage == "cut off":
            path.write_bytes(path.read_bytes()[:-100])
        else:
            parts, facts = read_checkpoint(path)
            write_checkpoint(path, parts, facts | {"key": "another"})
        (record,) = fldbench.run_suite(net, tmp_path / damage, on_event=lambda what, done, total: said.append(what))
        assert record.metrics == whole.metrics and not record.timings.resumed and record.status == "ok"
        assert f"{folder} holds no training that can be continued; it was fitted again" in said[-1]
