"""Writers of the official formats of WFLW, MTFL, IMM, Kaggle and YouTube Faces, from arrays, for the readers' tests.

Points are zero-based px, as the library has them; each writer makes what the dataset's own files look like.
"""

import cv2
import numpy as np

ASF_HEAD = """######################################################################
#
#    AAM Shape File  -  written: Tuesday February 01 - 2005 [16:30]
#
######################################################################

#
# number of model points
#
{n}

#
# model points
#
# format: <path#> <type> <x rel.> <y rel.> <point#> <connects from> <connects to>
#
"""
KAGGLE_NAMES = [
    *("left_eye_center", "right_eye_center", "left_eye_inner_corner", "left_eye_outer_corner"),
    *("right_eye_inner_corner", "right_eye_outer_corner", "left_eyebrow_inner_end", "left_eyebrow_outer_end"),
    *("right_eyebrow_inner_end", "right_eyebrow_outer_end", "nose_tip", "mouth_left_corner", "mouth_right_corner"),
    *("mouth_center_top_lip", "mouth_center_bottom_lip"),
]


def write_image(path, width=40, height=30, value=100):
    """A plain image in the format of the path's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((height, width, 3), value, np.uint8)
    path.write_bytes(cv2.imencode(path.suffix.lower(), pixels)[1].tobytes())


def wflw_line(points, box, flags, name):
    """points (98, 2), box of four integers, six flags, the photo's path."""
    words = [f"{v:.6f}" for v in np.ravel(points)] + [str(v) for v in (*box, *flags)]
    return " ".join([*words, name]) + "\n"


def write_wflw(base, split, faces, subset_lists=False):
    """faces: (points, box, flags, name) each. Lists, photos and, if asked for, the lists of the test subsets."""
    lists = base / "WFLW_annotations"
    path = lists / "list_98pt_rect_attr_train_test" / f"list_98pt_rect_attr_{split}.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(wflw_line(*face) for face in faces), encoding="utf-8")
    for *_, name in faces:
        write_image(base / "WFLW_images" / name)
    words = ("largepose", "expression", "illumination", "makeup", "occlusion", "blur")
    for column, word in enumerate(words if subset_lists else ()):
        rows = [
            " ".join([*(f"{v:.6f}" for v in np.ravel(points)), name]) + "\n"
            for points, _, flags, name in faces
            if flags[column]
        ]
        (lists / "list_98pt_test").mkdir(exist_ok=True)
        (lists / "list_98pt_test" / f"list_98pt_test_{word}.txt").write_text("".join(rows), encoding="utf-8")
    return path


def write_mtfl(base, list_name, faces, backslashes=True):
    """faces: (path with slashes, points (5, 2), four codes of the file) each; a blank in front of each line."""
    rows = []
    for name, points, codes in faces:
        write_image(base / name, 80, 80)
        written = name.replace("/", "\\") if backslashes else name
        numbers = [f"{v:.6f}" for v in np.asarray(points).T.ravel()]
        rows.append(" " + " ".join([written, *numbers, *map(str, codes)]) + "\n")
    path = base / list_name
    path.write_text("".join(rows), encoding="utf-8")
    return path


def write_asf(path, points, width, height, user_columns=False, ending=".jpg", head=ASF_HEAD):
    """One .asf file and its image of width x height px."""
    n = len(points)
    extra = "\t0.000000\t0.000000\t0.000000" if user_columns else ""
    rows = "".join(
        f"0 \t0 \t{x / width:.8f} \t{y / height:.8f} \t{i} \t{(i - 1) % n} \t{(i + 1) % n}{extra} \n"
        for i, (x, y) in enumerate(points)
    )
    image = path.with_suffix(ending)
    write_image(image, width, height)
    path.write_text(f"{head.format(n=n)}{rows}\n#\n# host image\n#\n{image.name}\n", encoding="utf-8")
    return path


def write_kaggle(path, points, images):
    """points (n, 15, 2) with NaN for absent ones, images (n, 96, 96) uint8."""
    rows = [",".join([*(f"{name}_{axis}" for name in KAGGLE_NAMES for axis in "xy"), "Image"])]
    for face, image in zip(points, images, strict=True):
        cells = ["" if np.isnan(v) else f"{v:.10f}" for v in face.ravel()]
        rows.append(",".join([*cells, " ".join(map(str, image.ravel().tolist()))]))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(rows) + "\n")
    return path


def write_youtube_faces(base, folder, faces):
    """faces: (file name, points (68, 2)) each; folder is training or test."""
    rows = ["," + ",".join(map(str, range(136)))]
    for name, points in faces:
        write_image(base / folder / name, 60, 70)
        quoted = f'"{name}"' if "," in name else name
        rows.append(",".join([quoted, *(str(float(v)) for v in np.ravel(points))]))
    path = base / f"{folder}_frames_keypoints.csv"
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path
