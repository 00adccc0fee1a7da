"""Photos with light squares as faces, in many kinds of files, and a detector and a method that see the squares."""

import struct

import cv2
import numpy as np

from fldbench import Detector, Method

SIZE, FACE = (120, 160), 24  # height and width of a photo; the side of a face


class Squares(Detector):
    """Finds light squares."""

    licence, trained_on = "ours", "nothing"

    def find(self, image):
        mask = (image.min(axis=2) > 120).astype(np.uint8)
        n, _, stats, _ = cv2.connectedComponentsWithStats(mask)
        boxes = [(x, y, x + w - 1, y + h - 1) for x, y, w, h, area in stats[1:n].tolist() if area > 9]
        return np.array(boxes, float).reshape(-1, 4), [box[2] - box[0] for box in boxes]


class Corners(Method):
    """Answers with corners and middle of its box."""

    def fit(self, train, val=None):
        self.shape_ = np.array([[0.0, 0.0], [1.0, 0.0], [0.5, 0.5], [0.0, 1.0], [1.0, 1.0]])
        return self

    def predict(self, images, boxes):
        boxes = np.asarray(boxes, float)
        return boxes[:, None, :2] + self.shape_ * (boxes[:, 2:] - boxes[:, :2])[:, None]


def photo(*places, size=SIZE, side=FACE):
    """Return a dark photo with a light square at each (x, y)."""
    image = np.full((*size, 3), 40, np.uint8)
    for x, y in places:
        image[max(y, 0) : y + side, max(x, 0) : x + side] = 200
    return image


def write(path, image, options=()):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, image, list(options))[1].tobytes())
    return path


def with_orientation(path, orientation):
    """Put an EXIF orientation into a JPEG file."""
    tiff = b"MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, orientation, 0, 0)
    block = b"Exif\0\0" + tiff
    content = path.read_bytes()
    path.write_bytes(content[:2] + b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block + content[2:])
    return path
