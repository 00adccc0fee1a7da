"""Measure fitted models of 68 points on hard faces of another source: WFLW's test faces, their 98 points mapped to 68.

    python benchmarks/hard_faces.py ROOT MODEL.safetensors ...     # ROOT holds WFLW_annotations and WFLW_images

A row for each model: NME % with its interval of 95 % over faces, and FR@10 %; the same of the faces with a large pose;
of the 51 points without the jaw; and the difference from the first model, paired by face. Boxes are tight boxes of the
68 points. The jaw lines of the two annotations differ (`fldbench.schemes.map_matrix`), so the numbers compare models,
and are none for WFLW.
"""

import sys

import numpy as np

import fldbench
from fldbench.protocols import definitions, varied
from fldbench.stats import paired_difference, summary_interval

POINTS = {"map_to": "ibug-68"}
WITHOUT_JAW = "points=17-67"


def main(root: str, models: list[str]) -> None:
    faces = fldbench.load_dataset("wflw", {"wflw": root}, "test", **POINTS)
    base = {"dataset": "wflw", "options": POINTS, "normaliser": "inter-ocular"}
    aside = {"subset": "pose", "n_expected": int(faces.subsets["pose"].sum())}
    given = {"wflw-as-68": base | {"n_expected": len(faces)}, "wflw-as-68-pose": base | aside}
    whole, turned = definitions(given, "benchmarks/hard_faces.py")
    rules = (whole, turned, varied(whole, WITHOUT_JAW))
    print(f"{len(faces)} faces, {aside['n_expected']} with a large pose: NME % [95 %] (FR@10 %)\n")
    print("| model | all 68 points | large pose | 51 points, without the jaw | difference from the first |")
    print("|---|---:|---:|---:|---:|")
    images, first = list(faces.images), None
    for path in models:
        answer, cells = fldbench.load_method(path).predict(images, faces.boxes), []
        for protocol in rules:
            some = protocol.select(faces)
            rows = np.isin(faces.ids, some.ids)
            score = fldbench.evaluate(answer[rows], some, protocol)
            nme = summary_interval(score.errors[None]).times(100)
            cells.append(f"{nme.value:.2f} [{nme.low:.2f}, {nme.high:.2f}] ({score.metrics['fr10']:.0f})")
            if protocol is whole:
                errors = score.errors
        first = errors if first is None else first
        away = paired_difference(first[None], errors[None]).times(100)
        told = "" if errors is first else f"{away.value:+.2f} [{away.low:+.2f}, {away.high:+.2f}]"
        print(f"| {path} | {' | '.join(cells)} | {told} |", flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    try:
        main(sys.argv[1], sys.argv[2:])
    except fldbench.FldbenchError as error:
        sys.exit(str(error))
