"""Every file format that fldbench reads: a good file, its reader, and changes inside it whose checksums fit.

A format is `make(folder) -> Format`. Real samples are read from FLDBENCH_DATA/format_samples where that is there.
"""

import io
import json
import os
import zipfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

import cv2
import numpy as np
from fuzz import change_value
from fuzz_annotations import CASES
from fuzz_inputs import drawn_edits, edited
from made_records import made_record
from mended_packs import mended, use
from toys import toy_faces

import fldbench
from fldbench.faces import FaceSet, ImageFiles


class Format(NamedTuple):
    """A good file, how it is read, and what makes one with a changed value inside (None: only its bytes change)."""

    file: Path
    read: Callable[[], object]
    sealed: Callable[[Random], bytes] | None = None


GUESS = np.random.default_rng(0).uniform(5, 25, (4, 5, 2)).round(3)
IDS = ["a", "b ü", "c/1", "d"]


def _json_of(value):
    return json.dumps(value).encode("utf-8", "surrogatepass")


def _edited(good, draw):
    return edited(good, drawn_edits(len(good), draw))


def _zip_of(members, way=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", way) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def _member_damaged(file):
    """What damages one member of a zip archive, whose checksum then fits."""
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def change(draw):
        name = draw.choice(sorted(members))
        return _zip_of(members | {name: _edited(members[name], draw)})

    return change


def _png_damaged(good):
    """What damages a PNG, the checksums of whose chunks then fit."""

    def change(draw):
        content, at = bytearray(_edited(good, draw)), 8
        while at + 12 <= len(content):
            end = at + 8 + int.from_bytes(content[at : at + 4], "big")
            if end + 4 <= len(content):
                content[end : end + 4] = zlib.crc32(content[at + 4 : end]).to_bytes(4, "big")
            at = end + 4
        return bytes(content)

    return change


def _predictions(folder, ending):
    from fldbench.run.predict import write_predictions
    from fldbench.run.prediction_formats import read_answers

    faces, file = toy_faces(4), folder / f"p{ending}"
    write_predictions(file, faces, faces.landmarks)
    change = None
    if ending == ".json":
        good = json.loads(file.read_bytes())
        change = lambda draw: _json_of(change_value(good, draw))  # noqa: E731
    if ending == ".npz":
        change = _member_damaged(file)
    return Format(file, lambda: read_answers(file, 5, "cofw68", 9), change)


def _npz(folder):
    from fldbench.npz import read_npz

    file = folder / "a.npz"
    np.savez(file, ids=np.array(IDS), errors=np.arange(4.0), predictions=GUESS)
    return Format(file, lambda: read_npz(file, ("ids", "errors", "predictions")), _member_damaged(file))


def _record(folder):
    from fldbench.records.sealed import digest_of
    from fldbench.records.store import Store, read_records

    Store(folder).write(made_record(key="k"), {"ids": np.array(IDS), "errors": np.arange(4.0)})
    file = folder / "records/k/run.json"
    good = {key: value for key, value in json.loads(file.read_bytes()).items() if key != "digest"}

    def change(draw):
        content = change_value(good, draw)
        return _json_of(content | {"digest": digest_of(content)} if isinstance(content, dict) else content)

    return Format(file, lambda: fldbench.leaderboard(read_records(folder)).to_markdown(), change)


def _shared(folder):
    from fldbench.records.sealed import digest_of
    from fldbench.records.shared import Shared
    from fldbench.records.store import Store

    here, url = Store(folder / "here"), f"file://{folder}/url"
    here.write(made_record(key="k"), {"ids": np.array(IDS), "errors": np.arange(4.0)})
    Shared(url).push(here, ["k"])
    names = ("run.json", "faces.npz")
    run, faces = ((here.record_path("k") / name).read_bytes() for name in names)
    good = {key: value for key, value in json.loads(run).items() if key != "digest"}

    def change(draw):
        content = change_value(good, draw)
        content = content | {"digest": digest_of(content)} if isinstance(content, dict) else content
        return _zip_of(dict(zip(names, (_json_of(content), faces), strict=True)))

    def read():
        here.forget(["k"])
        Shared(url).pull(here, ["k"], lambda line: None)

    return Format(folder / "url/k.zip", read, change)


def _publication(folder, member=None):
    from fldbench.records.published import read_published, write_published

    arrays = {"ids": np.array(IDS), "errors": np.arange(4.0), "charged": np.arange(4.0)}
    file = write_published([(made_record(key=key), arrays) for key in "kl"], folder / "p.zip")
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    if member is not None:
        out = folder / "unpacked"
        for name, data in members.items():
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            (out / name).write_bytes(data)
        return Format(out / member, lambda: _used(read_published(out)))

    member_damaged = _member_damaged(file)

    def change(draw):
        if draw.random() < 0.5:
            return member_damaged(draw)
        faces = _json_of(change_value(json.loads(members["faces.json"]), draw))
        return _zip_of(members | {"faces.json": faces}, zipfile.ZIP_DEFLATED)

    return Format(file, lambda: _used(read_published(file)), change)


def _used(records):
    for record in records:
        if record.kept is not None:
            record.kept(("ids", "errors", "charged"))


def _model(folder, name, **params):
    from model_fuzz import damaged
    from safetensors import safe_open

    from fldbench.checks import quick_faces

    train, test = quick_faces()
    file = fldbench.make_method(name, **params).fit(train[:12]).save(folder / "m.safetensors")
    good, images, boxes = file.read_bytes(), list(test.images[:1]), test.boxes[:1]
    with safe_open(file, "np") as opened:
        header = json.loads(opened.metadata()["fldbench"])
        arrays = {key: opened.get_tensor(key) for key in opened.keys()}  # noqa: SIM118

    def change(draw):
        return damaged(good, header, arrays, draw)

    return Format(file, lambda: fldbench.load_method(file).predict(images, boxes), change)


def _fit(folder):
    from fldbench.records.models import FitFacts, Models
    from fldbench.records.sealed import digest_of

    models = Models(folder)
    models.write("k", lambda path: path.write_bytes(b"weights"), FitFacts(fit_seconds=1.0))
    file = folder / "k/fit.json"
    good = {key: value for key, value in json.loads(file.read_bytes()).items() if key != "digest"}

    def change(draw):
        content = change_value(good, draw)
        return _json_of(content | {"digest": digest_of(content)} if isinstance(content, dict) else content)

    return Format(file, lambda: (models.find("k"), models.damage("k")), change)


def _checkpoint(folder):
    import torch

    from fldbench.cnn.training.checkpoint import read_checkpoint, write_checkpoint

    file = folder / "c.safetensors"
    parts, facts = {"network": {"w": torch.arange(6.0).reshape(2, 3)}}, {"key": "k", "epoch": 3, "curve": [0.5, 0.25]}
    write_checkpoint(file, parts, facts)

    def change(draw):
        content = change_value(facts, draw)
        write_checkpoint(folder / "other", parts, content if isinstance(content, dict) else {})
        return (folder / "other").read_bytes()

    return Format(file, lambda: read_checkpoint(file), change)


def _weights(folder, ending):
    import torch
    from safetensors.torch import save_file

    from fldbench.cnn.weights import read_weights

    file, tensors = folder / f"w{ending}", {"a.weight": torch.zeros(3, 2), "a.bias": torch.ones(2)}
    if ending == ".safetensors":
        save_file(tensors, file)
    else:
        torch.save({"state_dict": tensors}, file, _use_new_zipfile_serialization=ending == ".pth")
    return Format(file, lambda: read_weights(file), _member_damaged(file) if ending == ".pth" else None)


def _pack(folder, part, size=None):
    from fldbench.faces.pack import pack

    pack(toy_faces(4), folder / "a", size=size)
    index, data = folder / "a.index", folder / "a"
    kept = index.read_bytes(), data.read_bytes()
    if part == "a":
        return Format(data, lambda: use(data))

    made = kept

    def read():
        data.write_bytes(made[1] if index.read_bytes() == made[0] else kept[1])
        use(data)

    def change(draw):
        nonlocal made
        index.write_bytes(kept[0])
        data.write_bytes(kept[1])
        mended(index, lambda text: _json_of(change_value(json.loads(text), draw)))
        made = index.read_bytes(), data.read_bytes()
        return made[0]

    return Format(index, read, change)


def _image(folder, ending):
    file, picture = folder / f"a{ending}", np.random.default_rng(0).integers(0, 256, (14, 18, 3), np.uint8)
    picture = picture[..., 0] if ending in (".pbm", ".pgm") else picture
    picture = picture.astype(np.float32) / 255 if ending in (".pfm", ".hdr") else picture
    good = cv2.imencode(ending, picture)[1].tobytes()
    file.write_bytes(good)
    return Format(file, lambda: ImageFiles([file]).upright()[0], _png_damaged(good) if ending == ".png" else None)


def _text(folder, name, text, read):
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return Format(file, lambda: read(file))


SUITE = b"""\
name: small
define:
  mouth: {dataset: synthetic, n_expected: 400, normaliser: {name: mouth, points: [[48], [54]]}, thresholds: [0.1]}
train:
  - {dataset: synthetic, faces: 50, boxes: "jittered:0.05"}
methods:
  - mean-shape
  - {name: linear, label: "linear, 2", params: {random_state: 3}}
protocols: [synthetic-test@boxes=jittered:0.10, mouth]
seeds: [0, 1]
"""
PROTOCOLS = b"""\
mine: {dataset: synthetic, split: test, n_expected: 400, scheme: ibug-68, normaliser: inter-ocular, thresholds: [0.08]}
other:
  {dataset: own, n_expected: 5, scheme: mtfl-5, normaliser: "points:3/4", union_of: [a, b], boxes: official}
"""


def _suite(folder):
    from fldbench.run.suite import load_suite

    return _text(folder, "s.yaml", SUITE.decode(), load_suite)


def _protocols(folder):
    from fldbench.protocols import read_protocols

    return _text(folder, "p.yaml", PROTOCOLS.decode(), read_protocols)


SCHEME = """\
mine-3:
  names: [left eye, right eye, mouth]
  mirror: [[0, 1]]
  eyes: [[0], [1]]
  template: [[0.3, 0.4], [0.7, 0.4], [0.5, 0.8]]
five: {points: 5, edges: [[0, 1]], regions: {nose: [2]}}
"""


def _schemes(folder):
    from fldbench.schemes import read_schemes

    return _text(folder, "s.yaml", SCHEME, read_schemes)


def _excludes(folder):
    from fldbench.curate.excludes import Exclude, read_excludes, write_excludes

    write_excludes(folder / "e.txt", [Exclude("a b/ü 1", "shape", "the left eye"), Exclude("c", "image", "")])
    return Format(folder / "e.txt", lambda: read_excludes(folder / "e.txt"))


TABLES = {
    ".csv": "Method,NME,FR@8,AUC@8\nA [1],4.25,3.10,50.2\nB,3.99,2.1,55.0\n",
    ".md": "Table 1: 300-W, inter-ocular\n\n| Method | Common | Challenging | Full |\n|---|--:|--:|--:|\n"
    "| A | 3.0 | 5.1 | 3.41 |\n| **B** | 2.9 | 5.0 | 3.31 |\n",
    ".tex": "\\begin{table}\\caption{300-W}\\begin{tabular}{lrrr}\\toprule\nMethod & Common & Challenging & Full \\\\\n"
    "\\midrule\nA~\\cite{a} & 3.0 & \\textbf{5.1} & 3.41 \\\\\nB & $2.9_{\\pm 0.1}$ & 5.0 & 3.31 \\\\\n"
    "\\bottomrule\\end{tabular}\\end{table}\n",
    "-of-numbers.csv": "method,train,dataset,subset,metric,threshold,value,normaliser,n,missed,seeds,source\n"
    "A,x,300w,full,nme,,3.41,inter-ocular,689,2,1,B [1]; C\nA,x,300w,full,auc,8,52.1,inter-ocular,689,2,1,B [1]; C\n"
    "A,x,300w,full,fr,0.08,9.1,inter-ocular,689,2,1,B [1]; C\nB,y,300w,common,nme,,5.3,inter-pupil,554,0,3,D\n",
    "-of-runs.csv": "method,train,protocol,subset,n,missed,seeds,nme,fr08,fr10,auc08\n"
    "a,x,300w-full,full,689,1,1,3.051,0.871,0.303,62.67\nb,x,300w-full,full,689,0,3,3.1,0.7,0.4,99\n",
}


def _table(folder, ending):
    from fldbench.audit.tables import audit_table

    return _text(folder, f"t{ending}", TABLES[ending], audit_table)


def _claim(folder):
    from fldbench.audit.claims import audit_claim, parse_claim
    from fldbench.files import read_text

    text = "300w-full nme 2.98 fr 0.73 auc 62.7"
    return _text(folder, "c.txt", text, lambda file: audit_claim(parse_claim(read_text(file))))


@dataclass
class _Annotations:
    """An annotation file of `fuzz_annotations`, whose reader gives faces."""

    name: str

    def __call__(self, folder):
        case = CASES[self.name](folder)
        change = None
        if case.file.suffix in (".json", ".ljson"):
            good = json.loads(case.file.read_bytes())
            change = lambda draw: _json_of(change_value(good, draw))  # noqa: E731
        return Format(case.file, case.read, change)


CASCADE = {"stages": 1, "grid": 2, "bins": 4, "starts": 2, "crop_size": 60}
FORMATS: dict[str, Callable[[Path], Format]] = {
    **{f"annotations {name}": _Annotations(name) for name in CASES},
    **{f"predictions {end}": lambda folder, end=end: _predictions(folder, end) for end in (".csv", ".json", ".npz")},
    "arrays .npz": _npz,
    "record": _record,
    "record at a URL": _shared,
    "publication .zip": _publication,
    **{
        f"publication {member}": lambda folder, member=member: _publication(folder, member)
        for member in ("records.jsonl", "faces.json", "faces/0/0.npy")
    },
    "model mean-shape": lambda folder: _model(folder, "mean-shape"),
    "model linear": lambda folder: _model(folder, "linear", crop_size=24, copies=1),
    "model hog-ridge": lambda folder: _model(folder, "hog-ridge", **CASCADE),
    "fit.json": _fit,
    "checkpoint": _checkpoint,
    **{f"weights {end}": lambda folder, end=end: _weights(folder, end) for end in (".safetensors", ".pth", ".pt")},
    "pack index": lambda folder: _pack(folder, "a.index"),
    "pack images": lambda folder: _pack(folder, "a"),
    "pack crops": lambda folder: _pack(folder, "a", 16),
    **{
        f"image {end}": lambda folder, end=end: _image(folder, end)
        for end in (".jpg", ".png", ".bmp", ".tif", ".webp", ".gif", ".avif", ".pgm", ".pam", ".pfm", ".hdr", ".ras")
    },
    "suite": _suite,
    "protocols": _protocols,
    "schemes": _schemes,
    "exclude list": _excludes,
    **{f"table {end}": lambda folder, end=end: _table(folder, end) for end in TABLES},
    "claim": _claim,
}


def real_samples():
    """Real files of other projects as further good files: name -> make; none without FLDBENCH_DATA."""
    place = Path(os.environ.get("FLDBENCH_DATA", "")) / "format_samples"
    if not os.environ.get("FLDBENCH_DATA") or not place.is_dir():
        return {}
    found = {}
    for path in sorted(place.rglob("*")):
        if path.suffix in (".jpg", ".png"):
            found[f"real {path.relative_to(place)}"] = lambda folder, path=path: _real_image(folder, path)
        elif path.suffix == ".pts":
            found[f"real {path.relative_to(place)}"] = lambda folder, path=path: _real_pts(folder, path)
        elif path.suffix == ".json" and path.parent.name != "halpe":  # its points are of no scheme here
            found[f"real {path.relative_to(place)}"] = lambda folder, path=path: _real_coco(folder, path)
    return found


def _real_image(folder, path):
    file = folder / path.name
    good = path.read_bytes()
    file.write_bytes(good)
    return Format(file, lambda: ImageFiles([file]).upright()[0], _png_damaged(good) if path.suffix == ".png" else None)


def _real_pts(folder, path):
    from fldbench.datasets.formats.pts import read_pts

    file = folder / path.name
    file.write_bytes(path.read_bytes())
    return Format(file, lambda: read_pts(file, 68))


def _real_coco(folder, path):
    file = folder / path.name
    file.write_bytes(path.read_bytes())
    good = json.loads(file.read_bytes())

    def read() -> FaceSet:
        return fldbench.load_dataset("coco-face", file, "all", images=path.parent)

    return Format(file, read, lambda draw: _json_of(change_value(good, draw)))
