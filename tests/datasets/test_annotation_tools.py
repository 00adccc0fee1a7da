"""Files of annotation tools and of the field's exchange lists, read with the right values."""

import json

import numpy as np
import pytest
import writers
from writers import FIVE, FIVE_NAMES, write_image

import fldbench
from fldbench.datasets.yours.columns import renamed
from fldbench.errors import DataError, DatasetNotFoundError

SCHEME = {"scheme": "mtfl-5"}


def load(name, root, split="all", **options):
    return fldbench.load_dataset(name, root, split, **{**SCHEME, **options})


def test_labelme_points_polygons_groups_and_boxes(tmp_path):
    for name in ("a.jpg", "sub/b.png"):
        write_image(tmp_path / name, 200, 200)
    shapes = [writers.labelme_shape(name, [p]) for name, p in zip(FIVE_NAMES, FIVE, strict=True)]
    writers.write_labelme(tmp_path / "a.json", shapes, "a.jpg")
    two = [writers.labelme_shape(name, [p + 9], 2) for name, p in zip(FIVE_NAMES[::-1], FIVE[::-1], strict=True)]
    box = writers.labelme_shape("face", [[150, 160], [50, 60]], 2, "rectangle")
    some = [writers.labelme_shape(name, [p], 1) for name, p in zip(FIVE_NAMES[:2], FIVE[:2], strict=True)]
    circle = writers.labelme_shape("mole", [[1, 2], [3, 4]], 1, "circle")
    writers.write_labelme(tmp_path / "sub/b.json", [*some, *two, box, circle], "..\\sub\\b.png")
    writers.write_json(tmp_path / "other.json", {"images": []})
    faces = load("labelme", tmp_path)
    assert faces.ids.tolist() == ["a", "sub/b#0", "sub/b#1"] and faces.name == "labelme"
    assert np.array_equal(faces.landmarks[0], FIVE) and np.array_equal(faces.landmarks[2], FIVE + 9)
    assert np.isnan(faces.landmarks[1]).any(axis=1).tolist() == [False, False, True, True, True]
    assert faces.boxes[2].tolist() == [50, 60, 150, 160] and faces.boxes[0].tolist() == [60.5, 80, 120, 140]
    assert faces.images[1].shape == (200, 200, 3) and faces.groups.tolist()[1] == faces.groups.tolist()[2]
    writers.write_labelme(tmp_path / "a.json", [writers.labelme_shape("face", FIVE, None, "polygon")], "a.jpg")
    assert np.array_equal(load("labelme", tmp_path / "a.json").landmarks[0], FIVE)
    assert np.array_equal(load("labelme", tmp_path, file="a.json").landmarks[0], FIVE)


