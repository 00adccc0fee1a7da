"""The page as a file: what it holds, how exact, how large, and that no name of anybody can run or fetch anything."""

import base64
import hashlib
import json
import re

import numpy as np
import pytest
from hostile_names import HOSTILE
from made_pages import POINTS, face_ids, known, truth_of, write_runs
from made_records import failed

import fldbench
from fldbench.errors import StoreError
from fldbench.records.known_faces import Square
from fldbench.records.record import Timings
from fldbench.records.store import Store
from fldbench.report.page import page, write_page
from fldbench.report.page.packed import NOTHING, packed_errors
from fldbench.report.page.sample import sampled
from fldbench.report.page.shapes import Shapes, shown_faces, square_around
from fldbench.report.page.write import SCRIPTS, _file

N = 330  # faces of 300w-helen


def data_of(text):
    (content,) = re.findall(r'<script type="application/json" id="data">(.*?)</script>', text, re.S)
    return json.loads(content)


def unpacked(text):
    return np.frombuffer(base64.b64decode(text), "<u2").astype(float)


def errors_in(text, table=0):
    data = data_of(text)
    one = data["tables"][table]
    steps = unpacked(one["errors"]).reshape(len(one["methods"]), -1)
    return np.where(steps == NOTHING, np.nan, steps * data["step"] / 100)


@pytest.fixture
def errors():
    rng = np.random.default_rng(0)
    return {"good": rng.gamma(4, 0.01, N), "poor": rng.gamma(4, 0.02, N), "gives-up": rng.gamma(4, 0.015, N)}


def test_the_errors_of_every_face_are_there_to_half_a_step(tmp_path, errors):
    errors["gives-up"][3] = np.nan
    write_runs(tmp_path, errors)
    text = page([tmp_path])
    (one,) = data_of(text)["tables"]
    kept = dict(zip(one["methods"], errors_in(text), strict=True))
    assert set(kept) == set(errors) and one["total"] == one["random"] == N
    for name, values in errors.items():
        assert np.allclose(kept[name], values, atol=0.5e-4 + 1e-9, equal_nan=True)
    assert data_of(text)["ids"][one["ids"]] == face_ids(N).tolist()


def test_an_error_beyond_what_can_be_told_is_the_largest_and_never_a_missed_face():
    assert unpacked(packed_errors(np.array([7.0, np.nan, 0.0]))).tolist() == [NOTHING - 1, NOTHING, 0]


def test_seeds_are_averaged_over_those_that_found_the_face(tmp_path):
    write_runs(tmp_path / "a", {"m": np.full(N, 0.02)}, seed=0)
    write_runs(tmp_path / "b", {"m": np.where(np.arange(N) == 1, np.nan, 0.04)}, seed=1)
    values = errors_in(page([tmp_path / "a", tmp_path / "b"]))[0]
    assert values[[0, 1, 2]] == pytest.approx([0.03, 0.02, 0.03])


def test_a_sample_is_random_first_then_extreme():
    rng = np.random.default_rng(1)
    errors = rng.gamma(4, 0.01, (3, 5000))
    errors[1, 77] = 9.0
    sample = sampled(errors, 1000)
    assert len(sample.faces) == len(set(sample.faces.tolist())) == 1000 and sample.n_random == 900
    assert 77 in sample.faces
    assert errors[:, sample.faces[:900]].mean() == pytest.approx(errors.mean(), rel=0.05)
    again = sampled(errors, 1000)
    assert np.array_equal(sample.faces, again.faces)


def test_the_faces_to_draw_hold_the_worst_of_each_method_and_the_largest_disagreement():
    errors = np.full((2, 50), 0.05)
    errors[0, 4], errors[1, 9], errors[:, 13], errors[0, 20], errors[1, 20] = 0.6, 0.7, 0.01, 0.0, 0.5
    assert set(shown_faces(errors, 4)) == {4, 9, 13} | {shown_faces(errors, 4)[3]}
    assert len(shown_faces(errors, 500)) == 50


def test_a_missed_face_is_the_worst_of_a_method():
    assert shown_faces(np.array([[0.1, np.nan, 0.3]]), 1) == [1]


def test_shapes_are_kept_once_and_to_a_thousandth_of_a_pixel():
    pool, square = Shapes(), square_around(POINTS)
    wild = np.array([[1e9, np.nan]] * 5)
    assert [
        pool.add(POINTS, square),
        pool.add(POINTS + 1, square),
        pool.add(POINTS, square),
        pool.add(wild, square),
    ] == [*(0, 1, 0, 2)]
    steps = unpacked(pool.packed()[5]).reshape(3, 5, 2)
    back = (steps / (NOTHING - 1) * 3 - 1) * square.side + [square.x, square.y]
    assert np.abs(back[:2] - [POINTS, POINTS + 1]).max() < 3 * square.side / (NOTHING - 1)
    assert (steps[2] == NOTHING).all()


def test_truth_and_answers_are_drawn_where_they_are(tmp_path, errors):
    keys = write_runs(tmp_path, errors)
    text = page([tmp_path], known(N, keys=keys))
    data = data_of(text)
    one = data["tables"][0]
    own, shapes = one["drawn"], unpacked(data["shapes"]["5"]).reshape(-1, 5, 2)
    k = 0
    row = own["faces"][k]
    square = square_around(truth_of(N)[row])
    placed = (shapes / (NOTHING - 1) * 3 - 1) * square.side + [square.x, square.y]
    assert np.allclose(placed[own["truth"][k]], truth_of(N)[row], atol=0.01)
    for i, name in enumerate(one["methods"]):
        moved = placed[own["answers"][i][k]] - truth_of(N)[row]
        assert np.allclose(moved, [100 * errors[name][row], 0.0], atol=0.02)
    assert own["pictures"] == [] and "data:image" not in text


