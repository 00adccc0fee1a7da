"""Faces of five points, drawn: what a method of patches and pixels can learn in a second."""

import numpy as np

from fldbench.faces import FaceSet, ImageArrays
from fldbench.geometry import jitter_box, tight_box


def drawn_faces(n, seed=0):
    """Faces of five points: eyes are discs, the nose a blob, the mouth a bar between its corners. 3 images are grey."""
    import cv2

    rng = np.random.default_rng(seed)
    base = np.array([[70.0, 60], [130, 60], [100, 95], [75, 130], [125, 130]])
    landmarks = base + rng.normal(0, 5, (n, 5, 2)) + rng.normal(0, 8, (n, 1, 2))
    images = []
    for points in landmarks:
        image = np.full((190, 200, 3), 190, np.uint8)
        at = [tuple(round(v * 16) for v in p) for p in points.tolist()]
        for eye in at[:2]:
            cv2.circle(image, eye, 8 * 16, (40, 30, 60), -1, cv2.LINE_AA, 4)
        cv2.circle(image, at[2], 5 * 16, (120, 60, 60), -1, cv2.LINE_AA, 4)
        cv2.line(image, at[3], at[4], (150, 20, 20), 5, cv2.LINE_AA, 4)
        images.append(image)
    ids = np.array([f"{seed}-{i}" for i in range(n)])
    return FaceSet(ids, ImageArrays(images), tight_box(landmarks), landmarks, "mtfl-5", name="drawn")


def error(method, faces):
    """Mean distance in sides of the box."""
    distances = np.linalg.norm(method.predict(faces.images, faces.boxes) - faces.landmarks, axis=2)
    return (distances.mean(axis=1) / np.ptp(faces.boxes[:, ::2], axis=1)).mean()


def jittered(faces, seed=9):
    rng = np.random.default_rng(seed)
    return faces.with_boxes(np.array([jitter_box(box, rng) for box in faces.boxes]))
