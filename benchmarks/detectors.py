"""Face detectors on sets of faces: recall, boxes beside the faces, how far boxes are off the tight ones, and time.

    FLDBENCH_DATA=... python benchmarks/detectors.py [--faces 100] [--detector dlib-hog ...] [--crops | --tilted]

A face is found if a detection overlaps it as `fldbench.protocols.detected` asks. Bias and spread are those of the
mapped box against the tight box of the true points: mean and standard deviation of the step of the centre, in sides of
the tight box, and of the logarithm of the sides. Processor time of one core, OpenCV with one thread.
"""

import argparse
import time
from pathlib import Path

import cv2
import numpy as np

from fldbench import load_dataset, make_detector
from fldbench.dataset import data_root
from fldbench.detector import off_by
from fldbench.faces.harm import amount, harmed
from fldbench.geometry import box_iou, tight_box
from fldbench.protocols.detected import chosen

SIDES = (2.0, 1.5, 1.25, 1.1)  # of a crop, in longer sides of the tight box


def sets(root: Path, faces: int):
    """Yield (name, faces) of each set that is there: at most so many, drawn with a fixed seed."""
    for name, dataset, where, split, subset in (
        ("300w helen test", "300w", root, "test", "helen-test"),
        ("300w lfpw train", "300w", root, "train", "lfpw/"),
        ("wflw crops", "wflw", root / "crops", "test", None),
        ("mtfl test, 80 px", "mtfl", root, "test", None),
        ("london", "london", root, "all", None),
        ("dlib_faces, whole photos", "dlib-xml", root / "dlib_faces", "all", None),
    ):
        options = {"file": "testing_with_face_landmarks.xml"} if dataset == "dlib-xml" else {}
        found = load_dataset(dataset, where, split, **options)
        if subset is not None:
            rows = found.subsets[subset] if subset in found.subsets else [subset in one for one in found.ids.tolist()]
            found = found[np.asarray(rows)]
        rows = np.sort(np.random.default_rng(0).permutation(len(found))[:faces])
        yield name, found[rows]


def measure(detector, images, tight, scheme):
    """Return a row of the table for images with one tight box (4,) each."""
    boxes, others, seconds = [], 0, []
    for image, own in zip(images, tight, strict=True):
        began = time.process_time()
        found = detector.detect(image)
        seconds.append(time.process_time() - began)
        boxes.append(chosen(detector, found.boxes, own, scheme))
        others += len(found.boxes) - int(np.isfinite(boxes[-1]).all())
    boxes = np.array(boxes)
    there = np.isfinite(boxes).all(axis=1)
    off = off_by(boxes[there], tight[there]) if there.any() else np.full((1, 4), np.nan)
    mean, spread = off.mean(axis=0), off.std(axis=0)
    pairs = " | ".join(f"{100 * m:+.0f} ± {100 * s:.0f}" for m, s in zip(mean, spread, strict=True))
    iou = np.median(box_iou(boxes[there], tight[there])) if there.any() else np.nan
    return (
        f"{100 * there.mean():.0f} % of {len(tight)} | {others} | {iou:.2f} | {pairs} | {1000 * np.median(seconds):.0f}"
    )


def cut(image, box, side):
    """Return the square around a tight box with `side` times its longer side, as far as the image goes, and the box."""
    centre, half = (box[:2] + box[2:]) / 2, side * (box[2:] - box[:2]).max() / 2
    low = np.maximum(np.round(centre - half), 0).astype(int)
    high = np.round(centre + half).astype(int)
    return np.ascontiguousarray(image[low[1] : high[1], low[0] : high[0]]), box - np.tile(low, 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=100)
    parser.add_argument("--detector", nargs="+", default=["dlib-hog", "haar"])
    parser.add_argument("--sets", nargs="+", help="words in the names of the sets; default all")
    other = parser.add_mutually_exclusive_group()
    other.add_argument("--crops", action="store_true", help="tighter and padded crops of HELEN's faces instead")
    other.add_argument("--tilted", action="store_true", help="HELEN's faces turned to either side instead")
    args = parser.parse_args()
    cv2.setNumThreads(1)
    root = data_root(None)
    detectors = {name: make_detector(name) for name in args.detector}
    if args.crops:
        _, faces = next(iter(sets(root, args.faces)))
        tight = tight_box(faces.landmarks)
        whole = [faces.images[i] for i in range(len(faces))]
        kinds = {f"{side} faces wide": [cut(*one, side) for one in zip(whole, tight, strict=True)] for side in SIDES}
        padded = [np.pad(one, [(200,) * 2, (200,) * 2, (0, 0)], mode="edge") for one in whole]
        kinds["as it is, and 200 px of its border around"] = list(zip(padded, tight + 200, strict=True))
        for kind, pairs in kinds.items():
            images, boxes = [one for one, _ in pairs], np.array([box for _, box in pairs])
            for name, detector in detectors.items():
                print(f"| {kind} | {name} | {measure(detector, images, boxes, faces.scheme)} |", flush=True)
        return
    if args.tilted:
        _, faces = next(iter(sets(root, args.faces)))
        for strength in (2, 3, 4, 5):
            seen = harmed(faces, (("rotation", strength),))
            for name, detector in detectors.items():
                row = measure(detector, list(seen.images), tight_box(seen.landmarks), faces.scheme)
                print(f"| tilted by {amount('rotation', strength):g} degrees | {name} | {row} |", flush=True)
        return
    for title, faces in sets(root, args.faces):
        if args.sets and not any(word in title for word in args.sets):
            continue
        tight = tight_box(faces.landmarks).reshape(-1, 4)
        images = [faces.images[i] for i in range(len(faces))]
        for name, detector in detectors.items():
            print(f"| {title} | {name} | {measure(detector, images, tight, faces.scheme)} |", flush=True)


if __name__ == "__main__":
    main()