def test_labelme_in_folders_of_splits_and_in_another_order_of_names(tmp_path):
    for split, order in (("train", [0, 1, 2, 3, 4]), ("test", [4, 2, 0, 1, 3])):
        write_image(tmp_path / split / "a.png", 200, 200)
        shapes = [writers.labelme_shape(FIVE_NAMES[i], [FIVE[i]]) for i in order]
        writers.write_labelme(tmp_path / split / "a.json", shapes, "a.png")
    names = list(FIVE_NAMES)
    for split in ("train", "test"):
        assert np.array_equal(load("labelme", tmp_path, split, points=names).landmarks[0], FIVE)
    assert load("labelme", tmp_path, points=names).ids.tolist() == ["test/a", "train/a"]
    with pytest.raises(
        DataError, match=r"points named 'mouth_right' are not among left_eye, .*; give all names in the"
    ):
        load("labelme", tmp_path, "test", points=names[:4])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"shapes": 3}, r"a\.json: shapes is 'int'; must be a list of objects"),
        ({"imagePath": ""}, r"a\.json: imagePath is ''; must be the path of an image"),
        ({"imagePath": "gone.png"}, r"a\.json: no image 'gone\.png' below"),
        ({"imagePath": "../../../../../../../etc/passwd"}, r"a\.json: the image '\.\..*passwd' lies outside of"),
        ({"imagePath": "C:\\a.png"}, r"a\.json: the image 'C:/a\.png' is a path of another computer"),
        ({"imageWidth": 300}, r"a\.json: the size of the image '.*a\.png' is \(200, 200\); must be \(300, 200\), as"),
        (
            {"shapes": [writers.labelme_shape("a", [[1, 1e30]])]},
            r"a\.json: a point of 'a' is 1e\+30; must be a number below",
        ),
        (
            {"shapes": [writers.labelme_shape("a", [[1, 2]])] * 2},
            r"two points of one face are labelled 'a'; give the shapes",
        ),
    ],
)
def test_a_broken_labelme_file_names_itself(tmp_path, change, text):
    write_image(tmp_path / "a.png", 200, 200)
    writers.write_labelme(tmp_path / "a.json", [writers.labelme_shape("face", FIVE, None, "polygon")], "a.png")
    writers.write_json(tmp_path / "a.json", json.loads((tmp_path / "a.json").read_text()) | change)
    with pytest.raises(DataError, match=text):
        load("labelme", tmp_path)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_ljson_has_y_before_x(tmp_path, version):
    points = FIVE.copy()
    points[4] = np.nan
    writers.write_ljson(tmp_path / "a.ljson", points, version)
    write_image(tmp_path / "a.png")
    writers.write_ljson(tmp_path / "b c.ljson.json", FIVE, version)
    write_image(tmp_path / "b c.webp")
    faces = load("ljson", tmp_path)
    assert faces.ids.tolist() == ["a", "b c"] and np.array_equal(faces.landmarks[1], FIVE)
    assert np.array_equal(faces.landmarks[0], points, equal_nan=True) and faces.images[1].shape == (100, 110, 3)
    writers.write_ljson(tmp_path / "c.ljson", FIVE[:3], version)
    with pytest.raises(DataError, match=r"c\.ljson: the number of points is 3; must be 5, as in the first file"):
        load("ljson", tmp_path)


@pytest.mark.parametrize("content", [b"", b" \n"])
def test_a_file_that_lost_its_content_is_one_faulty_face(tmp_path, content):
    for name in "abc":
        writers.write_ljson(tmp_path / f"{name}.ljson", FIVE)
        write_image(tmp_path / f"{name}.png")
    (tmp_path / "b.ljson").write_bytes(content)
    with pytest.raises(DataError, match=r"b\.ljson, line 1: the file is empty; restore it\n1 of 3 faces is faulty"):
        load("ljson", tmp_path)
    faces = load("ljson", tmp_path, faulty="skip")
    assert faces.ids.tolist() == ["a", "c"] and faces.parts["faces without a fault"] == (2, 3)


def test_without_images_predictions_can_be_scored(tmp_path):
    writers.write_ljson(tmp_path / "a.ljson", FIVE)
    faces = load("ljson", tmp_path)
    assert np.array_equal(faces.landmarks[0], FIVE)
    with pytest.raises(DataError, match="predictions can be scored, methods cannot run"):
        faces.images[0]


