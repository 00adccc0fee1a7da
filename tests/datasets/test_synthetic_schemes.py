"""Synthetic faces: the points of the schemes on one head, and which of them are hidden."""

import numpy as np
import pytest

pytest.importorskip("cv2")

from fldbench.datasets.synthetic import accessories, anchors, occlude, raster, sample, scene, template
from fldbench.datasets.synthetic.conditions import SUBSETS
from fldbench.datasets.synthetic.look import draw_look
from fldbench.schemes import get_scheme, map_landmarks

SEED = 21


@pytest.fixture(scope="module")
def drawn():
    return [sample.draw_face(SEED, i) for i in range(1000)]


def rows_with(drawn, name, count):
    k = SUBSETS.index(name)
    return [i for i, face in enumerate(drawn) if face.conditions[k]][:count]


def points_of(i, scheme):
    return sample.face_landmarks(SEED, i, scheme=scheme)[0]


# --- schemes


@pytest.mark.parametrize("name", anchors.SCHEMES)
def test_a_mirrored_head_has_mirrored_points(name):
    mean = template.template()
    places = anchors.read_points(name, mean.vertices, 900.0, 0.0, np.array([[-32.0, 1, 18], [32, 1, 18]]))
    mirrored = template.mirror_points(places[list(get_scheme(name).mirror)])
    np.testing.assert_allclose(mirrored, places, atol=0.7)  # mm; the mesh is symmetric, its triangles are not


@pytest.mark.parametrize("name", anchors.SCHEMES)
def test_points_are_finite_and_near_those_of_the_68(name):
    for i in range(30):
        points, reference = points_of(i, name), points_of(i, "ibug-68")
        assert points.shape == (get_scheme(name).n_points, 2) and np.isfinite(points).all()
        low, high = reference.min(0) - 3, reference.max(0) + 3
        assert (points > low).all() and (points < high).all()


def test_wflw_points_map_to_the_68():
    apart = []
    for i in range(40):
        mapped, points = map_landmarks(points_of(i, "wflw-98"), "wflw-98", "ibug-68"), points_of(i, "ibug-68")
        apart.append(np.linalg.norm(mapped - points, axis=1) / np.linalg.norm(points[36] - points[45]))
    apart = np.mean(apart, axis=0)
    assert apart[17:27].mean() < 0.06  # the brow's middle line lies under the points of the 68
    assert np.delete(apart, range(17, 27)).max() < 0.02


@pytest.mark.parametrize("name", ["youtu-88", "imm-frontal-73"])
def test_shared_places_agree_with_the_68(name):
    mapped = map_landmarks(points_of(3, name), name, "mtfl-5")
    np.testing.assert_allclose(mapped[2:], points_of(3, "mtfl-5")[2:], atol=0.7)


def test_order_of_the_rings():
    points = points_of(5, "wflw-98")
    assert points[[33, 38], 0].tolist() == sorted(points[[33, 38], 0])  # outer end first, then back from the inner one
    assert points[62, 1] < points[66, 1] and points[70, 1] < points[74, 1]
    points = points_of(5, "youtu-88")
    assert points[66, 1] > points[70, 1] and points[37, 1] > points[43, 1]  # lower edge first


def test_jaw_points_stand_on_the_outline_of_a_turned_head():
    coef, angles = np.zeros(43), np.array([40.0, 0.0, 0.0])
    geometry = sample.Geometry(coef, angles, 900.0, 0.6, np.zeros(2))
    look, worn = bare_look(), accessories.draw_worn(np.random.default_rng(3), "")._replace(glasses=0, hat=0)
    built = scene.build_scene(geometry, look._replace(volume=0.0), worn)
    points, _ = scene.scene_points(built, "ibug-68", 0.0, look, worn)
    far = np.arange(11, 16)
    xy, at = (scene.perspective(p, 900.0) for p in (built.points, points))
    head = built.points[: len(built.head)]
    edge = []
    for x, y in at[far]:  # the surface's rim at the same height
        level = np.abs(scene.perspective(head, 900.0)[:, 1] - y) < 4
        level &= (head[:, 2] < 40) & (np.abs(xy[: len(head), 0] - x) < 25)
        edge.append(xy[: len(head)][level, 0].max() - x)
    assert np.median(np.abs(edge)) < 5  # mm
    still = scene.to_camera(built.head[:68], built.turn)[:17]
    assert (at[far, 0] > scene.perspective(still, 900.0)[far, 0] + 1.0).all()
    assert np.abs(at[:4] - scene.perspective(still, 900.0)[:4]).max() < 1e-6  # the near side keeps the jaw line


# --- visibility


def bare_look():
    look = draw_look(np.random.default_rng(0))
    return look._replace(curtain=np.append(0.0, look.curtain[1:]), hairline=np.zeros(3))


