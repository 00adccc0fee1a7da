"""An environment with a mediapipe of ours, which sees a mesh of 478 points on every rectangle of certain colours."""

import os
import sys
import venv
from pathlib import Path

import numpy as np

COLOURS = (200, 210, 220)  # the red of a face; each face of a photo has another one
MESH = f"""
import sys
from types import SimpleNamespace
import numpy as np

class FaceMesh:
    def __init__(self, static_image_mode, max_num_faces, refine_landmarks):
        assert static_image_mode and refine_landmarks and max_num_faces > 1
        self.unit = np.random.default_rng(0).random((478, 2))
        self.unit[[162, 389]] = (0, 0), (1, 1)  # ends of the jaw: the listed points reach from corner to corner

    def process(self, photo):
        print("what a library prints is no answer")
        assert photo.dtype == np.uint8 and photo.shape[2] == 3
        if tuple(photo[0, 0]) == (9, 9, 9):
            sys.exit("a crash of the library")
        h, w, _ = photo.shape
        faces = []
        for colour in {COLOURS}:
            y, x = np.nonzero(photo[:, :, 0] == colour)
            if len(x):
                low, high = np.array([x.min(), y.min()]), np.array([x.max() + 1, y.max() + 1])
                points = ((low + self.unit * (high - low)) / (w, h)).tolist()
                faces.append(SimpleNamespace(landmark=[SimpleNamespace(x=x, y=y, z=x) for x, y in points]))
        return SimpleNamespace(multi_face_landmarks=faces or None)
"""
UNIT = np.random.default_rng(0).random((478, 2))
UNIT[[162, 389]] = (0, 0), (1, 1)


def make_environment(folder: Path, version: str = "0.10.21", models: bool = True, mesh: str = MESH) -> str:
    """Return the path of a Python that has such a mediapipe, and numpy."""
    venv.create(folder, symlinks=True, with_pip=False)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "numpy.pth").write_text(str(Path(np.__file__).parents[1]))
    package = site / "mediapipe"
    for part in ("python/solutions", "modules/face_landmark"):
        (package / part).mkdir(parents=True)
    for part in ("", "python", "python/solutions"):
        (package / part / "__init__.py").touch()
    (package / "python/solutions/face_mesh.py").write_text(mesh)
    if models:
        (package / "modules/face_landmark/face_landmark_with_attention.tflite").touch()
    (site / f"mediapipe-{version}.dist-info").mkdir()
    (site / f"mediapipe-{version}.dist-info/METADATA").write_text(f"Name: mediapipe\nVersion: {version}\n")
    return str(folder / "bin" / os.path.basename(sys.executable))
