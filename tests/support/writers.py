"""Small files in the official formats of the datasets, made from arrays, for the tests of the readers.

Points are zero-based px, as the library has them; each writer makes what the dataset's own release looks like.
"""

import json
import struct
import zlib

import cv2
import numpy as np

FACES = np.random.default_rng(0)
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


def write_image(path, width=110, height=100, value=128):
    """A plain image in the format of the path's ending; the folders are made."""
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
        write_image(base / "WFLW_images" / name, 40, 30)
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


RNG_SEED = 7


def some_points(n, n_points, seed=RNG_SEED):
    """(n, n_points, 2) px in 10..90, rounded so that text keeps them exactly."""
    return np.random.default_rng(seed).uniform(10, 90, (n, n_points, 2)).round(3)


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


def write_300w_pts(path, points, header="version: 1\nn_points: 68\n{\n", footer="}\n"):
    """Zero-based points into iBUG's format."""
    rows = "".join(f"{x + 1:.6f} {y + 1:.6f}\n" for x, y in points)
    path.write_text(header + rows + footer)


def write_face(folder, name, ending=".jpg"):
    folder.mkdir(parents=True, exist_ok=True)
    image = np.full((80, 90, 3), 128, np.uint8)
    (folder / f"{name}{ending}").write_bytes(cv2.imencode(ending, image)[1].tobytes())
    points = FACES.uniform(10, 70, (68, 2))
    write_300w_pts(folder / f"{name}.pts", points)
    return points


def submission(*faces):
    return "".join(f"{n} \n{' '.join(['7'] * 68)} \n{' '.join(['9'] * 68)} \n{' '.join(['0'] * 68)} \n" for n in faces)


def write_labels(path, faces):
    """HRNet's list of 300-W: faces as (image name, points (68, 2))."""
    columns = ",".join(f"original_{i}_{axis}" for i in range(68) for axis in "xy")
    rows = [f"{name},1.2,40.0,50.0," + ",".join(f"{v + 1:.6f}" for v in points.ravel()) for name, points in faces]
    write_text(path, "\n".join([f"image_name,scale,center_w,center_h,{columns}", *rows]) + "\n")


def write_tem(path, points, lines=((0, 1, 2), (3, 4))):
    """WebMorph's template: number of points, x tab y, number of lines, three rows for each line."""
    rows = [str(len(points)), *(f"{x:.3f}\t{y:.3f}" for x, y in points), str(len(lines))]
    for line in lines:
        rows += ["0", str(len(line)), " ".join(map(str, line))]
    write_text(path, "\n".join(rows) + "\n")