def test_label_studio_counts_in_percent(tmp_path):
    for name in ("a.png", "photos/b c.png", "c.png"):
        write_image(tmp_path / name, 200, 400)
    task = writers.label_studio_task
    tasks = [
        task(FIVE, FIVE_NAMES, "a.png", (200, 400)),
        task(FIVE + 3, FIVE_NAMES, "/data/local-files/?d=photos/b c.png", (200, 400), (40, 60, 140, 160)),
        task(FIVE[:4], FIVE_NAMES[:4], "https://host/x/c.png", (200, 400)),
    ]
    tasks[0]["annotations"].append({"result": [], "was_cancelled": True})
    writers.write_json(tmp_path / "f.json", tasks)
    faces = load("label-studio", tmp_path)
    assert faces.ids.tolist() == ["a", "photos/b c", "c"] and np.allclose(faces.landmarks[0], FIVE, atol=1e-9)
    assert np.allclose(faces.boxes[1], (40, 60, 140, 160)) and np.isnan(faces.landmarks[2, 4]).all()
    short = [{"image": "a.png", "kp": [row["value"] | row for row in tasks[0]["annotations"][0]["result"]]}]
    writers.write_json(tmp_path / "f.json", short)
    assert np.allclose(load("label-studio", tmp_path).landmarks[0], FIVE, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda t: t.update(data={}), "task 1: image is None; must be the path of an image"),
        (
            lambda t: t["annotations"].append(t["annotations"][0]),
            "the number of annotations is 2; must be 1: keep the one",
        ),
        (
            lambda t: t["annotations"][0]["result"][0].pop("original_width"),
            "task 1: original_width, original_height is None",
        ),
        (lambda t: t["annotations"][0]["result"][0].update(image_rotation=90), "image_rotation is 90; must be 0"),
        (lambda t: t["annotations"][0]["result"][0]["value"].update(x="3"), "task 1: x is '3'; must be a number below"),
        (
            lambda t: t["annotations"][0]["result"][1]["value"].update(keypointlabels=["left_eye"]),
            "two points are labelled",
        ),
        (lambda t: t["annotations"][0]["result"][1]["value"].update(keypointlabels=[]), "must be a list of one label"),
    ],
)
def test_a_broken_task_names_itself(tmp_path, change, text):
    write_image(tmp_path / "a.png", 200, 200)
    task = writers.label_studio_task(FIVE, FIVE_NAMES, "a.png")
    change(task)
    writers.write_json(tmp_path / "f.json", [task])
    with pytest.raises(DataError, match=rf"f\.json: .*{text}"):
        load("label-studio", tmp_path)


def test_cvat_points_skeletons_and_boxes(tmp_path):
    for name in ("a.png", "b.png", "c.png"):
        write_image(tmp_path / "images" / name, 200, 200)
    inner = [
        f"<points label='{name}' outside='{int(k == 3)}' occluded='{int(k == 1)}' points='{x},{y}'/>"
        for k, (name, (x, y)) in enumerate(zip(FIVE_NAMES, (FIVE + 1).tolist(), strict=True))
    ]
    single = [writers.cvat_points([p], name, "group_id='4'") for name, p in zip(FIVE_NAMES, FIVE, strict=True)]
    box = "<box label='face' xtl='40' ytl='50.5' xbr='140' ybr='160' group_id='4'/>"
    images = [("a.png", (200, 200), [writers.cvat_points(FIVE)])]
    writers.write_cvat(tmp_path / "f.xml", images)
    assert np.array_equal(load("cvat", tmp_path).landmarks[0], FIVE)
    images = [
        ("b.png", (200, 200), ["<skeleton label='face' z_order='0'>", *inner, "</skeleton>", *single, box]),
        ("c.png", (200, 200), []),
    ]
    writers.write_cvat(tmp_path / "f.xml", images)
    faces = load("cvat", tmp_path)
    assert faces.ids.tolist() == ["b#0", "b#1"] and np.array_equal(faces.landmarks[1], FIVE)
    assert (
        np.array_equal(faces.landmarks[0, [0, 1, 2, 4]], FIVE[[0, 1, 2, 4]] + 1)
        and np.isnan(faces.landmarks[0, 3]).all()
    )
    assert faces.visible[0].tolist() == [True, False, True, False, True] and faces.boxes[1].tolist() == [
        40,
        50.5,
        140,
        160,
    ]


@pytest.mark.parametrize(
    ("lines", "text"),
    [
        (["<points label='face' points='1,2;3,x'/>"], "line 5: <points>: y is 'x'; must be a number of pixels"),
        (["<points label='face' points='1,2,3'/>"], "line 5: <points>: a point is '1,2,3'; must be x,y under a label"),
        (
            [writers.cvat_points([(1, 2)], "a")] * 2,
            "line 6: two points of one face are labelled 'a'; give the points of",
        ),
        (["<box label='face' xtl='1' ytl='2' xbr='3' ybr='4'/>"], "no points and no skeleton in it"),
        (["<track id='0'>", "</track>"], 'line 5: a track of a video; export it as "CVAT for images 1.1"'),
        (["<points label='face'"], "not XML"),
    ],
)
def test_a_broken_cvat_file_names_the_line(tmp_path, lines, text):
    write_image(tmp_path / "a.png", 200, 200)
    writers.write_cvat(tmp_path / "f.xml", [("a.png", (200, 200), lines)])
    with pytest.raises(DataError, match=rf"f\.xml.*{text}"):
        load("cvat", tmp_path)


