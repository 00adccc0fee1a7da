"""Points of one's own, from a user's files to a table: 21 points without eyes, mirror pairs and template."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

import fldbench
from fldbench import registry
from fldbench.cli.app import app
from fldbench.curate.convert import convert
from fldbench.curate.inspect import info, preview
from fldbench.curate.verify import verify
from fldbench.errors import DataError, MethodError
from fldbench.faces.pack import open_pack, pack
from fldbench.media.draw import numbering_chart
from fldbench.schemes import get_scheme, make_scheme, register_scheme

CHOSEN = [0, 4, 8, 12, 16, 17, 21, 22, 26, 27, 30, 33, 36, 39, 42, 45, 48, 51, 54, 57, 62]  # of ibug-68
NAME = "mine-21"
SMALL = {
    "mean-shape": {},
    "linear": {"crop_size": 64, "copies": 2},
    "hog-ridge": {"stages": 2, "starts": 2, "crop_size": 64},
    "lbf": {"stages": 2, "trees": 3, "starts": 2, "crop_size": 64},
    "asm": {"crop_size": 64},
    "ert": {"stages": 2, "trees": 20, "copies": 2, "crop_size": 64},
    "average": {"methods": ["mean-shape", "linear"]},
    "cnn-small": {"size": 32, "epochs": 1},
}


@pytest.fixture(scope="module")
def head():
    return fldbench.load_dataset("synthetic", split="train", faces=18)


def own_faces(head, scheme=NAME):
    return fldbench.FaceSet(
        ids=head.ids, images=head.images, boxes=head.boxes, landmarks=head.landmarks[:, CHOSEN], scheme=scheme,
        visible=head.visible[:, CHOSEN], name="own", split_name="train",
    )  # fmt: skip


@pytest.fixture
def faces(head):
    register_scheme(NAME, 21)
    return own_faces(head)


@pytest.mark.parametrize("name", SMALL)
def test_every_method_learns_without_mirror_pairs(faces, name, tmp_path):
    if name == "cnn-small":
        pytest.importorskip("torch")
    method = fldbench.make_method(name, **SMALL[name]).fit(faces)
    answer = method.predict(list(faces.images[:4]), faces.boxes[:4])
    assert answer.shape == (4, 21, 2) and np.isfinite(answer).all()
    off = np.linalg.norm(answer - faces.landmarks[:4], axis=2).mean() / (faces.boxes[:4, 2] - faces.boxes[:4, 0]).mean()
    assert off < (0.35 if name == "cnn-small" else 0.15)
    method.save(tmp_path / "model.safetensors")
    registry.TABLES["scheme"].clear()  # as in another process
    again = fldbench.load_method(tmp_path / "model.safetensors")
    assert get_scheme(NAME).n_points == 21
    assert np.allclose(again.predict(list(faces.images[:4]), faces.boxes[:4]), answer, atol=1e-4)


def test_mirrored_faces_that_are_asked_for_are_refused(faces):
    pytest.importorskip("torch")
    with pytest.raises(
        MethodError, match=r"flip_test needs mirror pairs, which the scheme mine-21 does not give; leave"
    ):
        fldbench.make_method("cnn-small", size=32, epochs=1, flip_test=True).fit(faces)
    with pytest.raises(DataError, match="has no template to draw"):
        numbering_chart(NAME)


@pytest.mark.parametrize(
    ("to", "reader"), [("pts", "pts"), ("csv", "csv"), ("dlib-xml", "dlib-xml"), ("coco", "coco-face")]
)
def test_files_are_written_and_read(faces, tmp_path, to, reader):
    convert(faces[:5], to, tmp_path / to)
    back = fldbench.load_dataset(reader, tmp_path / to, "all", scheme=NAME)
    assert back.scheme == NAME and np.allclose(back.landmarks, faces.landmarks[:5], atol=1e-3)


def test_looking_checking_and_packing_work(faces, tmp_path):
    assert info(faces)["points"] == 21 and preview(faces, sample=2).ndim == 3
    said = [one.message for one in verify(faces) if one.kind == "unchecked"]
    assert any("does not say which points are mirror images" in text for text in said)
    pack(faces[:5], tmp_path / "own.pack")
    print_ = faces[:5].fingerprint
    registry.TABLES["scheme"].clear()  # as in another process
    assert open_pack(tmp_path / "own.pack").fingerprint == print_
    registry.TABLES["scheme"].clear()
    register_scheme(NAME, 21, mirror=[(0, 4)])
    with pytest.raises(DataError, match=r"scheme 'mine-21' is known already with other mirror"):
        open_pack(tmp_path / "own.pack")


def test_the_content_of_a_scheme_is_part_of_fingerprints(head, monkeypatch):
    register_scheme(NAME, 21)
    first = own_faces(head[:3]).fingerprint
    monkeypatch.setitem(registry.TABLES, "scheme", {NAME: make_scheme(NAME, 21, mirror=[(0, 4)])})
    assert own_faces(head[:3]).fingerprint != first
    monkeypatch.setitem(registry.TABLES, "scheme", {NAME: make_scheme(NAME, 21, source="somebody")})
    assert own_faces(head[:3]).fingerprint == first


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_suite_with_a_scheme_of_its_own(faces, tmp_path, jobs):
    for split in ("train", "test"):
        convert(faces[:12] if split == "train" else faces[12:18], "csv", tmp_path / split)
    suite = {
        "name": "own",
        "schemes": {NAME: 21},
        "define": {"own": {"dataset": "csv", "n_expected": 6, "scheme": NAME, "normaliser": "diagonal", "split": "all",
                           "options": {"file": "test/train.csv", "scheme": NAME}}},
        "train": [{"dataset": "csv", "split": "all", "options": {"file": "train/train.csv", "scheme": NAME}}],
        "methods": ["mean-shape", {"name": "linear", "params": SMALL["linear"]}],
        "protocols": ["own"],
    }  # fmt: skip
    registry.TABLES["scheme"].clear()
    (tmp_path / "suite.yaml").write_text(json.dumps(suite))
    records = fldbench.run_suite(tmp_path / "suite.yaml", tmp_path / "out", tmp_path, jobs=jobs)
    assert [(one.status, one.reason) for one in records] == [("ok", "")] * 2
    assert all(0 < one.metrics["nme"] < 20 for one in records)
    registry.TABLES["scheme"].clear()  # as in another process
    assert fldbench.leaderboard(tmp_path / "out").to_csv().count("own") >= 2


def test_the_command_reads_schemes_and_guesses_mirror_pairs(faces, tmp_path):
    convert(faces, "csv", tmp_path / "csv")
    registry.TABLES["scheme"].clear()
    (tmp_path / "own.yaml").write_text(f"{NAME}: 21\n")
    given = ["--schemes", str(tmp_path / "own.yaml"), "--option", f"scheme={NAME}", "--split", "all", "--guess-mirror"]
    done = CliRunner().invoke(app, ["data", "info", "csv", "--data", str(tmp_path / "csv"), *given])
    assert done.exit_code == 0 and "mine-21, 21 points per face" in done.stdout
    assert "mirror        [[0, 4], [1, 3]," in done.stdout