def with_orientation(encoded, orientation):
    """The bytes of a JPEG, PNG or WebP file with an EXIF header that states the orientation."""
    block = struct.pack(">2sHI", b"MM", 42, 8) + struct.pack(">HHHIHHI", 1, 0x0112, 3, 1, orientation, 0, 0)
    if encoded.startswith(b"\xff\xd8"):
        content = b"Exif\0\0" + block
        return encoded[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + encoded[2:]
    if encoded.startswith(b"\x89PNG"):
        chunk = struct.pack(">I", len(block)) + b"eXIf" + block + struct.pack(">I", zlib.crc32(b"eXIf" + block))
        return encoded[:33] + chunk + encoded[33:]
    pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    height, width = pixels.shape[:2]
    first = encoded[12:]
    size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    extended = b"VP8X" + struct.pack("<I", 10) + b"\x08\0\0\0" + size
    body = b"WEBP" + extended + first + b"EXIF" + struct.pack("<I", len(block)) + block
    return b"RIFF" + struct.pack("<I", len(body)) + body


FIVE = np.array([[60.5, 80], [120, 80], [90, 110], [70, 140], [110, 140]])
FIVE_NAMES = ("left_eye", "right_eye", "nose", "mouth_left", "mouth_right")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def labelme_shape(label, points, group=None, kind="point"):
    return {"label": label, "points": np.asarray(points).tolist(), "group_id": group, "shape_type": kind, "flags": {}}


def write_labelme(path, shapes, image, size=(200, 200)):
    """labelme's JSON: shapes, the image's path and its size."""
    content = {"version": "5.0", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None}
    write_json(path, content | {"imageWidth": size[0], "imageHeight": size[1]})


def write_ljson(path, points, version=2):
    """LJSON of menpo: points as [y, x], null for NaN."""
    rows = [[None, None] if np.isnan(x) else [y, x] for x, y in np.asarray(points).tolist()]
    landmarks = {"connectivity": [], "points": rows}
    labels = [{"label": "all", "mask": list(range(len(rows)))}]
    contents = {
        1: {"version": 1, "groups": [{"label": "all", "connectivity": [], "landmarks": [{"point": r} for r in rows]}]},
        2: {"version": 2, "labels": labels, "landmarks": landmarks},
        3: {"version": 3, "groups": {"LJSON": {"labels": labels, "landmarks": landmarks}}},
    }
    write_json(path, contents[version])


def label_studio_task(points, names, image, size=(200, 200), box=None, number=1):
    """A task of Label Studio's JSON export: percent of the image."""
    stated = {"original_width": size[0], "original_height": size[1], "image_rotation": 0}
    percent = np.asarray(points) / size * 100
    rows = [
        {"type": "keypointlabels", "value": {"x": x, "y": y, "width": 0.5, "keypointlabels": [name]}, **stated}
        for (x, y), name in zip(percent.tolist(), names, strict=True)
    ]
    if box is not None:
        x0, y0, x1, y1 = np.asarray(box) / (size * 2) * 100
        value = {"x": x0, "y": y0, "width": x1 - x0, "height": y1 - y0, "rectanglelabels": ["face"]}
        rows.append({"type": "rectanglelabels", "value": value, **stated})
    return {"id": number, "data": {"image": image}, "annotations": [{"result": rows, "was_cancelled": False}]}


def write_cvat(path, images):
    """CVAT for images 1.1; images: (name, (width, height), the lines within the tag)."""
    rows = [
        f"<image id='{i}' name='{name}' width='{size[0]}' height='{size[1]}'>\n" + "\n".join(lines) + "\n</image>"
        for i, (name, size, lines) in enumerate(images)
    ]
    text = "<?xml version='1.0' encoding='utf-8'?>\n<annotations>\n<version>1.1</version>\n"
    write_text(path, text + "\n".join(rows) + "\n</annotations>\n")


def cvat_points(points, label="face", more=""):
    places = ";".join(f"{x},{y}" for x, y in np.asarray(points).tolist())
    return f"<points label='{label}' occluded='0' points='{places}' {more}></points>"


def write_facepp(path, faces):
    """An answer of Face++; faces: (points, names, (left, top, width, height))."""
    rows = [
        {
            "landmark": {name: {"x": x, "y": y} for name, (x, y) in zip(names, points.tolist(), strict=True)},
            "face_rectangle": dict(zip(("left", "top", "width", "height"), sides, strict=True)),
        }
        for points, names, sides in faces
    ]
    write_json(path, {"faces": rows, "image_id": "x", "request_id": "y"})


def write_hrnet(path, faces):
    """HRNet's list; faces: (image, points), zero-based points written from 1."""
    n = len(faces[0][1])
    rows = ["image_name,scale,center_w,center_h," + ",".join(f"original_{i}_x,original_{i}_y" for i in range(n))]
    rows += [f"{name},0.6,90,110," + ",".join(str(v) for v in (points + 1).ravel().tolist()) for name, points in faces]
    write_text(path, "\n".join(rows) + "\n")


def write_openface(path, rows):
    """OpenFace's table; rows: (frame, face_id, success, points)."""
    n = len(rows[0][3])
    names = ["frame", "face_id", "timestamp", "confidence", "success", "gaze_0_x"]
    names += [f"x_{i}" for i in range(n)] + [f"y_{i}" for i in range(n)] + ["X_0", "Y_0"]
    lines = [", ".join(names)]
    for frame, face, success, points in rows:
        values = [frame, face, 0.0, 0.98, success, 0.1, *points[:, 0].tolist(), *points[:, 1].tolist(), 7, 8]
        lines.append(", ".join(map(str, values)))
    write_text(path, "\n".join(lines) + "\n")


def write_celeba(base, faces, kaggle=False, boxes=None, wild=False):
    """CelebA's lists; faces: (file name, points (5, 2), part, person)."""
    names = "lefteye_x lefteye_y righteye_x righteye_y nose_x nose_y leftmouth_x leftmouth_y rightmouth_x rightmouth_y"
    end, sep = (".csv", ",") if kaggle else (".txt", "   ")
    places = ("", "") if kaggle else ("Anno/", "Eval/")
    rows = [sep.join([name, *(f"{v:g}" for v in points.ravel())]) for name, points, _, _ in faces]
    head = ["image_id," + names.replace(" ", ",")] if kaggle else [str(len(faces)), names]
    which = "list_landmarks_celeba" if wild else "list_landmarks_align_celeba"
    write_text(base / f"{places[0]}{which}{end}", "\n".join([*head, *rows]) + "\n")
    parts = [f"{name}{sep if kaggle else ' '}{part}" for name, _, part, _ in faces]
    write_text(
        base / f"{places[1]}list_eval_partition{end}", "\n".join([*["image_id,partition"] * kaggle, *parts]) + "\n"
    )
    if not kaggle:
        write_text(base / "Anno/identity_CelebA.txt", "".join(f"{name} {person}\n" for name, _, _, person in faces))
    if boxes is not None:
        rows = [sep.join([name, *map(str, box)]) for (name, *_), box in zip(faces, boxes, strict=True)]
        head = [str(len(faces)), "image_id x_1 y_1 width height"]
        write_text(base / f"{places[0]}list_bbox_celeba{end}", "\n".join([*head, *rows]) + "\n")
