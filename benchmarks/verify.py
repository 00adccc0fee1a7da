"""Measure how many planted faults `verify` finds, and how many false alarms it raises, on real faces of 300-W.

200 faults of eight kinds, 25 each, are planted in copies of the faces in memory. Then the training set is verified
alone, and the test set against the training set. The figures are in results/verify/README.md.

    FLDBENCH_DATA=... python benchmarks/verify.py [--seeds 1 2 3]

The limits in fldbench/curate/verify were chosen on other seeds. A finding on a face without a planted fault is a false
alarm, unless the face is in REAL: faults of the unmodified data that were inspected and are true.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter, defaultdict
from dataclasses import replace

import cv2
import numpy as np

from fldbench.curate.verify import verify
from fldbench.dataset import load_dataset
from fldbench.faces import FaceSet, Images, decode_image
from fldbench.geometry import jitter_box, tight_box
from fldbench.schemes import get_scheme

EACH = 25
FAULTS = {
    "image cut off": {"image"},
    "point far outside": {"points"},
    "numbering mirrored": {"mirrored"},
    "eyes swapped": {"eyes"},
    "box shifted away": {"box"},
    "training image in test": {"duplicate"},
    "group in both splits": {"group"},
    "shape": {"shape", "picture"},
}
SHAPES = ("part shifted", "points permuted", "another face's points")
REAL = {
    "afw/4250120238_1": "point 17, the brow's outer end, lies in the hair below the eye",
    "lfpw/trainset/image_0703": "the inner lip is numbered upside down: 61 to 63 below, 65 to 67 above",
}


class Replaced(Images):
    """Images in which the rows of `files` (row -> bytes of an image file) are replaced."""

    def __init__(self, base: Images, files: dict[int, bytes]):
        self._base, self._files = base, files

    def __len__(self) -> int:
        return len(self._base)

    def encoded(self, i: int) -> bytes:
        return self._files[i] if i in self._files else self._base.encoded(i)

    def decode(self, i: int) -> np.ndarray:
        if i not in self._files:
            return self._base.decode(i)
        return decode_image(self._files[i], f"planted image {i}")

    def digest(self, i: int) -> bytes:
        return self.encoded(i)


def damage_points(how: str, face: np.ndarray, others: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the points of a face, (L, 2) px, with one fault of shape; others (n, L, 2) px can lend their points."""
    scheme = get_scheme("ibug-68")
    parts = [list(part) for part in scheme.regions.values()]
    part, moved = parts[rng.integers(len(parts))], face.copy()
    side = np.ptp(face, axis=0).max()
    if how == "part shifted":  # by 10 to 25 % of the face's size, in any direction
        moved[part] += side * rng.uniform(0.10, 0.25) * direction(rng)
    elif how == "points permuted":  # reversed, one off, or shuffled
        orders = (part[::-1], part[1:] + part[:1], rng.permutation(part).tolist())
        moved[part] = face[orders[rng.integers(len(orders))]]
    else:
        moved = others[rng.integers(len(others))].copy()
    return moved


def direction(rng: np.random.Generator) -> np.ndarray:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def copy_of(image: np.ndarray, landmarks: np.ndarray, box: np.ndarray, rng: np.random.Generator):
    """Return a training image as a copy of it may look elsewhere: resized, brighter or darker, another JPEG and box."""
    factor, gain, offset = rng.uniform(0.5, 1.3), rng.uniform(0.6, 1.4), rng.uniform(-30, 30)
    kind = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
    small = cv2.resize(image, None, fx=factor, fy=factor, interpolation=kind)
    changed = np.clip(small * gain + offset, 0, 255).astype(np.uint8)
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 91))]
    encoded = cv2.imencode(".jpg", changed[..., ::-1], quality)[1].tobytes()
    scale = np.array(small.shape[1::-1]) / image.shape[1::-1]
    place = (box.reshape(2, 2) + 0.5) * scale - 0.5
    return encoded, (landmarks + 0.5) * scale - 0.5, jitter_box(place.ravel(), rng, 0.02, 0.02)


