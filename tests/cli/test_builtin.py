"""The model that comes with fldbench: its size, its name, what it was fitted on, and what it answers."""

import numpy as np
import pytest
from made_photos import write

import fldbench
from fldbench.builtin import ABOUT, FILE, model_path
from fldbench.datasets.synthetic.dataset import SEEDS
from fldbench.datasets.synthetic.sample import face_image
from fldbench.errors import DataError


def test_it_is_small_and_was_fitted_on_synthetic_faces_alone():
    assert FILE.stat().st_size <= 1_000_000
    model = fldbench.load_method("builtin")
    facts = model.fitted_on
    assert (facts.dataset, facts.split, facts.scheme, facts.boxes) == ("synthetic", "train", "ibug-68", "tight")
    assert model.weights is None and "There is no face behind it" in ABOUT.read_text(encoding="utf-8")
    assert np.array_equal(model.mean_, fldbench.load_method(FILE).mean_)


def test_its_name_is_no_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "builtin").write_text("a file of the user's")
    assert fldbench.load_method("builtin").label == fldbench.load_method(FILE).label
    assert model_path(tmp_path / "builtin") == tmp_path / "builtin"
    with pytest.raises(DataError, match="builtin: not a model that fldbench saved"):
        fldbench.load_method(tmp_path / "builtin")
    with pytest.raises(DataError, match="there is no such model file; 'builtin' is the one that comes with fldbench"):
        fldbench.load_method("bultin")


def test_it_places_the_landmarks_of_faces_that_it_has_not_seen():
    protocol = fldbench.get_protocol("synthetic-test")
    faces = protocol.select(fldbench.load_dataset("synthetic", split="test"))[:24]
    model = fldbench.load_method("builtin")
    found = protocol.score(model.predict(list(faces.images), faces.boxes), faces).metrics["nme"]
    none = fldbench.make_method("mean-shape").fit(fldbench.load_dataset("synthetic", split="train", faces=50))
    assert found < 4 < 10 < protocol.score(none.predict(list(faces.images), faces.boxes), faces).metrics["nme"]


def test_a_photo_is_drawn_without_data_and_training(call, tmp_path):
    photo = write(tmp_path / "photo.png", face_image(SEEDS["test"], 0, 320))
    status, text, err = call("predict", "builtin", photo, "-o", tmp_path / "drawn", "--write", "pts")
    assert status == 0, err
    assert text.startswith("1 photo, 1 face; ") and (tmp_path / "drawn" / "photo.png").exists()
    found = fldbench.load_dataset("pts", tmp_path / "drawn", "all").landmarks[0]
    truth = fldbench.load_dataset("synthetic", split="test").landmarks[0]
    truth = (truth + 0.5) * 2 - 0.5  # drawn at 320 px, and at 160 px in the dataset
    eyes = np.linalg.norm(truth[36] - truth[45])
    assert np.linalg.norm(found - truth, axis=1).mean() < 0.08 * eyes


def test_show_says_what_it_is(call):
    status, text, _ = call("show", "builtin")
    words = " ".join(text.split())
    assert status == 0 and text.startswith("model builtin\n")
    assert "There is no face behind it" in words and "faces of synthetic-train (ibug-68), tight boxes" in words
    assert f"{FILE.stat().st_size:,} bytes" in words
