"""Measure fitted models of 68 points on hard faces of another source: WFLW's test faces, their 98 points mapped to 68.

    python benchmarks/hard_faces.py ROOT MODEL.safetensors ...     # ROOT holds WFLW_annotations and WFLW_images

Boxes are tight boxes of the 68 points. The jaw lines of the two annotations differ (`fldbench.schemes.map_matrix`), so
the numbers compare models, and are none for WFLW.
"""

import sys
from dataclasses import replace

import numpy as np

import fldbench
from fldbench.geometry import tight_box
from fldbench.protocols import definitions
from fldbench.schemes import map_matrix

POINTS = "ibug-68"


def hard_faces(root: str) -> fldbench.FaceSet:
    """Return WFLW's test faces under `root` with 68 points and their tight boxes."""
    faces = fldbench.load_dataset("wflw", {"wflw": root}, "test")
    points = np.einsum("ts,nsc->ntc", map_matrix(faces.scheme, POINTS), faces.landmarks)
    return replace(faces, landmarks=points, boxes=tight_box(points), scheme=POINTS, visible=None)


def main(root: str, models: list[str]) -> None:
    faces = hard_faces(root)
    base = {"dataset": "wflw", "n_expected": len(faces), "scheme": POINTS, "normaliser": "inter-ocular"}
    (protocol,) = definitions({"wflw-as-68": base}, "benchmarks/hard_faces.py")
    images = list(faces.images)
    print(f"{len(faces)} faces: NME %, FR@10 %")
    for model in models:
        answer = fldbench.load_method(model).predict(images, faces.boxes)
        found = fldbench.evaluate(answer, faces, protocol).metrics
        print(f"{model}: {found['nme']:.2f}, {found['fr10']:.1f}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2:])
    except fldbench.FldbenchError as error:
        sys.exit(str(error))
