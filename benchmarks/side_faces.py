"""What a method gains on faces that look aside, and loses on others, by training faces alone: 300-W's and MTFL's.

    FLDBENCH_DATA=ROOT python benchmarks/side_faces.py hog-ridge [--params '{...}']
    FLDBENCH_DATA=ROOT python benchmarks/side_faces.py profiled --params '{"share": 0.125}'
    FLDBENCH_DATA=ROOT python benchmarks/side_faces.py MODEL.safetensors

The method is fitted to four fifths of 300-W's training faces, and measured on the last fifth (NME %, inter-ocular) and
on the faces of MTFL's training part that look fully aside. These have five points: distances are in % of the side of a
box that is computed from them by a linear map, which four fifths of 300-W's faces teach. A model that is fitted already
may have seen all faces of 300-W, and is measured on MTFL's alone.
"""

import argparse
import json
import sys

import numpy as np

import fldbench
from fldbench.geometry import box_size
from fldbench.schemes import map_landmarks
from fldbench.stats import summary_interval

ASIDE = ("left profile", "right profile")
FAR = 5.0  # % of a side


def boxes_of(points: np.ndarray, example_points: np.ndarray, example_boxes: np.ndarray) -> np.ndarray:
    """Return boxes (n, 4) px of five points (n, 5, 2) px, as those of examples lie about theirs.

    A box is a linear map of the points, in their own size about their mean.
    """

    def own(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        centre = points.mean(axis=1, keepdims=True)
        size = np.sqrt(((points - centre) ** 2).sum(axis=(1, 2), keepdims=True))
        rows = ((points - centre) / size).reshape(len(points), -1)
        return np.column_stack([rows, np.ones(len(points))]), np.concatenate([np.tile(centre[:, 0], 2), size[:, 0]], 1)

    rows, place = own(example_points)
    maps, *_ = np.linalg.lstsq(rows, (example_boxes - place[:, :4]) / place[:, 4:], rcond=None)
    rows, place = own(points)
    return rows @ maps * place[:, 4:] + place[:, :4]


def main(name: str, params: dict) -> None:
    saved = name.endswith(".safetensors")
    method = fldbench.load_method(name) if saved else fldbench.make_method(name, **params)
    method.check_params()
    faces = fldbench.load_dataset("300w", split="train")
    fold = faces.fold_of(5, 0)
    train, rest = faces[fold != 0], faces[fold == 0]
    others = fldbench.load_dataset("mtfl", split="train")
    classes = others.attribute_types["pose"].classes
    others = others[np.isin(others.attributes["pose"], [classes.index(name) for name in ASIDE])]
    boxes = boxes_of(others.landmarks, map_landmarks(train.landmarks, train.scheme, others.scheme), train.boxes)

    told = ""
    if not saved:
        method.fit(train)
        answer = method.predict(list(rest.images), rest.boxes)
        eyes = np.linalg.norm(rest.landmarks[:, 36] - rest.landmarks[:, 45], axis=1)
        nme = 100 * np.linalg.norm(answer - rest.landmarks, axis=2).mean(axis=1) / eyes
        told = f" {json.dumps(params)}: {len(rest)} left-out faces {np.mean(nme):.2f}"
    answer = map_landmarks(method.predict(list(others.images), boxes), train.scheme, others.scheme)
    side = np.sqrt(box_size(boxes).prod(axis=1))
    aside = 100 * np.linalg.norm(answer - others.landmarks, axis=2).mean(axis=1) / side
    print(f"{name}{told}")
    found = summary_interval(aside[None])
    print(f"    {len(others)} that look aside: {found.value:.2f} [{found.low:.2f}, {found.high:.2f}], ", end="")
    print(f"{100 * np.mean(aside > FAR):.1f} % of them above {FAR:g}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", help="a name, or the file of a model")
    parser.add_argument("--params", type=json.loads, default={}, help="a JSON object of parameters")
    given = parser.parse_args()
    try:
        main(given.method, given.params)
    except fldbench.FldbenchError as error:
        sys.exit(str(error))
