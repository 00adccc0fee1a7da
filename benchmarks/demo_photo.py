"""Draw a photo of three synthetic faces, for `fldbench predict builtin` at the end of `make demo`.

python benchmarks/demo_photo.py runs/demo/photo.png
"""

import sys

import numpy as np

from fldbench.datasets.synthetic.dataset import SEEDS
from fldbench.datasets.synthetic.sample import face_image
from fldbench.media.draw import write_png

FACES, SIDE = (0, 13, 9), 240  # of the test stream; px


def main(path: str) -> None:
    print(write_png(path, np.hstack([face_image(SEEDS["test"], face, SIDE) for face in FACES])))


if __name__ == "__main__":
    main(sys.argv[1])
