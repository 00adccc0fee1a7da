"""Small files in the formats of COFW, AFLW-19, MUCT, HELEN, Menpo 2D, LaPa, JD-landmark, YouTu-88 and MERL-RAV.

Every writer takes zero-based points, as the library has them, and writes what the dataset's own release would hold.
"""

import json

import cv2
import numpy as np

RNG_SEED = 7


def some_points(n, n_points, seed=RNG_SEED):
    """(n, n_points, 2) px in 10..90, rounded so that text keeps them exactly."""
    return np.random.default_rng(seed).uniform(10, 90, (n, n_points, 2)).round(3)


def write_image(path, value=128, size=(100, 110)):
    """A plain image; the folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((*size, 3), value, np.uint8)
    path.write_bytes(cv2.imencode(path.suffix, pixels)[1].tobytes())


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def write_cofw(path, points, occluded, boxes, images, end):
    """Matlab 7.3: everything transposed, images behind references, a user block of 512 bytes in front."""
    import h5py

    path.parent.mkdir(parents=True, exist_ok=True)
    boxes = np.asarray(boxes, float)
    phi = np.concatenate([points[..., 0] + 1, points[..., 1] + 1, occluded], axis=1)
    corners = np.concatenate([boxes[:, :2] + 1, boxes[:, 2:] - boxes[:, :2]], axis=1)
    with h5py.File(path, "w", userblock_size=512) as file:
        file[f"phis{end}"] = phi.T.astype(float)
        file[f"bboxes{end}"] = corners.T
        cells = file.create_dataset(f"Is{end}", (1, len(images)), dtype=h5py.ref_dtype)
        for i, image in enumerate(images):
            cells[0, i] = file.create_dataset(f"#refs#/{i}", data=np.ascontiguousarray(image.T)).ref


def write_aflw19(path, points, visible, boxes, names, order, **changed):
    """AFLWinfo_release.mat: boxes as left, right, top, bottom; ra from 1."""
    from scipy.io import savemat

    path.parent.mkdir(parents=True, exist_ok=True)
    cells = np.empty((len(names), 1), object)
    cells[:, 0] = names
    content = {
        "bbox": np.asarray(boxes, float)[:, [0, 2, 1, 3]],
        "data": np.concatenate([points[..., 0], points[..., 1]], axis=1),
        "mask_new": np.asarray(visible, float),
        "nameList": cells,
        "ra": np.asarray(order)[None] + 1,
    }
    savemat(path, content | changed)


def muct_header():
    return ",".join(["name", "tag", *(f"{axis}{k:02d}" for k in range(76) for axis in "xy")])


def write_muct(path, names, points):
    """muct76-opencv.csv; a NaN point is written as 0,0, and the mirrored half follows as in the release."""
    rows = [muct_header()]
    for mirrored in (False, True):
        for name, face in zip(names, points, strict=True):
            shown = np.where(np.isnan(face), 0, np.abs(face - [480 * mirrored, 0]))
            own = "ir" + name[1:] if mirrored else name
            rows.append(",".join([own, "0000", *(f"{value:g}" for value in shown.ravel())]))
    write_text(path, "\n".join(rows) + "\n")


def write_helen(path, name, points):
    write_text(path, "\n".join([name, *(f"{x:g} , {y:g}" for x, y in points)]) + "\n")


def write_counted(path, points):
    """The 106-point text of LaPa and JD-landmark."""
    write_text(path, "\n".join([str(len(points)), *(f"{x:.3f} {y:.3f}" for x, y in points)]) + "\n")


def write_pts(path, points):
    """iBUG's .pts, from 1."""
    rows = "".join(f"{x + 1:.6f} {y + 1:.6f}\n" for x, y in points)
    write_text(path, f"version: 1\nn_points:  {len(points)}\n{{\n{rows}}}\n")


def write_merl_rav(path, points, state):
    """.pts as published: state 1 visible, 0 hidden by an object (-x -y), -1 hidden by the face (-1 -1); not shifted."""
    rows = [
        f"{x} {y}" if one == 1 else f"{-x} {-y}" if one == 0 else "-1 -1"
        for (x, y), one in zip(points, state, strict=True)
    ]
    write_text(path, "version: 1\nn_points:  68\n{\n" + "\n".join(rows) + "\n}\n")


def menpo_row(name, box, points):
    """A line of MenpoBenchmark's lists: path, detected box, five detected points, landmarks from 1."""
    values = [*box, *range(10), *(points + 1).ravel()]
    return " ".join([name, *(f"{value:g}" for value in values)])


YOUTU_GROUPS = (("face_profile", 21), ("nose", 13), ("mouth", 22), ("left_eyebrow", 8), ("left_eye", 8))
YOUTU_GROUPS += (("right_eyebrow", 8), ("right_eye", 8))


def youtu_object(points, as_dict=False):
    """One face with its keys in an order that must not matter."""
    ends = np.cumsum([n for _, n in YOUTU_GROUPS])
    parts = dict(zip([key for key, _ in YOUTU_GROUPS], np.split(points, ends[:-1]), strict=True))
    made = {key: [{"x": x, "y": y} if as_dict else [x, y] for x, y in part.tolist()] for key, part in parts.items()}
    return dict(sorted(made.items(), reverse=True))


def write_youtu_json(path, points, answer=False):
    """An object, or an answer of the service with the object in it."""
    shape = youtu_object(points, as_dict=answer)
    write_text(path, json.dumps({"face_shape": [shape], "image_width": 178} if answer else shape))
