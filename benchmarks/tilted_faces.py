"""What it is worth to ask a method again in upright photos, by 300-W's training faces alone.

    FLDBENCH_DATA=ROOT python benchmarks/tilted_faces.py hog-ridge [--params '{...}']

The method is fitted to four fifths of the training faces. Every second one of the others is turned about its middle, to
the left or right, and its tight box is jittered. A row for each way to ask: NME % (inter-ocular) and the share of faces
above 10 %; the last column is milliseconds of processor time for an upright face. `upright` is measured with its
constants and with others, by which they were chosen.
"""

import argparse
import json
import sys
import time
from typing import Any

import numpy as np

import fldbench
from fldbench.baselines import upright
from fldbench.baselines.parts.upright import upright as turned_photo
from fldbench.geometry import jitter_box, tight_box, transform

CASES = [(0, 0.0), (0, 0.05), (0, 0.1), (15, 0.0), (30, 0.0), (30, 0.1), (45, 0.0), (60, 0.0), (90, 0.0)]
CONSTANTS = {name: getattr(upright, name) for name in ("LEAST", "SETTLED", "TILTS", "SETTLED_AGAIN", "NEAR")}
WAYS: dict[str, tuple[str, dict[str, Any], dict[str, Any]] | None] = {
    "once": None,
    "two-pass, 2 passes": ("two-pass", {}, {}),
    "two-pass, 3 passes": ("two-pass", {"passes": 3}, {}),
    "upright": ("upright", {}, {}),
    "upright, 3 passes": ("upright", {"passes": 3}, {}),
    "upright, settled at 1 %": ("upright", {}, {"SETTLED": 0.01}),
    "upright, settled at 3 %": ("upright", {}, {"SETTLED": 0.03}),
    "upright, turned at any roll": ("upright", {}, {"LEAST": 0.0}),
    "upright, begins once": ("upright", {}, {"TILTS": ()}),
    "upright, begins at 30 and 60 too": ("upright", {}, {"TILTS": (30.0, -30.0, 60.0, -60.0)}),
    "upright, begun again settled at 2 %": ("upright", {}, {"SETTLED_AGAIN": 0.02}),
    "upright, begun again settled anywhere": ("upright", {}, {"NEAR": 180.0}),
}


def turned(faces: fldbench.FaceSet, degrees: float, jitter: float) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """Return the images, boxes (n, 4) px and landmarks (n, L, 2) px of faces that are turned by +-degrees."""
    images, boxes, landmarks, rng = [], [], [], np.random.default_rng(0)
    for i, (image, points) in enumerate(zip(faces.images, faces.landmarks, strict=True)):
        if degrees:
            image, _, matrix = turned_photo(image, points, degrees if i % 2 else -degrees)
            points = transform(points, matrix)
        images.append(image)
        landmarks.append(points)
        boxes.append(jitter_box(tight_box(points[None])[0], rng, jitter, jitter))
    return images, np.array(boxes), np.array(landmarks)


def main(name: str, params: dict) -> None:
    fitted = fldbench.make_method(name, **params)
    fitted.check_params()
    faces = fldbench.load_dataset("300w", split="train")
    fold = faces.fold_of(5, 0)
    train, rest = faces[fold != 0], faces[fold == 0][::2]
    fitted.fit(train)
    cases = [turned(rest, *case) for case in CASES]
    heads = [f"{degrees} degrees" + (f", jitter {jitter:.0%}" if jitter else "") for degrees, jitter in CASES]
    print(f"{name} {json.dumps(params)}, {len(rest)} left-out faces: NME % (share above 10 %)\n")
    print(f"| asked | {' | '.join(heads)} | ms |\n|---|{'---:|' * (len(CASES) + 1)}")
    for label, way in WAYS.items():
        asked = fitted
        if way is not None:
            wrapper, more, constants = way
            vars(upright).update(CONSTANTS | constants)
            asked = fldbench.make_method(wrapper, method=name, params=params, **more)
            asked.assemble([fitted], train)
        cells, spent = [], []
        for images, boxes, truth in cases:
            begin = time.process_time()
            answer = asked.predict(images, boxes)
            spent.append(1000 * (time.process_time() - begin) / len(images))
            eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
            nme = 100 * np.linalg.norm(answer - truth, axis=2).mean(axis=1) / eyes
            cells.append(f"{nme.mean():.2f} ({100 * np.mean(nme > 10):.1f})")
        print(f"| {label} | {' | '.join(cells)} | {spent[0]:.1f} |", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", help="the name of a method")
    parser.add_argument("--params", type=json.loads, default={}, help="a JSON object of parameters")
    given = parser.parse_args()
    try:
        main(given.method, given.params)
    except fldbench.FldbenchError as error:
        sys.exit(str(error))