def test_pictures_are_there_on_request_alone(tmp_path, errors):
    keys = write_runs(tmp_path, errors)
    asked = []

    def picture(row: int, part: Square):
        asked.append(row)
        return ("image/png", b"PNG") if row % 2 else None

    data = data_of(page([tmp_path], known(N, keys=keys, picture=picture)))
    own = data["tables"][0]["drawn"]
    assert asked == own["faces"]
    assert own["pictures"] == [0 if row % 2 else None for row in asked]
    assert data["pictures"] == ["data:image/png;base64,UE5H"]


def test_errors_of_landmarks_are_in_percent_and_means_over_seeds(tmp_path, errors):
    keys = write_runs(tmp_path, errors)
    one = data_of(page([tmp_path], known(N, keys=keys)))["tables"][0]
    of = dict(zip(one["methods"], one["landmarks"]["errors"], strict=True))
    assert of[list(errors)[1]] == pytest.approx([2.0, 4.0, 6.0, 8.0, 10.0])


def test_without_the_truth_the_page_says_how_to_get_it(tmp_path, errors):
    write_runs(tmp_path, errors)
    text = page([tmp_path], notes=["300w-helen: the data are <elsewhere>"])
    assert 'href="#faces"' not in text and 'href="#landmarks"' not in text
    assert "fldbench report DIR --data ROOT" in text and "the data are &lt;elsewhere&gt;" in text


def test_no_name_runs_or_fetches_anything(tmp_path):
    write_runs(tmp_path, {name: np.full(6, 0.03) for name in (*HOSTILE[:-2], "</script><script>alert(1)</script>")})
    text = page([tmp_path], title="</title><script>alert(2)</script>")
    code = re.sub(r"<script[ >].*?</script>|<style>.*?</style>", "", text, flags=re.S)
    assert text.count("<script") == 3 and not re.search(r"<script>alert|\son\w+\s*=\s*[\"']", code)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in code and "\\x1b[31mred" in code
    data_of(text)


def test_the_policy_allows_this_style_and_these_scripts_alone(tmp_path, errors):
    write_runs(tmp_path, errors)
    text = page([tmp_path])
    (policy,) = re.findall(r'Content-Security-Policy" content="(.*?)"', text)
    policy = policy.replace("&#39;", "'")
    assert policy.startswith("default-src 'none'; ") and "unsafe" not in policy
    inside = re.findall(r"<script>(.*?)</script>|<style>(.*?)</style>", text, re.S)
    assert len(inside) == 3
    for parts in inside:
        digest = base64.b64encode(hashlib.sha256("".join(parts).encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert not re.search(r"""(src|href|url)\s*[=(]\s*["']?(https?:)?//""", text)


def test_numbers_are_those_of_the_leaderboard(tmp_path, errors):
    write_runs(tmp_path, errors)
    text = page([tmp_path])
    board = fldbench.leaderboard(tmp_path)
    for row in board.rows:
        assert f'<td data-v="{row["nme"]:.4f}">' in text
        assert f"<code>{row_key(board, row)}</code>" in text


def row_key(board, row):
    return board.records[board.rows.index(row)].one.key


def test_a_row_without_errors_is_on_the_board_alone(tmp_path, errors):
    write_runs(tmp_path, errors)
    Store(tmp_path).write(failed("broken", reason="fell <over>"))
    text = page([tmp_path])
    assert "fell &lt;over&gt;" in text
    assert "broken" not in data_of(text)["tables"][0]["methods"]


def test_more_faces_than_a_page_holds_are_a_sample_that_says_so(tmp_path):
    rng = np.random.default_rng(2)
    write_runs(tmp_path, {f"m{i}": rng.gamma(4, 0.01, 8_000) for i in range(3)})
    text = page([tmp_path])
    (one,) = data_of(text)["tables"]
    assert one["total"] == 8_000 and one["random"] < len(data_of(text)["ids"][0]) <= 6000
    assert len(text) < 500_000


def test_costs_and_slices_have_screens_with_a_figure_each(tmp_path, errors):
    pose = np.where(np.arange(N) % 3 == 0, "left", "right")
    kept = {"slices": np.array(["attribute:pose"]), "attribute:pose": pose}
    for name, values in errors.items():
        timings = Timings(fit_seconds=1.0, ms_one_face=1.0 + len(name))
        write_runs(tmp_path, {name: values}, more=kept, timings=timings)
    text = page([tmp_path])
    cost, slices = (text.split(f'<section id="{name}"')[1].split("</section>")[0] for name in ("cost", "slices"))
    assert cost.count("<circle") == 3 and '<text class="named"' in cost and 'data-name="ms_one_face"' in cost
    assert slices.count("<circle") == 2 and slices.count('class="whisker"') == 2
    assert "pose: left (110)" in slices and "</svg>" in slices


def test_scripts_stay_small():
    assert sum(len(_file(name)) for name in SCRIPTS) < 35_000


def test_nothing_to_show_is_an_error(tmp_path):
    with pytest.raises(StoreError, match="no run record below"):
        page([tmp_path])
    with pytest.raises(StoreError, match="there is no folder"):
        page([])


def test_the_same_records_give_the_same_page(tmp_path, errors):
    write_runs(tmp_path / "runs", errors)
    first = write_page(tmp_path / "a.html", [tmp_path / "runs"])
    assert first.read_text() == page([tmp_path / "runs"])
