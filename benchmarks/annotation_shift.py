"""How far do the points of MTFL's two parts lie beside the faces? A referee that knows neither of them looks at both.

    python benchmarks/annotation_shift.py

FLDBENCH_DATA names the folder of the real faces. A hog-ridge is fitted to 300-W's 68 points. On frontal faces of
MTFL, in boxes that begin from the true points and then follow its own answers, the means of its eyes, its nose tip
and its mouth corners are compared with MTFL's points. What all points have in common is the shift of the annotation,
as 300-W's annotators would see it: of interest is the difference between the parts.
"""

from __future__ import annotations

import warnings

import numpy as np

from fldbench import load_dataset, make_method

FRONTAL = 2  # the code of MTFL's pose
ROUNDS = 3  # in which the box follows the answers
EVERY = {"train": 14, "test": 2}  # faces taken of each part, about 500


def main() -> None:
    """Print the shift of each part."""
    warnings.simplefilter("ignore")  # of boxes unlike those of the training

    train = load_dataset("300w", split="train")[::2]
    referee = make_method("hog-ridge").fit(train)
    low, high = usual_box(train.landmarks)
    for part, step in EVERY.items():
        faces = load_dataset("mtfl", split=part)
        faces = faces[faces.attributes["pose"] == FRONTAL][::step]
        centre, size = frame_of(faces.landmarks)
        boxes = np.hstack([centre + low * size, centre + high * size])
        images = list(faces.images)
        for _ in range(ROUNDS):
            found = referee.predict(images, boxes)
            boxes = np.hstack([found.min(1), found.max(1)])
        off = (faces.landmarks - five_of(found)).mean(1)  # px, of the annotation
        eyes = np.linalg.norm(faces.landmarks[:, 0] - faces.landmarks[:, 1], axis=1)
        x, y = np.median(off, axis=0)
        share = 100 * np.median(off / eyes[:, None], axis=0)
        print(
            f"{part}: {len(faces)} faces, {np.median(eyes):.1f} px between the eyes; the annotation lies "
            f"{x:+.2f}, {y:+.2f} px ({share[0]:+.1f}, {share[1]:+.1f} % of that) off the referee"
        )


def five_of(landmarks: np.ndarray) -> np.ndarray:
    """Return eye centres, nose tip and mouth corners of 68 points: (n, 68, 2) -> (n, 5, 2)."""
    eyes = [landmarks[:, part].mean(1) for part in (slice(36, 42), slice(42, 48))]
    return np.stack([*eyes, *(landmarks[:, point] for point in (30, 48, 54))], 1)


def frame_of(five: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the centres (n, 2) of five points and their mean distance from it (n, 1), px."""
    centre = five.mean(1)
    return centre, np.linalg.norm(five - centre[:, None], axis=-1).mean(1)[:, None]


def usual_box(landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the median corners of tight boxes of 68 points, (2,) each, in the frame of five of them."""
    centre, size = frame_of(five_of(landmarks))
    corners = landmarks.min(1), landmarks.max(1)
    low, high = (np.median((corner - centre) / size, axis=0) for corner in corners)
    return low, high


if __name__ == "__main__":
    main()
