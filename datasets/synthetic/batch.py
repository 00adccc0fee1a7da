"""Render many faces in several processes."""

import numpy as np

from fldbench.datasets.synthetic.sample import DEFAULT_SIZE, face_image

CHUNK = 64  # faces per task: a task takes some tenths of a second, so the cost of its start is negligible


def _render(seed, indices, size):
    import cv2

    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)  # the processes already use all cores
    try:
        return np.stack([face_image(seed, int(i), size) for i in indices])
    finally:
        cv2.setNumThreads(threads)


def render_faces(seed, indices, size=DEFAULT_SIZE, jobs=1):
    """Return the pictures of faces `indices` of the stream `seed`, in that order.

    Parameters
    ----------
    seed : int
        One of `SEEDS` of the dataset: train 1, test 2.
    indices : sequence of int
        Numbers of the faces.
    size : int
        Side of each picture, px.
    jobs : int
        Number of processes; the bytes are the same for any number.

    Returns
    -------
    (n, size, size, 3) array of uint8
        RGB; 77 kB per face at 160 px.

    Examples
    --------
    >>> render_faces(1, [4, 9], 64).shape
    (2, 64, 64, 3)
    """
    from joblib import Parallel, delayed

    parts = [indices[i : i + CHUNK] for i in range(0, len(indices), CHUNK)]
    done = Parallel(n_jobs=jobs)(delayed(_render)(seed, part, size) for part in parts)
    return np.concatenate(done) if done else np.zeros((0, size, size, 3), np.uint8)
