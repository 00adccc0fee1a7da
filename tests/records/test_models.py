"""Models on disk: a name for people, found by key, sealed; what is damaged is never used and gets fitted again."""

import json
import os
import random

import pytest
from fuzz import MUTATIONS, change_value, mutate
from toys import Noisy

from fldbench.records.models import FitFacts, Models
from fldbench.records.sealed import digest_of
from fldbench.run.runner import run_suite

FACTS = FitFacts(fit_seconds=2.5, device="cpu", parameters=10)


@pytest.fixture
def models(tmp_path):
    found = Models(tmp_path)
    found.write("k1", lambda path: path.write_bytes(b"weights"), FACTS, "noisy [ours] on toy-train, seed 0/../x")
    return found


def folder_of(models):
    (place,) = models.folder.iterdir()
    return place


def test_a_model_has_a_name_for_people_and_is_found_by_its_key(models, tmp_path):
    assert folder_of(models).name == "noisy-ours-on-toy-train-seed-0-..-x-k1"
    saved = models.find("k1")
    assert saved.file.read_bytes() == b"weights" and saved.facts.fit_seconds == 2.5 and saved.facts.model_bytes == 7
    # echo -n weights | sha256sum
    assert saved.facts.model_sha256 == "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    assert (
        models.find("1") is None and models.find("k2") is None and not models.damage("k1") and not models.damage("k2")
    )
    folder_of(models).rename(tmp_path / "k1")
    assert models.find("k1").file == tmp_path / "k1/model.safetensors"
    models.remove("k1")
    assert not list(tmp_path.iterdir()) and not Models(tmp_path / "absent").damage("k1")


def test_a_label_without_letters_or_with_too_many_is_a_name_too(tmp_path):
    models = Models(tmp_path)
    for key, label in (("k1", ""), ("k2", "../.."), ("k3", "名" * 9), ("k4", "a" * 300)):
        models.write(key, lambda path: path.write_bytes(b"w"), FACTS, label)
    assert {path.name for path in tmp_path.iterdir()} == {"k1", "k2", "k3", "a" * 80 + "-k4"}


def test_a_sound_model_is_kept_and_a_damaged_one_is_replaced(models):
    models.write("k1", lambda path: path.write_bytes(b"other"), FACTS, "another label")
    assert models.find("k1").file.read_bytes() == b"weights"
    models.find("k1").file.write_bytes(b"weightr")
    assert models.find("k1") is None
    assert models.damage("k1").endswith("k1: model.safetensors does not fit its digest")
    models.remove("k1")
    models.write("k1", lambda path: path.write_bytes(b"new"), FACTS)
    models.find("k1").file.unlink()
    models.write("k1", lambda path: path.write_bytes(b"newer"), FACTS)
    assert models.find("k1").file.read_bytes() == b"newer" and [p.name for p in models.folder.iterdir()] == ["k1"]


def test_a_writer_that_fails_leaves_nothing_behind(tmp_path):
    def save(path):
        path.write_text("half")
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        Models(tmp_path).write("m1", save, FACTS)
    assert not list(tmp_path.iterdir())


def test_facts_of_another_kind_are_damage_even_with_a_digest_that_fits(models):
    path = folder_of(models) / "fit.json"
    good = json.loads(path.read_text())
    for wrong in ({"fit_seconds": "2"}, {"parameters": 1.5}, {"more": 1}, {"model_sha256": None}, {"jobs": True}):
        content = {key: value for key, value in good.items() if key != "digest"} | wrong
        path.write_text(json.dumps(content | {"digest": digest_of(content)}))
        assert models.find("k1") is None and "fit.json is damaged" in models.damage("k1")


def test_every_change_of_a_model_is_noticed_and_nothing_else_is_raised(models):
    place, draw = folder_of(models), random.Random("model")
    good = {name: (place / name).read_bytes() for name in ("fit.json", "model.safetensors")}
    for turn in range(MUTATIONS):
        name = draw.choice(sorted(good))
        changed = mutate(good[name], draw)
        if turn % 3 == 0:
            name, content = "fit.json", change_value(json.loads(good["fit.json"]), draw)
            changed = json.dumps(content).encode("utf-8", "surrogatepass")
        for one, content in (good | {name: changed}).items():
            (place / one).write_bytes(content)
        same = changed == good[name] or (name == "fit.json" and _value(changed) == json.loads(good[name]))
        assert (models.find("k1") is not None) == same and bool(models.damage("k1")) != same


def _value(text):
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def test_a_pipe_in_the_place_of_a_model_is_damage(models):
    place = folder_of(models)
    (place / "fit.json").unlink()
    os.mkfifo(place / "fit.json")
    assert models.find("k1") is None and "not a regular file" in models.damage("k1")


def test_bit_flips_in_weights_do_not_reach_the_next_protocol(toy, tmp_path):
    (first,) = run_suite(toy, tmp_path / "one")
    run_suite(toy, tmp_path / "two")
    ((name, digest),) = first.method.models.items()
    assert name.startswith("models/noisy-on-toy-train-seed-0-") and len(digest) == 64
    said = []
    for out, damage in (("one", b"\1"), ("two", b"")):
        file = tmp_path / out / name
        content = file.read_bytes()
        file.write_bytes(content[:-1] + damage)
        fits = Noisy.fits
        said.clear()
        records = run_suite(
            toy | {"protocols": ["toy-test", "toy-even"]}, tmp_path / out, on_event=lambda what, *_: said.append(what)
        )
        assert Noisy.fits == fits + 1 and [record.status for record in records] == ["ok", "ok"]
        assert file.read_bytes() == content and records[1].metrics["nme"] > 0
        assert "model.safetensors does not fit its digest; it was fitted again" in said[-1]
    assert len({record.metrics["nme"] for record in records}) == 2


def test_a_model_under_the_name_of_another_is_damage(models, tmp_path):
    models.write("k2", lambda path: path.write_bytes(b"other"), FACTS, "other")
    one, two = (models.find(key).file.parent for key in ("k1", "k2"))
    for old, new in ((one, tmp_path / "t"), (two, one), (tmp_path / "t", two)):
        old.rename(new)
    assert models.find("k1") is None and models.find("k2") is None
    assert models.damage("k1").endswith("k1: it holds another model")


def test_what_is_no_folder_in_the_place_of_a_model_is_replaced(models, tmp_path):
    for make in (lambda place: place.touch(), lambda place: place.symlink_to(tmp_path / "nowhere"), os.mkfifo):
        models.remove("k1")
        make(tmp_path / "k1")
        assert models.find("k1") is None and models.damage("k1")
        models.write("k1", lambda path: path.write_bytes(b"new"), FACTS)
        assert models.find("k1").file.read_bytes() == b"new"
