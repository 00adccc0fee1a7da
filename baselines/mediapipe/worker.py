"""Runs MediaPipe's face mesh in an environment of its own: photos come in on stdin, points go out on stdout.

It is started as a script, by a Python that has mediapipe and need not have fldbench, so it uses nothing else of it.

A photo is a line of JSON, `{"shape": [h, w, 3]}`, and its h w 3 bytes, RGB. The answer to it is a line,
`{"faces": k}`, and k x 478 x 3 numbers of 32 bits, little-endian: x, y and depth in px of the photo, the centre of the
first pixel at (0, 0). The first line of all says which mediapipe it is, or with `error` why there is none.
"""

from __future__ import annotations

import json
import os
import sys
from importlib import metadata
from importlib.util import find_spec
from typing import Any

POINTS = 478
MESH = "modules/face_landmark/face_landmark_with_attention.tflite"  # of 478 points; newer wheels have no models
MOST_FACES = 16  # of one photo


def facts() -> dict[str, Any]:
    """Return the version of the mediapipe that is installed, or as `error` what is missing; nothing is imported."""
    spec = find_spec("mediapipe")
    if spec is None or not spec.submodule_search_locations:
        return {"error": "it has no package mediapipe"}
    version = metadata.version("mediapipe")
    if not os.path.isfile(os.path.join(spec.submodule_search_locations[0], MESH)):
        return {"error": f"its mediapipe {version} has no {MESH}"}
    return {"mediapipe": version}


def serve(photos: Any, answers: Any) -> None:
    """Answer photo after photo until `photos` ends; both are binary streams."""
    import numpy as np

    found = facts()
    try:
        if "error" not in found:
            from mediapipe.python.solutions.face_mesh import FaceMesh

            mesh = FaceMesh(static_image_mode=True, max_num_faces=MOST_FACES, refine_landmarks=True)
    except Exception as error:  # whatever its packages raise
        found = {"error": f"its mediapipe cannot be imported ({type(error).__name__}: {error})"}
    _say(answers, found)
    if "error" in found:
        return
    for line in iter(photos.readline, b""):
        h, w, _ = shape = json.loads(line)["shape"]
        photo = np.frombuffer(photos.read(h * w * 3), np.uint8).reshape(shape)
        faces = mesh.process(photo).multi_face_landmarks or []
        points = np.array([[(p.x, p.y, p.z) for p in face.landmark] for face in faces], float).reshape(
            len(faces), POINTS, 3
        )
        _say(answers, {"faces": len(faces)}, (points * (w, h, w) - (0.5, 0.5, 0.0)).astype("<f4").tobytes())


def _say(answers: Any, head: dict[str, Any], body: bytes = b"") -> None:
    answers.write(json.dumps(head).encode() + b"\n" + body)
    answers.flush()


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, where a file may have the name of a module that mediapipe imports
    if sys.argv[1:] == ["--version"]:
        _say(sys.stdout.buffer, facts())
    else:
        out = os.fdopen(os.dup(1), "wb")
        os.dup2(2, 1)  # what mediapipe prints is no answer
        serve(sys.stdin.buffer, out)
