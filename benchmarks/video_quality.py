"""Jitter, lag and recovery of a model on clips of the synthetic head, with and without smoothing.

    python benchmarks/video_quality.py MODEL.safetensors... [--faces 3] [--detector dlib-hog] [--sheet out.png]

The clips are those of the dataset synthetic-video, with the frames in which the head is out of sight.
`--sheet` draws the clip "shake" of the first face, raw points red and smoothed ones green. NME and jitter are in % of
the distance between the outer eye corners, lag and recovery in ms.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np

from fldbench.datasets.synthetic.motion import GAP, MOTIONS, motion_clip
from fldbench.datasets.synthetic.video import RATE, SECONDS, SIZE
from fldbench.detector import make_detector
from fldbench.media.draw import draw_landmarks, write_png
from fldbench.media.smooth import OneEuro
from fldbench.media.temporal import jitter, lag, recovery
from fldbench.media.track import Tracker
from fldbench.method import load_method

SMOOTHING = {
    "none": None,
    "one-euro, beta 0": partial(OneEuro, beta=0.0),
    "one-euro": OneEuro,
    "one-euro, beta 100": partial(OneEuro, beta=100.0),
}
GOOD = 1.5  # times the median error before the loss: a face is found again
SEED = 2


def answers(model, detector, frames):
    """Return the landmarks of each frame before smoothing, (n, L, 2) px, NaN where no face is shown."""

    def detect(image):
        boxes, scores = detector.detect(image)
        return detector.tight_boxes(boxes, model.fitted_on.scheme), scores

    tracker = Tracker(detect, lambda image, boxes: model.predict([image] * len(boxes), boxes), smoothing=None)
    out = np.full((len(frames), *frames[0].landmarks.shape), np.nan)
    for row, frame in enumerate(frames):
        tracks = tracker.step(frame.image, frame.time)
        if tracks:
            out[row] = tracks[0].landmarks
    return out


def smoothed(raw, frames, make):
    """Return what a filter makes of them: smoothing never changes what is tracked, so it can come afterwards."""
    if make is None:
        return raw
    smooth = make()
    sizes = np.ptp(raw, axis=1).max(axis=1)
    return np.stack([smooth(one, frame.time, size) for one, frame, size in zip(raw, frames, sizes, strict=True)])


def measured(motion, shown, frames):
    """Return what a motion is for: jitter in %, lag in ms, seconds to recover in ms; and the NME in %."""
    truth, times = np.stack([one.landmarks for one in frames]), np.array([one.time for one in frames])
    eyes = np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)
    errors = np.linalg.norm(shown - truth, axis=2).mean(axis=1) / eyes
    numbers = {f"nme {motion}": 100 * np.nanmean(errors)}
    if motion == "still":
        numbers["jitter"] = 100 * jitter(shown, float(np.nanmean(eyes)))
    elif motion == "away":
        later = times >= GAP[1]
        good = GOOD * np.nanmedian(errors[times < GAP[0]])
        numbers["recovery"] = 1000 * recovery(errors[later], times[later], GAP[1], good)
    else:
        numbers[f"lag {motion}"] = 1000 * lag(shown, truth, times)
    return numbers


def write_sheet(path, raw, shown, frames):
    """Draw every tenth frame with the raw points in red and the smoothed ones in green."""
    from fldbench.media.draw import contact_sheet

    drawn = [
        draw_landmarks(draw_landmarks(frame.image, one, colour=(255, 60, 60)), other, colour=(0, 255, 0))
        for frame, one, other in zip(frames, raw, shown, strict=True)
    ]
    print(write_png(path, contact_sheet(drawn[::10], columns=4, cell=320)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--faces", type=int, default=3)
    parser.add_argument("--stream", type=int, default=SEED)
    parser.add_argument("--detector", default="dlib-hog")
    parser.add_argument("--sheet", type=Path)
    given = parser.parse_args()
    detector = make_detector(given.detector)
    clips = {
        (motion, face): list(motion_clip(motion, given.stream, face, SECONDS, RATE, SIZE))
        for motion in MOTIONS
        for face in range(given.faces)
    }
    for path in given.models:
        model = load_method(path)
        model._boxes_seen = None  # boxes from landmarks are tight, whatever it learned on
        found = {key: answers(model, detector, frames) for key, frames in clips.items()}
        print(f"\n{model.label}\n")
        head: list[str] = []
        for name, make in SMOOTHING.items():
            numbers: dict[str, list[float]] = {}
            for key, frames in clips.items():
                shown = smoothed(found[key], frames, make)
                for what, number in measured(key[0], shown, frames).items():
                    numbers.setdefault(what, []).append(number)
                if given.sheet and key == ("shake", 0) and make is OneEuro:
                    write_sheet(given.sheet, found[key], shown, frames)
            if not head:
                head = list(numbers)
                print("| smoothing | " + " | ".join(head) + " |\n|---|" + "---:|" * len(head))
            print(f"| {name} | " + " | ".join(f"{np.mean(numbers[what]):.2f}" for what in head) + " |", flush=True)


if __name__ == "__main__":
    main()