def test_hidden_agrees_with_the_rasteriser():
    built = scene.build_scene(*sample.draw_face(SEED, 3)[:3])
    size = 120
    xy = scene.to_camera(built.points, np.eye(3))[:, :2]
    xy = 40 + 0.2 * (xy - xy[:68].min(0))
    seen = raster.rasterise(xy, built.points[:, 2], built.faces, size)
    at = np.stack(np.divmod(seen.pixel, size)[::-1], 1).astype(float)
    front = (seen.weights * built.points[built.faces[seen.face], 2]).sum(1)
    inside = (seen.weights > 0.02).all(1)
    margin = np.zeros(len(built.faces))
    behind = occlude.hidden(at, front + 60.0, xy, built.points[:, 2], built.faces, margin)
    before = occlude.hidden(at, np.full(len(at), -1e4), xy, built.points[:, 2], built.faces, margin)
    assert behind[inside].all() and not before.any()


def test_a_turned_head_hides_the_far_eye_and_not_the_near_one(drawn):
    seen = []
    for i in rows_with(drawn, "pose", 60):
        _, visible, (yaw, _, _) = sample.face_landmarks(SEED, i)
        if abs(yaw) > 60 and drawn[i].worn.hand < 0 and drawn[i].worn.glasses < 2 and drawn[i].worn.hat == 0:
            far, near = (range(42, 48), range(36, 42)) if yaw > 0 else (range(36, 42), range(42, 48))
            seen.append((visible[list(far)].mean(), visible[list(near)].mean()))
    far, near = np.mean(seen, axis=0)
    assert len(seen) > 5 and far < 0.6 and near > 0.85


def test_frontal_faces_show_nearly_all_points(drawn):
    plain = [i for i, f in enumerate(drawn[:400]) if not any(f.conditions) and not f.look.curtain[0]]
    seen = np.mean([sample.face_landmarks(SEED, i)[1] for i in plain], axis=0)
    assert seen.min() > 0.75 and seen.mean() > 0.97


def test_a_hand_hides_what_it_covers_and_nothing_else():
    look, geometry = bare_look(), sample.draw_geometry(0, 0)
    geometry = geometry._replace(angles=np.zeros(3))
    worn = accessories.draw_worn(np.random.default_rng(1), "")._replace(glasses=0, hat=0, offset=np.zeros(2))
    without = scene.scene_points(scene.build_scene(geometry, look, worn), "ibug-68", 0.0, look, worn)[1]
    worn = worn._replace(hand=57, hand_turn=0.0)
    visible = scene.scene_points(scene.build_scene(geometry, look, worn), "ibug-68", 0.0, look, worn)[1]
    assert not visible[57] and visible[36:48].all() and without[36:48].all()
    assert (without | ~visible).all() and without[57]


def test_dark_glasses_hide_the_eyes_and_clear_ones_do_not():
    look, geometry = bare_look(), sample.draw_geometry(0, 0)._replace(angles=np.zeros(3))
    for kind, tint, shown in ((1, 0.1, True), (2, 0.95, False)):
        worn = accessories.draw_worn(np.random.default_rng(1), "")._replace(glasses=kind, tint=tint, hat=0)
        visible = scene.scene_points(scene.build_scene(geometry, look, worn), "wflw-98", 0.0, look, worn)[1]
        assert visible[60:76].all() == shown and visible[[96, 97]].all() == shown and visible[76:96].all()


def test_fringe_and_hat_hide_the_brows(drawn):
    hidden = {"fringe": [], "hat": []}
    for i in rows_with(drawn, "occlusion", 200):
        face = drawn[i]
        kind = "fringe" if face.look.hairline[2] > 0.26 else "hat" if face.worn.hat_line > -0.4 else None
        if kind and abs(face.geometry.angles[0]) < 20:
            hidden[kind].append(1 - sample.face_landmarks(SEED, i)[1][17:27].mean())
    assert min(len(v) for v in hidden.values()) > 3
    assert all(np.mean(v) > 0.4 for v in hidden.values())


def test_dark_glasses_darken_the_eyes_in_the_picture(drawn):
    dark = [
        i for i in rows_with(drawn, "occlusion", 200) if drawn[i].worn.glasses == 2 and not drawn[i].conditions.pose
    ]
    ratio = []
    for i in dark[:12]:
        image, points = sample.face_image(SEED, i).astype(float).mean(2), sample.face_landmarks(SEED, i)[0]
        nose, eye = np.round(points[30]).astype(int), np.round(points[36:42].mean(0)).astype(int)
        ratio.append(image[eye[1], eye[0]] / max(image[nose[1], nose[0]], 1))
    assert np.median(ratio) < 0.8
