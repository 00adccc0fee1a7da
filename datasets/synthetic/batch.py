"""Many faces at once, rendered by several processes."""

import numpy as np

from fldbench.datasets.synthetic.sample import DEFAULT_SIZE, face_image

CHUNK = 64  # faces a task: some tenths of a second, so that starting one costs nothing


def _render(seed, indices, size):
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the processes share the cores already
    try:
        return np.stack([face_image(seed, int(i), size) for i in indices])
    finally:
        cv2.setNumThreads(threads)


def render_faces(seed, indices, size=DEFAULT_SIZE, jobs=1):
    """Pictures of faces `indices` of the stream `seed` (`SEEDS` of the dataset: train 1, test 2), in that order.

    Returns (n, size, size, 3) uint8 RGB, 77 kB a face at 160 px; the same bytes for any `jobs`, the number of
    processes.

    >>> render_faces(1, [4, 9], 64).shape
    (2, 64, 64, 3)
    """
    from joblib import Parallel, delayed

    parts = [indices[i : i + CHUNK] for i in range(0, len(indices), CHUNK)]
    done = Parallel(n_jobs=jobs)(delayed(_render)(seed, part, size) for part in parts)
    return np.concatenate(done) if done else np.zeros((0, size, size, 3), np.uint8)
