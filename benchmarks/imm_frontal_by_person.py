"""Compare methods on IMM-Frontal's 73 points: four folds of three persons each, every face predicted once.

    FLDBENCH_DATA=ROOT python benchmarks/imm_frontal_by_person.py > results/imm-frontal/leaderboard.md

Arguments, if any, name the methods to run. No person is in both the training and the test faces of a fold. The 120
predictions of a method are scored together. MSE is the mean over both coordinates of the squared error, in px² of the
400 x 300 photos, over all points and for the nose tip alone.
"""

import sys
import time

import numpy as np

import fldbench
from fldbench.protocols import boxes_from

METHODS = {
    **{name: {} for name in ("mean-shape", "linear", "lbf", "asm", "ert", "hog-ridge")},
    # Ninety faces make few batches per epoch.
    "five-conv": {"epochs": 150},
    "nose-net": {"epochs": 150},
}
PROTOCOLS = ("imm-frontal", "imm-frontal@boxes=jittered")
FOLDS = 4
NOSE_TIP = 45


def out_of_fold(name: str, params: dict, faces: fldbench.FaceSet) -> tuple[dict[str, np.ndarray], float]:
    """Return protocol -> predictions (120, 73, 2) px of models that never saw the person, and mean seconds per fit."""
    answers = {protocol: np.full(faces.landmarks.shape, np.nan) for protocol in PROTOCOLS}
    seconds = 0.0
    fold_of = faces.fold_of(FOLDS)
    for fold in range(FOLDS):
        start = time.perf_counter()
        method = fldbench.make_method(name, **params).fit(boxes_from(faces[fold_of != fold], "tight"))
        seconds += (time.perf_counter() - start) / FOLDS
        part = faces[fold_of == fold]
        for protocol, found in answers.items():
            boxes = fldbench.get_protocol(protocol).select(part).boxes
            found[fold_of == fold] = method.predict(list(part.images), boxes)
    return answers, seconds


def main() -> None:
    names = sys.argv[1:] or list(METHODS)
    try:
        for name in names:
            fldbench.make_method(name, **METHODS.get(name, {}))
        faces = fldbench.load_dataset("imm-frontal")
    except fldbench.FldbenchError as error:
        sys.exit(str(error))
    heads = ["method", "NME %", "FR@8%", "MSE, px²", "MSE of the nose tip, px²", "NME %, jittered boxes"]
    print(f"| {' | '.join([*heads, 'FR@8%, jittered', 'fit s'])} |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for name in names:
        params = METHODS.get(name, {})
        answers, seconds = out_of_fold(name, params, faces)
        tight, jittered = (fldbench.evaluate(answers[p], faces, p).metrics for p in PROTOCOLS)
        squared = (answers[PROTOCOLS[0]] - faces.landmarks) ** 2
        cells = [tight["nme"], tight["fr08"], np.nanmean(squared), np.nanmean(squared[:, NOSE_TIP])]
        cells += [jittered["nme"], jittered["fr08"]]
        print(f"| {name} | {' | '.join(f'{cell:.2f}' for cell in cells)} | {seconds:.1f} |", flush=True)


if __name__ == "__main__":
    main()
