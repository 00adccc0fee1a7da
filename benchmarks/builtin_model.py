"""Train the model in the wheel on synthetic faces alone, and measure it; see results/builtin/README.md.

    python benchmarks/builtin_model.py train [--work runs/builtin]      render, fit, save; write the file of the package
    python benchmarks/builtin_model.py validate MODEL...                on training faces of 300-W, to choose by
    python benchmarks/builtin_model.py measure [--work runs/builtin]    the table: HELEN's test faces
    python benchmarks/builtin_model.py mapped       with real labels: its points mapped linearly to the annotators'

`train` needs no data and continues where it was interrupted. The others read real faces from FLDBENCH_DATA.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

import numpy as np

import fldbench
from fldbench.baselines.parts.out_of_fold import answers_in_parts
from fldbench.baselines.parts.ridge import NormalEquations, choose_ridge, with_constant
from fldbench.builtin import FILE
from fldbench.compact import WEIGHTS
from fldbench.datasets.synthetic.batch import render_faces
from fldbench.datasets.synthetic.dataset import SEEDS
from fldbench.faces import ImageArrays
from fldbench.geometry import tight_box
from fldbench.method import predict_checked
from fldbench.shapes import from_box_frame, to_box_frame

FACES = 8000
STRETCH, LARGEST_STRETCH = 0.07, 0.15  # of heights, in logarithms: the heads of real people differ more in them
PARAMS = {
    "width": 16,
    "head": 48,
    "size": 96,
    "channels": 1,
    "epochs": 16,
    "augmentation": {
        "preset": "standard",
        "rotation": 25.0,
        "scale": 0.15,
        "shift": 0.07,
        "brightness": 0.2,
        "contrast": 0.5,
        "blur": 1.5,
        "blur_share": 0.3,
        "noise": 12.0,
        "noise_share": 0.3,
        "jpeg": 30,
        "jpeg_share": 0.3,
        "blocks": 3,
        "block_side": 0.4,
        "block_share": 0.4,
    },
    "training": {"precision": "bf16-mixed"},
}
# The second training begins from the first, with pictures of another style and other heights of the parts of a face.
SECOND = {"epochs": 16, "learning_rate": 2e-3}
# In prediction: chosen on training faces of 300-W, where crops a little tighter than in training were better.
PREDICTION = {"flip_test": True, "padding": 0.05}
STORED = "int8"  # in the package
VALIDATION = 300  # training faces of 300-W, drawn once
MAP_RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)  # of the map to the points of annotators
BOXES = ("tight", "jittered:0.10", "detected:dlib-hog")


def stretched(image, points, rows, factors):
    """Return image and points with the heights of the parts between some rows of pixels times `factors`."""
    import cv2

    edges = [0, *rows, len(image)]
    parts, ends = [], [0]
    for low, high, factor in zip(edges[:-1], edges[1:], factors, strict=True):
        height = max(round((high - low) * factor), 1)
        kind = cv2.INTER_AREA if height < high - low else cv2.INTER_LINEAR
        parts.append(cv2.resize(image[low:high], (image.shape[1], height), interpolation=kind))
        ends.append(ends[-1] + height)
    moved = np.interp(points[:, 1] + 0.5, edges, ends) - 0.5
    beyond = points[:, 1] + 0.5 > edges[-1]
    moved[beyond] = ends[-1] - 0.5 + (points[beyond, 1] + 0.5 - edges[-1]) * factors[-1]
    return np.concatenate(parts), np.column_stack([points[:, 0], moved])


def restyled(image, rng):
    """Return a picture as another camera, light and skin would give it, grey: looks that the renderer lacks."""
    import cv2

    h, w = image.shape[:2]
    grey = (image @ rng.dirichlet((2, 2, 2))).astype(np.float32) / 255  # each skin, lip and iris gets other greys
    grey = grey ** np.exp(rng.uniform(-0.6, 0.6))
    y, x = np.mgrid[-1 : 1 : h * 1j, -1 : 1 : w * 1j].astype(np.float32)
    across, down = rng.uniform(-0.6, 0.6, 2)
    light = across * x + down * y
    for cell in (2, 4, 8, 16, 32):  # blotches of every size
        rough = rng.normal(0, rng.uniform(0, 0.08), (-(-h // cell), -(-w // cell))).astype(np.float32)
        light += cv2.resize(rough, (w, h), interpolation=cv2.INTER_CUBIC)
    grey = grey * np.exp(light)
    if rng.random() < 0.5:
        grey += rng.uniform(0.3, 2.0) * (grey - cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.7, 3.0)))
    grey = np.clip(255 * grey, 0, 255).astype(np.uint8)
    if rng.random() < 0.3:
        grey = cv2.createCLAHE(rng.uniform(1, 4), (4, 4)).apply(grey)
    return np.repeat(grey[..., None], 3, axis=2)


def rendered(work, n):
    """Return n synthetic training faces, whose pictures are kept in `work`."""
    kept = work / f"faces-{n}.npy"
    if not kept.exists():
        np.save(kept, render_faces(SEEDS["train"], range(n)))
    faces = fldbench.load_dataset("synthetic", split="train", faces=n)
    return replace(faces, images=ImageArrays(np.load(kept)))


def first_faces(faces):
    """Return the faces with their heights stretched."""
    logs = np.clip(np.random.default_rng(0).normal(0, STRETCH, len(faces)), -LARGEST_STRETCH, LARGEST_STRETCH)
    return changed(
        faces, [stretched(*face, (), [f]) for *face, f in zip(faces.images, faces.landmarks, np.exp(logs), strict=True)]
    )


def second_faces(faces):
    """Return the faces with their upper and lower parts stretched, and in another style."""
    pairs = []
    for i, (image, points) in enumerate(zip(faces.images, faces.landmarks, strict=True)):
        rng = np.random.default_rng([1, i])
        rows = np.clip(np.rint(points[[27, 33], 1]), [8, 40], [len(image) - 40, len(image) - 8]).astype(int).tolist()
        factors = np.exp(np.clip(rng.normal(0, STRETCH, 3), -LARGEST_STRETCH, LARGEST_STRETCH))
        if rows[0] + 4 > rows[1]:  # a head that is bent far forward or back
            rows, factors = rows[1:], factors[1:]
        image, points = stretched(image, points, rows, factors)
        pairs.append((restyled(image, rng), points))
    return changed(faces, pairs)


def changed(faces, pairs):
    landmarks = np.array([points for _, points in pairs])
    images = ImageArrays([image for image, _ in pairs])
    return replace(faces, images=images, landmarks=landmarks, boxes=tight_box(landmarks))


def train(work, n):
    work.mkdir(parents=True, exist_ok=True)
    first = work / "first.safetensors"
    faces = rendered(work, n)
    if not first.exists():
        fldbench.make_method("fld-net", **PARAMS).fit(first_faces(faces), folder=work / "training").save(first)
    second = fldbench.make_method("fld-net", **PARAMS | SECOND, weights=str(first))
    second.fit(second_faces(faces), folder=work / "training-2")
    second.weights = None  # what it began with is in it
    for name, value in PREDICTION.items():
        setattr(second, name, value)
    for weights in WEIGHTS:
        print(second.save(work / f"{weights}.safetensors", weights))
    print(second.save(FILE, STORED))


def validate(paths):
    """Print the NME on some training faces of 300-W with each kind of boxes: what is chosen is chosen on these."""
    faces = fldbench.load_dataset("300w", split="train")
    faces = faces[np.sort(np.random.default_rng(0).permutation(len(faces))[:VALIDATION])]
    faces = replace(faces, images=ImageArrays(list(faces.images)))
    scale = np.linalg.norm(faces.landmarks[:, 36] - faces.landmarks[:, 45], axis=1)
    for path in paths:
        points = fldbench.load_method(path).predict(faces.images, faces.boxes)
        errors = 100 * np.linalg.norm(points - faces.landmarks, axis=2) / scale[:, None]
        regions = fldbench.get_scheme(faces.scheme).regions.items()
        parts = {name: round(float(errors[:, list(part)].mean()), 2) for name, part in regions}
        print(json.dumps({"model": str(path), "nme": round(float(errors.mean()), 2)} | parts))


def measure(work):
    """Print the table of results/builtin: bytes and NME of each way to store the weights, with each kind of boxes."""
    names = [f"300w-helen@boxes={boxes}" for boxes in BOXES]
    split = fldbench.load_dataset("300w", split="test")
    print("| weights | bytes | " + " | ".join(f"NME %, {boxes}" for boxes in BOXES) + " | largest change, px |")
    print("|---|" + "---:|" * (2 + len(BOXES)))
    first = None
    for weights in WEIGHTS:
        path = work / f"{weights}.safetensors"
        model, cells = fldbench.load_method(path), []
        for name in names:
            protocol = fldbench.get_protocol(name)
            faces = protocol.select(split)
            answers = predict_checked(model, faces.images, faces.boxes, 68)
            found = protocol.score(answers, faces).metrics
            missed = int(np.isnan(answers).any(axis=(1, 2)).sum())
            cells.append(f"{found['nme']:.2f} (FR@10% {found['fr10']:.1f}" + (f", {missed} missed)" if missed else ")"))
            if name == names[0]:
                first = answers if first is None else first
                change = float(np.abs(answers - first).max())
        print(f"| {weights} | {path.stat().st_size:,} | {' | '.join(cells)} | {change:.2f} |", flush=True)


def mapped():
    """Print the table of results/builtin with real labels: the model's points mapped to the annotators', linearly.

    The map is a ridge regression in the frame of the tight box of the model's points, learned on the 2,012 training
    faces of 300-W with tight boxes. Its ridge errs least on training faces that are left out.
    """
    model = fldbench.load_method("builtin")
    train = fldbench.load_dataset("300w", split="train")
    answers = np.concatenate(list(answers_in_parts(model, train)))
    inputs, targets = in_own_box(answers, answers), in_own_box(train.landmarks, answers)
    sums = NormalEquations(inputs.shape[1], targets.shape[1], np.float64)
    sums.add(inputs, targets)
    ones = np.ones((len(inputs), 1))
    solution, ridge = choose_ridge(sums, inputs[:, None], targets[:, None], ones, MAP_RIDGES)
    print(f"{len(train)} faces, ridge {ridge:g}")
    split = fldbench.load_dataset("300w", split="test")
    for boxes in BOXES:
        protocol = fldbench.get_protocol(f"300w-helen@boxes={boxes}")
        faces = protocol.select(split)
        answers = predict_checked(model, faces.images, faces.boxes, 68)
        there = np.isfinite(answers).all(axis=(1, 2))
        moved = with_constant(in_own_box(answers[there], answers[there]), np.float64) @ solution.coefficients
        after = answers.copy()
        after[there] = from_box_frame(moved.reshape(-1, 68, 2), tight_box(answers[there]))
        before, found = (protocol.score(some, faces).metrics for some in (answers, after))
        print(
            f"{boxes}: {before['nme']:.2f} -> {found['nme']:.2f}, FR@8% {found['fr08']:.1f}, FR@10% {found['fr10']:.1f}"
        )


def in_own_box(points, answers):
    """Return points (n, 68, 2) px in the frames of the tight boxes of answers, (n, 136)."""
    return to_box_frame(points, tight_box(answers)).reshape(len(points), -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("train", "validate", "measure", "mapped"))
    parser.add_argument("models", nargs="*")
    parser.add_argument("--work", type=Path, default=Path("runs/builtin"))
    parser.add_argument("--faces", type=int, default=FACES)
    args = parser.parse_args()
    if args.what == "train":
        return train(args.work, args.faces)
    if args.what == "mapped":
        return mapped()
    return measure(args.work) if args.what == "measure" else validate(args.models)


if __name__ == "__main__":
    main()
