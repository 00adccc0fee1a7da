"""How well the pose of a head is found from landmarks, against the synthetic truth; and the table of the mean head.

    python benchmarks/head_pose.py                        true landmarks of the 400 synthetic test faces, each scheme
    python benchmarks/head_pose.py MODEL.safetensors   the landmarks that a model predicts for them, from tight boxes
    python benchmarks/head_pose.py table                  write fldbench/schemes/head.csv

Median and 90th percentile of |error| in degrees, for faces to 45 degrees of yaw and beyond.
"""

import sys

import numpy as np

from fldbench.dataset import load_dataset
from fldbench.datasets.synthetic.anchors import SCHEMES
from fldbench.datasets.synthetic.mean_points import mean_points
from fldbench.datasets.synthetic.sample import draw_face
from fldbench.files import write_text
from fldbench.media.pose import head_pose
from fldbench.method import load_method
from fldbench.run.data import LoadedFaces
from fldbench.schemes.head import TABLE

TEST_SEED, FRONTAL = 2, 45.0


def table() -> str:
    """Return the content of head.csv: mm, one decimal."""
    lines = ["scheme,point,x,y,z"]
    for name in SCHEMES:
        points = mean_points(name).round(1) + 0.0  # no -0.0
        lines += [f"{name},{i},{x:g},{y:g},{z:g}" for i, (x, y, z) in enumerate(points.tolist())]
    return "\n".join(lines) + "\n"


def tell(label: str, scheme: str, landmarks: np.ndarray) -> None:
    """Print one line: errors of the poses found from landmarks (n, L, 2) of the first n test faces."""
    truth = np.array([draw_face(TEST_SEED, i).geometry.angles for i in range(len(landmarks))])
    found = np.array([head_pose(points, scheme).angles for points in landmarks])
    error, near = np.abs(found - truth), np.abs(truth[:, 0]) <= FRONTAL
    for name, chosen in ((f"to {FRONTAL:g}", near), ("beyond", ~near)):
        middle, far = (np.percentile(error[chosen], q, axis=0) for q in (50, 90))
        numbers = "  ".join(f"{m:4.1f} {f:4.1f}" for m, f in zip(middle, far, strict=True))
        print(f"{label:<28} {name:<7} n {chosen.sum():3}  yaw, pitch, roll: median p90  {numbers}")


def main(arguments: list[str]) -> None:
    if arguments == ["table"]:
        print(write_text(TABLE, table()))
    elif arguments:
        model = load_method(arguments[0])
        faces = LoadedFaces(load_dataset("synthetic", None, "test", scheme=model.fitted_on.scheme)).check_usable()
        tell(arguments[0], model.fitted_on.scheme, model.predict(faces.images, faces.boxes))
    else:
        for scheme in SCHEMES:
            tell(f"true landmarks, {scheme}", scheme, load_dataset("synthetic", None, "test", scheme=scheme).landmarks)


if __name__ == "__main__":
    main(sys.argv[1:])