def test_facepp_has_names_and_boxes(tmp_path):
    write_image(tmp_path / "a.jpg", 200, 200)
    turned = [3, 1, 4, 0, 2]
    faces = [
        (FIVE, FIVE_NAMES, (40, 40, 100, 120)),
        (FIVE[turned] + 5, [FIVE_NAMES[i] for i in turned], (45, 45, 99, 99)),
    ]
    writers.write_facepp(tmp_path / "a.json", faces)
    found = load("facepp", tmp_path)
    assert found.ids.tolist() == ["a#0", "a#1"] and np.array_equal(found.landmarks[1], FIVE + 5)
    assert found.boxes[0].tolist() == [40, 40, 140, 160] and found.images[0].shape == (200, 200, 3)
    (tmp_path / "a.json").write_text('{"faces": [{"landmark": {"a": {"x": 1}}}]}')
    with pytest.raises(DataError, match=r"a\.json: faces\[0\]: y of a is None; must be a number below 1e\+06"):
        load("facepp", tmp_path)


def test_hrnet_counts_from_one(tmp_path):
    write_image(tmp_path / "p/a.png", 200, 200)
    writers.write_hrnet(tmp_path / "train.csv", [("p/a.png", FIVE)])
    faces = load("hrnet", tmp_path, "train")
    assert faces.ids.tolist() == ["p/a"] and np.allclose(faces.landmarks[0], FIVE)
    assert np.allclose(load("hrnet", tmp_path, "train", first=0).landmarks[0], FIVE + 1)
    with pytest.raises(DataError, match="dataset 'hrnet': first is 2; must be one of 0, 1"):
        load("hrnet", tmp_path, "train", first=2)


def test_openface_frames_and_photos(tmp_path):
    rows = [(1, 0, 1, FIVE), (2, 0, 0, FIVE * 0), (3, 0, 1, FIVE + 1), (3, 1, 1, FIVE + 2)]
    writers.write_openface(tmp_path / "clip.csv", rows)
    faces = load("openface", tmp_path)
    assert faces.ids.tolist() == ["clip/1", "clip/3#0", "clip/3#1"] and set(faces.groups) == {"clip"}
    assert np.array_equal(faces.landmarks, [FIVE, FIVE + 1, FIVE + 2])
    for frame in (1, 3):
        write_image(tmp_path / f"clip/frame_{frame:04d}.png", 200, 200)
    assert load("openface", tmp_path).images[1].shape == (200, 200, 3)
    writers.write_openface(tmp_path / "photo/a.csv", [(0, 0, 1, FIVE)])
    write_image(tmp_path / "photo/a.jpg", 200, 200)
    faces = load("openface", tmp_path / "photo")
    assert faces.images[0].shape == (200, 200, 3) and faces.ids.tolist() == ["a"]
    (tmp_path / "clip.csv").write_text("frame, x_0, y_0, x_1\n1,2,3,4\n")
    with pytest.raises(DataError, match=r"clip\.csv, line 1: the pattern .* fits the point '1' with one of x and y"):
        load("openface", tmp_path)


