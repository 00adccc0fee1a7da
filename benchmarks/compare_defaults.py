"""Compares defaults of ert and hog-ridge with other values on a fifth of 300-W's training faces, photos apart.

FLDBENCH_DATA=ROOT python benchmarks/compare_defaults.py hog-ridge
FLDBENCH_DATA=ROOT python benchmarks/compare_defaults.py ert
"""

import sys

import fldbench
from fldbench.protocols import boxes_from

CHOICES = {
    "ert": ({}, {"box_jitter": 0.0}),
    "hog-ridge": ({}, {"last_patch": 0.16}, {"ridge": 1000.0}),
}


def main(name: str) -> None:
    rest, part = fldbench.load_dataset("300w", split="train").split(0.2, random_state=0)
    images = list(part.images)
    print(f"{name}: trained on {len(rest)}, measured on {len(part)}; NME with tight, jittered boxes", flush=True)
    for params in CHOICES[name]:
        method = fldbench.make_method(name, **params).fit(rest)
        numbers = []
        for source in ("truth-tight", "truth-jittered"):
            faces = boxes_from(part, source)
            numbers.append(fldbench.evaluate(method.predict(images, faces.boxes), faces, "300w-helen").metrics["nme"])
        print(params or "defaults", *(f"{number:.2f}" for number in numbers), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
