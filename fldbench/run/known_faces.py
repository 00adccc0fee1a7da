"""The truth of the faces behind records, read from their datasets.

Records keep predictions and no truth: annotation belongs to a dataset and its licence, and a folder of records may be
published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from fldbench.dataset import Roots
from fldbench.errors import DataError, FldbenchError, StoreError, text_of
from fldbench.faces import FaceSet
from fldbench.faces.images import encode_image
from fldbench.geometry import box_centre, box_size, tight_box
from fldbench.protocols import Protocol, varied
from fldbench.protocols.landmark_errors import landmark_errors
from fldbench.records.kept_faces import read_arrays
from fldbench.records.known_faces import KnownFaces, Square
from fldbench.records.record import Record
from fldbench.records.store import read_record, record_folders
from fldbench.run.data import SuiteData
from fldbench.schemes import Scheme, get_scheme

PICTURE = 192  # px, the side of a picture of a face
QUALITY = 80  # of its JPEG


def known_faces(
    folders: Sequence[str | Path], data: Roots = None, pictures: bool = False
) -> tuple[dict[str, KnownFaces], list[str]]:
    """Return the hash of a protocol -> the faces of its records; and a line for each protocol whose data are absent.

    Parameters
    ----------
    folders : sequence of str or Path
        Output folders of `run` or `evaluate`.
    data : str, Path or dict, optional
        The data root, or roots by the names of datasets: see `load_dataset`.
    pictures : bool
        Give the parts of images around faces too. Whether they may be shown is a question of the dataset's licence.
    """
    places: dict[str, list[tuple[Record, Path]]] = {}
    for place in (place for folder in folders for place in record_folders(Path(folder))):
        try:
            record = read_record(place)
        except StoreError:
            continue  # the leaderboard names it
        if record.status == "ok" and not record.edited and record.arrays_sha256:
            places.setdefault(record.protocol.hash, []).append((record, place))
    loaded = SuiteData(data)
    found, notes = {}, []
    for digest, kept in places.items():
        protocol = kept[0][0].protocol
        try:
            faces = loaded.test(protocol).of(protocol)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # the code of a reader may raise anything
            notes.append(f"{protocol.name}: {text_of(error)}")
            continue
        found[digest] = _known(protocol, faces, _official(protocol, loaded), kept, pictures)
    return found, notes


def _official(protocol: Protocol, loaded: SuiteData) -> FaceSet | None:
    """Return the faces with the dataset's own boxes; None where it has none."""
    try:
        rules = varied(protocol, "boxes=official")
        return loaded.test(rules).of(rules)
    except FldbenchError:
        return None


def _known(
    protocol: Protocol,
    faces: FaceSet,
    official: FaceSet | None,
    kept: Sequence[tuple[Record, Path]],
    pictures: bool,
) -> KnownFaces:
    scheme, truth = get_scheme(protocol.scheme), faces.landmarks
    boxes = tight_box(truth)
    unit = (truth - box_centre(boxes)[:, None]) / box_size(boxes).max(axis=1)[:, None, None] + 0.5
    return KnownFaces(
        ids=faces.ids,
        landmarks=truth,
        edges=scheme.edges,
        names=scheme.names or _numbered(scheme),
        mean_face=np.nanmean(unit, axis=0),
        point_errors={record.key: _of_points(protocol, faces, place) for record, place in kept},
        faces=faces,
        official=official,
        picture=_pictures(faces) if pictures else None,
    )


def _numbered(scheme: Scheme) -> tuple[str, ...]:
    """Return the points by the parts of the face and their numbers, such as `left eye 36`."""
    part_of = {point: part for part, points in scheme.regions.items() for point in points}
    return tuple(f"{part_of[point].replace('_', ' ')} {point}" for point in range(scheme.n_points))


def _of_points(protocol: Protocol, faces: FaceSet, place: Path) -> np.ndarray:
    """Return the mean error of each point, (L,), over the faces that were found; NaN without predictions."""
    arrays = read_arrays(place / "faces.npz", ("ids", "predictions"))
    nothing = np.full(faces.landmarks.shape[1], np.nan)
    if not {"ids", "predictions"} <= arrays.keys():
        return nothing
    row_of = {face: row for row, face in enumerate(faces.ids.tolist())}
    kept = [i for i, face in enumerate(arrays["ids"].tolist()) if face in row_of]
    rows = np.array([row_of[face] for face in arrays["ids"][kept].tolist()], int)
    if not len(rows) or arrays["predictions"].shape[1:] != faces.landmarks.shape[1:]:
        return nothing
    errors = landmark_errors(protocol, arrays["predictions"][kept], faces[rows])
    counted = np.isfinite(errors)
    totals = np.where(counted, errors, 0.0).sum(axis=0)
    return np.divide(totals, counted.sum(axis=0), out=nothing, where=counted.any(axis=0))


def _pictures(faces: FaceSet) -> Callable[[int, Square], tuple[str, bytes] | None]:
    def picture(row: int, part: Square) -> tuple[str, bytes] | None:
        import cv2

        try:
            image = faces.images[row]
        except DataError:
            return None
        scale = PICTURE / part.side
        # The part begins at the outer edge of the picture's first pixel, whose centre is at (0, 0).
        moved = np.array([[scale, 0, -part.x * scale - 0.5], [0, scale, -part.y * scale - 0.5]])
        kind = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        drawn = cv2.warpAffine(image, moved, (PICTURE, PICTURE), flags=kind, borderValue=(128, 128, 128))
        return "image/jpeg", encode_image(drawn, ".jpg", QUALITY)

    return picture