def plant(train: FaceSet, test: FaceSet, seed: int) -> tuple[FaceSet, FaceSet, dict[str, str]]:
    """Return train and test with planted faults, and id -> fault. No face has two faults."""
    rng = np.random.default_rng(seed)
    n_train, n = len(train), len(train) + len(test)
    landmarks = np.concatenate([train.landmarks, test.landmarks])
    boxes, groups = np.concatenate([train.boxes, test.boxes]), np.concatenate([train.groups, test.groups])
    clean, ids = landmarks.copy(), np.concatenate([train.ids, test.ids])
    files: dict[int, bytes] = {}
    faults: dict[str, str] = {}
    scheme = get_scheme(train.scheme)
    mirror = list(scheme.mirror)
    eyes = [i for eye in scheme.eye_points for i in eye]
    split = n_train + rng.permutation(n - n_train)
    copies, grouped = split[:EACH], split[EACH : 2 * EACH]
    free = rng.permutation(np.setdiff1d(np.arange(n), split[: 2 * EACH]))
    chosen = {fault: [free[k] for k in range(i * EACH, (i + 1) * EACH)] for i, fault in enumerate(list(FAULTS)[:5])}
    chosen["shape"] = list(free[5 * EACH : 6 * EACH])
    sources = [row for row in free[6 * EACH :] if row < n_train]
    for row in chosen["image cut off"]:
        encoded = (train.images if row < n_train else test.images).encoded(int(row if row < n_train else row - n_train))
        files[int(row)] = encoded[: int(len(encoded) * rng.uniform(0.05, 0.95))]
    for row in chosen["point far outside"]:  # 1.5 to 4 face sizes from the face's centre
        k, size = rng.integers(scheme.n_points), np.ptp(clean[row], axis=0).max()
        landmarks[row, k] = clean[row].mean(axis=0) + size * rng.uniform(1.5, 4.0) * direction(rng)
    for row in chosen["numbering mirrored"]:
        landmarks[row] = clean[row][mirror]
    for i, row in enumerate(chosen["eyes swapped"]):  # point by mirror partner, or outline by outline in its own order
        landmarks[row, eyes] = clean[row][[mirror[k] for k in eyes] if i % 2 else eyes[6:] + eyes[:6]]
    for i, row in enumerate(chosen["shape"]):
        how = SHAPES[i % len(SHAPES)]
        landmarks[row] = damage_points(how, clean[row], clean, rng)
        faults[ids[row]] = f"shape: {how}"
    boxes = tight_box(landmarks)  # as the reader of 300-W makes them
    for row in chosen["box shifted away"]:
        size = np.tile(boxes[row, 2:] - boxes[row, :2], 1).max()
        boxes[row] += np.tile(size * rng.uniform(0.5, 1.5) * direction(rng), 2)
    for row, source in zip(copies, sources, strict=False):
        files[int(row)], landmarks[row], boxes[row] = copy_of(
            train.images[int(source)], clean[source], boxes[source], rng
        )
        faults[ids[row]] = "training image in test"
    for row, source in zip(grouped, sources[EACH:], strict=False):
        groups[row] = groups[source]
        faults[ids[row]] = "group in both splits"
    for fault in list(FAULTS)[:5]:
        faults |= {ids[row]: fault for row in chosen[fault]}
    parts = []
    for faces, rows in ((train, np.arange(n_train)), (test, np.arange(n_train, n))):
        mine = {row - int(rows[0]): content for row, content in files.items() if rows[0] <= row <= rows[-1]}
        parts.append(
            replace(
                faces,
                landmarks=landmarks[rows],
                boxes=boxes[rows],
                groups=groups[rows],
                images=Replaced(faces.images, mine),
                visible=None,
            )
        )
    return parts[0], parts[1], faults


def measure(train: FaceSet, test: FaceSet, seed: int, twice: set[str]) -> dict[str, Counter]:
    """Return fault -> counts: planted, found (its own kind), other (another kind only), missed, false (clean faces).

    `twice` are the faces that the unmodified data hold twice: a duplicate among them is no false alarm.
    """
    bad_train, bad_test, faults = plant(train, test, seed)
    found = defaultdict(set)
    for one in [*verify(bad_train), *verify(bad_test, [bad_train])]:
        if one.id and not (one.kind == "duplicate" and one.id in twice and one.id not in faults):
            found[one.id].add(one.kind)
    table = {fault: Counter() for fault in [*FAULTS, *(f"shape: {how}" for how in SHAPES), "any"]}
    for face, fault in faults.items():
        own = FAULTS["shape" if fault.startswith("shape") else fault]
        key = "found" if found[face] & own else "other" if found[face] else "missed"
        for row in {fault, "shape" if fault.startswith("shape") else fault}:
            table[row].update(["planted", key])
        table["any"].update(["planted", "missed" if not found[face] else "found"])
    for face, kinds in found.items():
        if face in faults or not kinds:
            continue
        if face in REAL:
            table["any"].update(["real"])
            continue
        table["any"].update(["false"])
        print("false alarm", seed, face, sorted(kinds))
        for fault, own in FAULTS.items():
            if kinds & own:
                table[fault].update(["false"])
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    seeds = parser.parse_args().seeds
    train, test = load_dataset("300w", None, "train"), load_dataset("300w", None, "test")
    total: dict[str, Counter] = defaultdict(Counter)
    twice = {one.id for faces in (train, test) for one in verify(faces) if one.kind == "duplicate"}
    print(f"{len(twice)} faces of the unmodified data show the picture of another one of their split")
    start = time.perf_counter()
    for seed in seeds:
        for fault, counts in measure(train, test, seed, twice).items():
            total[fault].update(counts)
    seconds = (time.perf_counter() - start) / len(seeds)
    print(f"\nseeds {seeds}, {len(train)} + {len(test)} faces, {seconds:.1f} s per seed\n")
    print("| fault | planted | found | as another kind | missed | false alarms | recall | precision |")
    print("|---|---|---|---|---|---|---|---|")
    for fault, c in total.items():
        alarms = "" if ":" in fault else c["false"]
        precision = "" if ":" in fault else f"{c['found'] / max(c['found'] + c['false'], 1):.3f}"
        recall = c["found"] / c["planted"]
        print(f"| {fault} | {c['planted']} | {c['found']} | {c['other']} | {c['missed']} | {alarms} | {recall:.3f} | "
              f"{precision} |")  # fmt: skip


if __name__ == "__main__":
    main()
