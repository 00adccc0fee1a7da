"""Measure how well methods trained on synthetic faces do on real ones; see results/synthetic-transfer/README.md.

    python benchmarks/synthetic_transfer.py only  [--method M] [--faces 6000]    synthetic faces alone
    python benchmarks/synthetic_transfer.py mixed [--method M] [--faces 6000]    with 200 real faces, and these alone
    python benchmarks/synthetic_transfer.py tuned [--faces 6000]    cnn-small: on synthetic, then on 200 real faces
    python benchmarks/synthetic_transfer.py speed                                faces per second
    python benchmarks/synthetic_transfer.py sheet    draw datasets/synthetic/faces.png, the first 48 test faces

FLDBENCH_DATA names the folder of the real faces. Scores are those of the protocol 300w-helen (330 faces, tight boxes of
the true points, NME divided by the distance between the outer eye corners).
"""

import argparse
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

import fldbench
from fldbench.datasets.synthetic.batch import render_faces
from fldbench.datasets.synthetic.dataset import SEEDS
from fldbench.faces import FaceSet, ImageArrays
from fldbench.media.draw import write_png

METHODS = {
    "mean-shape": {},
    "hog-ridge": {"starts": 2},  # the default is 6: with so many faces, more starts cost time and gain little
    "cnn-small": {"epochs": 12},
}
TUNED = {"epochs": 60, "learning_rate": 1e-3}
N_REAL, REPEATS = 200, 10
REAL_ALONE = {"hog-ridge": {}, "cnn-small": {"epochs": 150}}  # few faces: more starts, more epochs


def synthetic_faces(n):
    faces = fldbench.load_dataset("synthetic", split="train", faces=n)
    return replace(faces, images=ImageArrays(render_faces(SEEDS["train"], range(n), jobs=2)))


def real_faces():
    """Return 200 training faces of 300-W, drawn once."""
    faces = fldbench.load_dataset("300w", split="train")
    faces = faces[np.sort(np.random.default_rng(0).permutation(len(faces))[:N_REAL])]
    return replace(faces, images=ImageArrays(list(faces.images)))


def union(first, second, repeats):
    """Return the faces of `first` followed by `repeats` copies of those of `second`."""
    parts = [first, *[replace(second, ids=np.char.add(second.ids, f" #{k}")) for k in range(repeats)]]
    return FaceSet(
        ids=np.concatenate([part.ids for part in parts]),
        images=ImageArrays([image for part in parts for image in part.images]),
        boxes=np.concatenate([part.boxes for part in parts]),
        landmarks=np.concatenate([part.landmarks for part in parts]),
        scheme=first.scheme,
    )


def score(name, params, train, test):
    """Return NME and failure rate on the test faces in percent, seconds to fit, and the NME of each facial part."""
    start = time.perf_counter()
    method = fldbench.make_method(name, **params).fit(train)
    seconds = time.perf_counter() - start
    points = method.predict(test.images, test.boxes)
    found = fldbench.evaluate(points, test, "300w-helen").metrics
    scale = np.linalg.norm(test.landmarks[:, 36] - test.landmarks[:, 45], axis=1)
    errors = 100 * np.linalg.norm(points - test.landmarks, axis=2) / scale[:, None]
    parts = fldbench.get_scheme("ibug-68").regions
    regions = {name: round(float(errors[:, list(part)].mean()), 2) for name, part in parts.items()}
    return {"nme": round(found["nme"], 2), "fr10": round(found["fr10"], 1), "fit_s": round(seconds)} | regions


def show(label, name, params, train, test):
    print(
        json.dumps(
            {"train": label, "n": len(train), "method": name, "params": params} | score(name, params, train, test)
        )
    )


def fine_tuned(made, real, test):
    """Train cnn-small on synthetic faces, then on 200 real ones alone (lower rate, fewer epochs); print the score."""
    first = fldbench.make_method("cnn-small", **METHODS["cnn-small"]).fit(made)
    with tempfile.TemporaryDirectory() as folder:
        weights = str(first.save(Path(folder) / "first.safetensors"))
        show("synthetic, then real", "cnn-small", TUNED | {"weights": weights}, real, test)


def measure_speed(n=1200):
    render_faces(SEEDS["train"], range(256), jobs=2)  # the processes start and build their models
    for jobs in (1, 2):
        start = time.perf_counter()
        render_faces(SEEDS["train"], range(n), jobs=jobs)
        print(f"{jobs} process(es): {n / (time.perf_counter() - start):.0f} faces/s at 160 px")


def draw_sheet():
    import cv2

    small = [
        cv2.resize(face, (120, 120), interpolation=cv2.INTER_AREA) for face in render_faces(SEEDS["test"], range(48))
    ]
    rows = np.array(small).reshape(6, 8, 120, 120, 3).transpose(0, 2, 1, 3, 4).reshape(720, 960, 3)
    print(write_png(Path(fldbench.datasets.synthetic.__file__).parent / "faces.png", rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("only", "mixed", "tuned", "speed", "sheet"))
    parser.add_argument("--method", choices=tuple(METHODS))
    parser.add_argument("--faces", type=int, default=6000)
    args = parser.parse_args()
    if args.what in ("speed", "sheet"):
        return measure_speed() if args.what == "speed" else draw_sheet()
    test = fldbench.get_protocol("300w-helen").select(fldbench.load_dataset("300w", split="test"))
    made = synthetic_faces(args.faces)
    if args.what == "tuned":
        return fine_tuned(made, real_faces(), test)
    for name in [args.method] if args.method else METHODS:
        if args.what == "only":
            show("synthetic", name, METHODS[name], made, test)
        elif name in REAL_ALONE:
            real = real_faces()
            show("real", name, REAL_ALONE[name], real, test)
            show(f"synthetic + {REPEATS} x real", name, METHODS[name], union(made, real, REPEATS), test)


if __name__ == "__main__":
    main()
