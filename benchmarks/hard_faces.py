"""Measure fitted models of 68 points on hard faces of another source: WFLW's test faces, their 98 points mapped to 68.

    python benchmarks/hard_faces.py ROOT MODEL.safetensors ...     # ROOT holds WFLW_annotations and WFLW_images

Boxes are tight boxes of the 68 points. The jaw lines of the two annotations differ (`fldbench.schemes.map_matrix`), so
the numbers compare models, and are none for WFLW.
"""

import sys

import fldbench
from fldbench.protocols import definitions

POINTS = {"map_to": "ibug-68"}


def main(root: str, models: list[str]) -> None:
    faces = fldbench.load_dataset("wflw", {"wflw": root}, "test", **POINTS)
    base = {"dataset": "wflw", "options": POINTS, "n_expected": len(faces), "normaliser": "inter-ocular"}
    (protocol,) = definitions({"wflw-as-68": base}, "benchmarks/hard_faces.py")
    faces = protocol.select(faces)
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
