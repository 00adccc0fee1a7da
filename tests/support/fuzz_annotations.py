"""A good annotation file of every format, how it is read, and whether it is text: what fuzzing starts from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import writers
from scipy.io import savemat
from toys import toy_faces

import fldbench
from fldbench.curate.convert import convert
from fldbench.datasets.cofw68 import COFW68
from fldbench.schemes import get_scheme

MUTATIONS = 2000
FEWER = 400  # for formats that share their code with others


@dataclass
class Case:
    """A good file, how it is read, and whether it is text."""

    file: Path
    root: Path
    split: str
    dataset: str
    text: bool = True
    images: bool = False  # the file holds the images too
    scheme: str | None = None
    mutations: int = MUTATIONS

    def read(self):
        options = {} if self.scheme is None else {"scheme": self.scheme}
        faces = fldbench.load_dataset(self.dataset, self.root, self.split, **options)
        assert np.isfinite(faces.boxes).all()
        for image in faces.images if self.images else ():
            assert image.dtype == np.uint8


def points(n, seed=0):
    return np.random.default_rng(seed).uniform(5, 25, (n, 2)).round(3)


def make_300w(root):
    writers.write_face(root / "300w/afw", "a_1")
    return Case(root / "300w/afw/a_1.pts", root, "train", "300w")


def make_wflw(root):
    faces = [(points(98, i), (3, 4, 28, 27), np.eye(6, dtype=int)[i].tolist(), f"d {i // 2}/ü.jpg") for i in range(6)]
    writers.write_wflw(root, "test", faces, True)
    return Case(next(iter(sorted(root.rglob("list_98pt_rect_attr_test.txt")))), root, "test", "wflw")


def make_mtfl(root):
    rows = [(f"net_7876/{i}_0_0.jpg", points(5, i), (1, 2, 1, 3)) for i in range(5)]
    return Case(writers.write_mtfl(root, "training.txt", rows), root, "train", "mtfl")


def make_imm(root):
    return Case(writers.write_asf(root / "imm/01-1m.asf", points(58), 64, 48), root, "all", "imm")


def make_imm_frontal(root):
    return Case(writers.write_asf(root / "imm_frontal/01_01.asf", points(73), 64, 48, True), root, "all", "imm-frontal")


def make_kaggle(root):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 96, 96), dtype=np.uint8)
    file = root / "training.csv"
    writers.write_kaggle(file, np.stack([points(15, i) for i in range(2)]), pixels)
    return Case(file, root, "train", "kaggle", images=True)


def make_youtube(root):
    writers.write_youtube_faces(
        root, "training", [(f"A_B_{i}{j}.jpg", points(68, i)) for i in range(2) for j in range(2)]
    )
    return Case(root / "training_frames_keypoints.csv", root, "train", "youtube-faces")


def make_cofw(root):
    images = [np.zeros((5, 4, 3), np.uint8), np.zeros((5, 4), np.uint8)]
    file = root / "COFW_test_color.mat"
    writers.write_cofw(file, writers.some_points(2, 29), np.zeros((2, 29)), [[1, 2, 30, 40]] * 2, images, "T")
    return Case(file, root, "test", "cofw", text=False, images=True)


def make_aflw19(root):
    file = root / "AFLWinfo_release.mat"
    names, boxes = ["0/a.jpg"] * 4, [[1, 2, 30, 40]] * 4
    writers.write_aflw19(file, writers.some_points(4, 19), np.ones((4, 19)), boxes, names, [1, 0, 3, 2])
    return Case(file, root, "train", "aflw19", text=False)


def make_muct(root):
    writers.write_muct(root / "muct76-opencv.csv", ["i000qa-fn", "i001re-mg"], writers.some_points(2, 76).round(1))
    return Case(root / "muct76-opencv.csv", root, "all", "muct")


def make_helen194(root):
    writers.write_helen(root / "annotation/1.txt", "n1_1", writers.some_points(1, 194)[0])
    writers.write_image(root / "n1_1.jpg")
    writers.write_text(root / "trainnames.txt", "n1_1\n")
    return Case(root / "annotation/1.txt", root, "train", "helen194")


def make_menpo2d(root):
    for name in "ab":
        writers.write_image(root / f"Train/{name}.jpg")
    rows = [writers.menpo_row(f"Train/{name}.jpg", (1, 2, 30, 40), writers.some_points(1, 39)[0]) for name in "ab"]
    writers.write_text(root / "Menpo2D_profile_train.txt", "\n".join(rows) + "\n")
    return Case(root / "Menpo2D_profile_train.txt", root, "train", "menpo2d-profile")


def make_lapa(root):
    writers.write_counted(root / "train/landmarks/a.txt", writers.some_points(1, 106)[0])
    writers.write_image(root / "train/images/a.jpg")
    return Case(root / "train/landmarks/a.txt", root, "train", "lapa")


def make_jd106(root):
    writers.write_counted(root / "Train/landmark/a.jpg.txt", writers.some_points(1, 106)[0])
    writers.write_image(root / "Train/picture/a.jpg")
    writers.write_text(root / "Train/rect/a.jpg.rect", "1 2 30 40\n")
    return Case(root / "Train/landmark/a.jpg.txt", root, "train", "jd106")


def make_youtu88(root):
    writers.write_youtu_json(root / "a.json", writers.some_points(1, 88)[0])
    writers.write_image(root / "a.jpg")
    return Case(root / "a.json", root, "all", "youtu88")


def make_merl_rav(root):
    file = root / "merl_rav_labels/left/trainset/labels/a.pts"
    writers.write_merl_rav(file, writers.some_points(1, 68)[0], np.random.default_rng(0).integers(-1, 2, 68))
    return Case(file, root, "train", "merl-rav")


def make_cofw68(root):
    folder = root / "cofw68/test_annotations"
    folder.mkdir(parents=True)
    savemat(folder / "1_points.mat", {"Points": np.full((68, 2), 5.0), "Occ": np.zeros((1, 68))})
    savemat(root / "cofw68/cofw68_test_bboxes.mat", {"bboxes": np.array([[11, 21, 30, 40]])})
    return Case(folder / "1_points.mat", root, "test", "cofw68", text=False)


def make_labels(root):
    file = root / "300w_test.csv"
    writers.write_labels(file, [(f"Test/01_Indoor/indoor_00{i}.png", points(68, i)) for i in range(3)])
    return Case(file, root, "private", "300w-labels")


def make_300vw(root):
    (root / "001/annot").mkdir(parents=True)
    writers.write_300w_pts(root / "001/annot/000001.pts", points(68))
    return Case(root / "001/annot/000001.pts", root, "train", "300vw")


def make_london(root):
    writers.write_tem(root / "001_03.tem", points(189))
    writers.write_image(root / "001_03.jpg")
    return Case(root / "001_03.tem", root, "all", "london")


def make_london_table(root):
    make_london(root)
    writers.write_text(
        root / "london_info.csv", "face_id,face_age,face_gender,face_eth\n001,24,female,white\n002,NA,NA,NA\n"
    )
    return Case(root / "london_info.csv", root, "all", "london")


def make_webmorph(root):
    writers.write_tem(root / "a.tem", 30 * get_scheme("mtfl-5").template)
    writers.write_image(root / "a.jpg")
    return Case(root / "a.tem", root, "all", "webmorph")


def make_wflw_subsets(root):
    case = make_wflw(root)
    case.file.unlink()
    return Case(next(root.rglob("list_98pt_test_blur.txt")), root, "test", "wflw")


def make_mtfl_boxes(root):
    make_mtfl(root)
    rows = "".join(f"net_7876\\{i}_0_0.jpg 1 2 3{i} 40.5 0.99\n" for i in range(4))
    writers.write_text(root / "training_boxes.txt", rows)
    return Case(root / "training_boxes.txt", root, "train", "mtfl")


def make_tool(root, name):
    """A file of an annotation tool with the image beside it."""
    writers.write_image(root / "a.png", 200, 200)
    points, names = writers.FIVE, writers.FIVE_NAMES
    shapes = [writers.labelme_shape(one, [p]) for one, p in zip(names, points, strict=True)]
    file = root / {"cvat": "a.xml", "ljson": "a.ljson", "hrnet": "a.csv", "openface": "a.csv"}.get(name, "a.json")
    make = {
        "labelme": lambda: writers.write_labelme(file, shapes, "a.png"),
        "ljson": lambda: writers.write_ljson(file, points),
        "label-studio": lambda: writers.write_json(file, [writers.label_studio_task(points, names, "a.png")]),
        "cvat": lambda: writers.write_cvat(file, [("a.png", (200, 200), [writers.cvat_points(points)])]),
        "facepp": lambda: writers.write_facepp(file, [(points, names, (40, 40, 100, 120))]),
        "hrnet": lambda: writers.write_hrnet(file, [("a.png", points)]),
        "openface": lambda: writers.write_openface(file, [(1, 0, 1, points)]),
    }
    make[name]()
    return Case(file, root, "all", name, file.suffix not in (".json", ".ljson"), False, "mtfl-5", FEWER)


def make_celeba(root):
    writers.write_celeba(root, [(f"{i}.jpg", writers.FIVE + i, 0, i) for i in range(3)])
    return Case(root / "Anno/list_landmarks_align_celeba.txt", root, "train", "celeba", mutations=FEWER)


class Submission(Case):
    def read(self):
        COFW68().read_submission(self.file)


def make_cofw68_submission(root):
    (root / "sub.txt").write_text(writers.submission(3, 1))
    return Submission(root / "sub.txt", root, "", "")


def converted(root, to, dataset, pattern):
    convert(toy_faces(3), to, root / "out")
    return Case(next(iter(sorted((root / "out").rglob(pattern)))), root / "out", "all", dataset)


CASES = {
    "300w": make_300w,
    "300w-labels": make_labels,
    "300vw": make_300vw,
    "wflw": make_wflw,
    "wflw-subsets": make_wflw_subsets,
    "mtfl": make_mtfl,
    "mtfl-boxes": make_mtfl_boxes,
    "london": make_london,
    "london-table": make_london_table,
    "webmorph": make_webmorph,
    "imm": make_imm,
    "imm-frontal": make_imm_frontal,
    "kaggle": make_kaggle,
    "youtube-faces": make_youtube,
    "cofw": make_cofw,
    "aflw19": make_aflw19,
    "muct": make_muct,
    "helen194": make_helen194,
    "menpo2d": make_menpo2d,
    "lapa": make_lapa,
    "jd106": make_jd106,
    "youtu88": make_youtu88,
    "merl-rav": make_merl_rav,
    "cofw68": make_cofw68,
    "cofw68-submission": make_cofw68_submission,
    "dlib-xml": lambda root: converted(root, "dlib-xml", "dlib-xml", "*.xml"),
    "pts": lambda root: converted(root, "pts", "pts", "*.pts"),
    "csv": lambda root: converted(root, "csv", "csv", "*.csv"),
    "coco-face": lambda root: converted(root, "coco", "coco-face", "*.json"),
    "celeba": make_celeba,
} | {
    name: lambda root, name=name: make_tool(root, name)
    for name in ("labelme", "ljson", "label-studio", "cvat", "facepp", "hrnet", "openface")
}