@pytest.mark.parametrize("kaggle", [False, True])
def test_celeba_lists(tmp_path, kaggle):
    root = tmp_path / "celeba"
    faces = [(f"00000{i}.jpg", FIVE.round() + i, i % 3, i // 2) for i in range(6)]
    writers.write_celeba(root, faces, kaggle)
    for name, *_ in faces:
        write_image(root / "img_align_celeba" / name, 178, 218)
    train = fldbench.load_dataset("celeba", tmp_path, "train")
    assert train.ids.tolist() == ["000000", "000003"] and np.array_equal(train.landmarks[1], FIVE.round() + 3)
    assert train.groups.tolist() == (train.ids.tolist() if kaggle else ["0", "1"]) and train.scheme == "mtfl-5"
    assert train.images[0].shape == (218, 178, 3) and train.parts == {"train": (2, 162770)}
    assert len(fldbench.load_dataset("celeba", tmp_path, "all")) == 6


def test_celeba_in_the_wild_has_boxes_of_which_some_have_no_size(tmp_path):
    faces = [(f"00000{i}.jpg", FIVE + i, 0, i) for i in range(3)]
    writers.write_celeba(tmp_path, faces, boxes=[(95, 71, 226, 313), (320, 828, 0, 0), (1, 2, 30, 40)], wild=True)
    with pytest.raises(DataError, match=r"list_landmarks_celeba\.txt, line 4: the box of a face is None; must be in"):
        fldbench.load_dataset("celeba", tmp_path, "train", images="wild")
    found = fldbench.load_dataset("celeba", tmp_path, "train", images="wild", faulty="skip")
    assert found.boxes.tolist() == [[95, 71, 321, 384], [1, 2, 31, 42]]
    with pytest.raises(DatasetNotFoundError, match="no list_landmarks_align_celeba"):
        fldbench.load_dataset("celeba", tmp_path, "train")


def test_csv_says_which_columns_hold_what(tmp_path):
    write_image(tmp_path / "a.png", 200, 200)
    flat = ",".join(str(v) for v in FIVE.ravel())
    pairs = ",".join(f"{name}_{axis}" for name in FIVE_NAMES for axis in "xy")
    tables = {
        "named": (f"image_id,{pairs},x0\na.png,{flat},7\n", {"points": "{point}_{axis}"}, {}),
        "listed": (
            f"p,{pairs},w,s\na.png,{flat},ann,f1\n",
            {"image": "p", "points": pairs.split(","), "group": "w", "id": "s"},
            {},
        ),
        "ranged": (
            f"p,{pairs},b0,b1,b2,b3\na.png,{flat},1,2,30,40\n",
            {"image": 0, "points": "1:10", "box_size": "b0:b3"},
            {},
        ),
        "headless": (f"a.png,{flat}\n", {"image": 0, "points": "1:10"}, {"header": False}),
        "numbered": (
            "path," + ",".join(f"p{10 - i}{a}" for i in range(5) for a in "xy") + f"\na.png,{flat}\n",
            {"points": "p{point}{axis}"},
            {},
        ),
    }
    for name, (text, columns, more) in tables.items():
        (tmp_path / "f.csv").write_text(text)
        faces = load("csv", tmp_path, columns=columns, **more)
        wanted = FIVE[::-1] if name == "numbered" else FIVE
        assert np.array_equal(faces.landmarks[0], wanted), name
        if name == "listed":
            assert faces.ids.tolist() == ["f1"] and faces.groups.tolist() == ["ann"]
        if name == "ranged":
            assert faces.boxes[0].tolist() == [1, 2, 31, 42]
            assert load("csv", tmp_path, columns=columns, first=1).boxes[0].tolist() == [0, 1, 30, 41]


@pytest.mark.parametrize(
    ("text", "options", "error"),
    [
        (
            "a.png,80,60,80\n",
            {},
            r"line 1: the first line holds numbers, so .*header=false and columns={\"image\": 0, \"points\": \"1:3\"}",
        ),
        (
            "image,u,v\n",
            {"columns": {"points": "{point}_{axis}"}},
            "line 1: the pattern '{point}_{axis}' fits no column; the head",
        ),
        ("image,u,v\n", {"columns": {"points": ["u", "w"]}}, "line 1: no column 'w' for points; "),
        ("image,u,v\n", {"columns": {"points": ["u"]}}, "line 1: the number of columns of points is 1; must be even"),
        ("image,u,v\n", {"columns": {"points": "u:v", "box": "u:v"}}, "the number of columns of box is 2; must be 4"),
        ("image,u,v\n", {"columns": {"image": 9}}, "no column number 9 for image"),
        (
            "image,u,v\n",
            {"columns": {"pts": "u:v"}},
            "dataset 'csv': columns is .*; must be None or an object with image, id, gro",
        ),
    ],
)
def test_wrong_columns_are_refused(tmp_path, text, options, error):
    (tmp_path / "f.csv").write_text(text)
    with pytest.raises(DataError, match=error):
        load("csv", tmp_path, **options)


def test_a_column_named_like_a_point_by_chance_does_not_count(tmp_path):
    header = ["x0", "image", "l_x", "l_y"]
    assert renamed(header, {"points": "{point}_{axis}"}, tmp_path, 1) == ["", "image", "x0", "y0"]


def test_names_in_another_order_than_the_scheme_are_refused(tmp_path):
    write_image(tmp_path / "a.png", 200, 200)
    order = [4, 2, 0, 1, 3]
    shapes = [writers.labelme_shape(f"p{i}", [FIVE[i]]) for i in order]
    writers.write_labelme(tmp_path / "a.json", shapes, "a.png")
    with pytest.raises(
        DataError, match=r"in the order p4, p2, p0, p1, p3 of the file, do not have the shape of mtfl-5"
    ):
        load("labelme", tmp_path)
    with pytest.raises(DataError, match="5 points per face; they could be mtfl-5"):
        load("labelme", tmp_path, scheme=None)
    assert np.array_equal(load("labelme", tmp_path, points=[f"p{i}" for i in range(5)]).landmarks[0], FIVE)


def test_names_that_a_scheme_has_are_in_its_order(tmp_path):
    write_image(tmp_path / "a.png", 200, 200)
    names = fldbench.get_scheme("mtfl-5").names
    shapes = [writers.labelme_shape(names[i], [FIVE[i]]) for i in (4, 2, 0, 1, 3)]
    writers.write_labelme(tmp_path / "a.json", shapes, "a.png")
    for scheme in ("mtfl-5", None):
        assert np.array_equal(load("labelme", tmp_path, scheme=scheme).landmarks[0], FIVE)


@pytest.mark.parametrize("name", ["labelme", "ljson", "label-studio", "cvat", "facepp", "hrnet", "openface"])
def test_the_scheme_is_recognised_by_the_points(tmp_path, name):
    write_image(tmp_path / "a.png", 200, 200)
    shapes = [writers.labelme_shape(one, [p]) for one, p in zip(FIVE_NAMES, FIVE, strict=True)]
    {
        "labelme": lambda: writers.write_labelme(tmp_path / "a.json", shapes, "a.png"),
        "ljson": lambda: writers.write_ljson(tmp_path / "a.ljson", FIVE),
        "label-studio": lambda: writers.write_json(
            tmp_path / "a.json", [writers.label_studio_task(FIVE, FIVE_NAMES, "a.png")]
        ),
        "cvat": lambda: writers.write_cvat(tmp_path / "a.xml", [("a.png", (200, 200), [writers.cvat_points(FIVE)])]),
        "facepp": lambda: writers.write_facepp(tmp_path / "a.json", [(FIVE, FIVE_NAMES, (40, 40, 100, 120))]),
        "hrnet": lambda: writers.write_hrnet(tmp_path / "a.csv", [("a.png", FIVE)]),
        "openface": lambda: writers.write_openface(tmp_path / "a.csv", [(1, 0, 1, FIVE)]),
    }[name]()
    faces = load(name, tmp_path, scheme=None)
    assert faces.scheme == "mtfl-5" and np.allclose(faces.landmarks[0], FIVE, atol=1e-9)


def test_pts_with_a_third_column_and_another_first_pixel(tmp_path):
    write_image(tmp_path / "a.png", 200, 200)
    rows = "".join(f"{x + 1} {y + 1} {int(i != 2)}\n" for i, (x, y) in enumerate(FIVE))
    (tmp_path / "a.pts").write_text(f"version: 1\nn_points: 5\n{{\n{rows}}}\n")
    faces = load("pts", tmp_path)
    assert np.array_equal(faces.landmarks[0], FIVE) and faces.visible[0].tolist() == [True, True, False, True, True]
    assert np.array_equal(load("pts", tmp_path, first=0).landmarks[0], FIVE + 1)
    (tmp_path / "a.pts").write_text(rows.replace(" 0\n", " 7\n"))
    with pytest.raises(
        DataError, match=r"a\.pts, line 3: the third column is '7'; must be 1 for a visible point, 0 for"
    ):
        load("pts", tmp_path)
