"""fldbench beside the plain loops that other repositories have, by turns in one process and on one thread.

    python benchmarks/plain_loops.py crops            the training faces of 300-W (FLDBENCH_DATA), loaded and cut to
                                                      160 px in colour for the first time; files in the system's cache
    python benchmarks/plain_loops.py score [FACES]    the errors of so many faces (default 1,000,000) of 68 points, by
                                                      the inter-ocular distance, from arrays in memory

Processor time and wall time, the least of five turns of each. Both must give the same crops to the last bit, and errors
that are equal to 12 digits. The loops over faces are given a part of them, and their time is multiplied.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

import fldbench
from fldbench.blocks import blocks
from fldbench.faces import FaceSet, ImageArrays
from fldbench.faces.crops import cached_crops

TURNS = 5
SIZE, PADDING = 160, 0.25
PARTS = ("afw", "helen/trainset", "lfpw/trainset")
BY_FACE, BY_POINT = 50_000, 5_000  # faces that the loops are given


class Cost(NamedTuple):
    """Seconds of processor time, and seconds."""

    processor: float
    wall: float


def timed(work: Callable[[], Any]) -> tuple[Cost, Any]:
    """Return what a function costs, and what it returned."""
    processor, wall = time.process_time(), time.perf_counter()
    result = work()
    return Cost(time.process_time() - processor, time.perf_counter() - wall), result


def least(costs: list[Cost]) -> Cost:
    """Return the least of each time."""
    return Cost(*map(min, zip(*costs, strict=True)))


def plain_crops(root: Path) -> np.ndarray:
    """Read the points and the photo of each face, cut out its box and a margin, and stack the crops."""
    crops = []
    for part in PARTS:
        for file in sorted((root / part).glob("*.pts")):
            words = file.read_text().partition("{")[2].partition("}")[0].split()
            points = np.array(words, float).reshape(-1, 2) - 1
            low, high = points.min(axis=0), points.max(axis=0)
            scale = SIZE / ((high - low).max() * (1 + 2 * PADDING))
            finer = max(int(1 / scale), 1)  # a crop that is much smaller than the face is averaged
            matrix = np.hstack([scale * np.eye(2), ((SIZE - 1) / 2 - scale * (low + high) / 2)[:, None]]) * finer
            matrix[:, 2] += (finer - 1) / 2
            image = cv2.imread(str(file.with_suffix(".jpg")), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION)
            image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB)
            sides = (SIZE * finer, SIZE * finer)
            crop = cv2.warpAffine(image, matrix, sides, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            crops.append(crop if finer == 1 else cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA))
    return np.stack(crops)


def plain_crops_kept(root: Path, file: Path) -> np.ndarray:
    """Do the same, and write the crops for the next time."""
    np.save(file, plain_crops(root))
    return np.load(file, mmap_mode="r")


def crops() -> None:
    """Print what the first crops of a folder cost."""
    data = os.environ.get("FLDBENCH_DATA")
    if not data:
        raise SystemExit("FLDBENCH_DATA is not set: give the folder of 300-W")
    cv2.setNumThreads(1)
    costs: dict[str, list[Cost]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(TURNS):
            own = Path(folder, str(turn))
            ways: dict[str, Callable[[], np.ndarray]] = {
                "plain loop": lambda: plain_crops(Path(data, "300w")),
                "plain loop, and np.save": lambda own=own: plain_crops_kept(
                    Path(data, "300w"), own.with_suffix(".npy")
                ),
                "fldbench": lambda own=own: (
                    cached_crops(
                        fldbench.load_dataset("300w", data, "train"), SIZE, PADDING, grey=False, cache=own
                    ).images
                ),
            }
            found = {}
            for way, work in ways.items():
                cost, found[way] = timed(work)
                costs.setdefault(way, []).append(cost)
            assert all(np.array_equal(found["fldbench"], images) for images in found.values())
    print(f"{len(found['fldbench'])} crops of {SIZE} px, equal to the last bit")
    for way, turns in costs.items():
        report(way, least(turns), least(costs["fldbench"]))


def by_face(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the errors by a loop over faces, as in HRNet's evaluation."""
    errors = np.zeros(len(truth))
    for i in range(len(truth)):
        found, wanted = predictions[i], truth[i]
        interocular = np.linalg.norm(wanted[36] - wanted[45])
        errors[i] = np.sum(np.linalg.norm(found - wanted, axis=1)) / (interocular * len(wanted))
    return errors


def by_point(predictions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return the errors by a loop over faces and points, as in SAN's evaluation and in 300-W's own script."""
    errors = np.zeros(len(truth))
    for i in range(len(truth)):
        total = 0.0
        for j in range(truth.shape[1]):
            total += np.linalg.norm(predictions[i, j] - truth[i, j])
        errors[i] = total / (truth.shape[1] * np.linalg.norm(truth[i, 36] - truth[i, 45]))
    return errors


class OneImage(ImageArrays):
    """One image that stands for all: scoring looks at none."""

    def __init__(self, n: int):
        super().__init__([np.zeros((1, 1, 3), np.uint8)])
        self.n = n

    def __len__(self) -> int:
        return self.n


def score(n: int) -> None:
    """Print what it costs to score n faces."""
    rng = np.random.default_rng(0)
    truth, found = np.empty((n, 68, 2)), np.empty((n, 68, 2), np.float32)
    for rows in blocks(n):
        truth[rows] = rng.uniform(0, 200, truth[rows].shape)
        found[rows] = truth[rows] + rng.normal(0, 3, truth[rows].shape)
    ids = np.char.mod("clip/%07d", np.arange(n))
    faces = FaceSet(ids, OneImage(n), np.tile([0.0, 0, 200, 200], (n, 1)), truth, "ibug-68")
    rules = replace(fldbench.get_protocol("300w-full"), subset=None, union_of=(), n_expected=n, ids_sha256=None)
    costs: dict[str, list[Cost]] = {}
    for _ in range(TURNS):
        cost, result = timed(lambda: rules.score(found, faces))
        costs.setdefault("fldbench: NME, FR and AUC", []).append(cost)
        for name, loop, most in (("loop over faces", by_face, BY_FACE), ("loop over points", by_point, BY_POINT)):
            few = min(most, n)
            cost, errors = timed(lambda loop=loop, few=few: loop(found[:few], truth[:few]))
            costs.setdefault(f"{name}: errors alone, {few:,} x {n / few:g}", []).append(
                Cost(*(n / few * one for one in cost))
            )
            assert np.allclose(errors, result.errors[:few], rtol=1e-12, atol=0)
    print(f"{n:,} faces, NME {result.metrics['nme']:.3f} %, errors equal to 12 digits")
    for way, turns in costs.items():
        report(way, least(turns), least(costs["fldbench: NME, FR and AUC"]))


def report(way: str, cost: Cost, own: Cost) -> None:
    """Print a line: what a way costs, and how many times what fldbench costs."""
    ratio = Cost(cost.processor / own.processor, cost.wall / own.wall)
    print(
        f"{way:<45}{cost.processor:>8.2f} s of one core, {ratio.processor:.2f} of fldbench's; "
        f"{cost.wall:.2f} s, {ratio.wall:.2f} of fldbench's",
        flush=True,
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("crops", "score"))
    parser.add_argument("faces", nargs="?", type=int, default=1_000_000)
    given = parser.parse_args()
    if given.what == "crops":
        crops()
    else:
        score(given.faces)


if __name__ == "__main__":
    main()
