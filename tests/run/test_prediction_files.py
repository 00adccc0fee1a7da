"""Predictions of other programs: formats, mistakes, and the published numbers of COFW-68's published methods."""

import json

import numpy as np
import pytest
from scipy.io import loadmat
from toys import toy_faces, toy_protocol

import fldbench
from fldbench.errors import DatasetNotFoundError, PredictionsError, UnknownNameError
from fldbench.records.store import Store
from fldbench.run.prediction_files import evaluate_file, read_predictions, record_of

# NME by outer eye corners; NME and FR@10% by eye centres: the figures that papers print for these files
COFW68_PUBLISHED = {
    "RCPR-occ_300w": (8.756, 12.271, 42.41),
    "TCDCN_CFOW68": (7.655, 10.722, 41.03),
    "HPM_HelenLfpw_COFW68test": (6.717, 9.399, 27.61),
    "SAPM_COFW68": (6.635, 9.286, 28.80),
    "CFSS_CFOW68": (6.283, 8.799, 21.89),
}
FACES = toy_faces(8, 2)
GUESS = FACES.landmarks + np.random.default_rng(0).normal(0, 1, FACES.landmarks.shape)


def csv_rows(points=GUESS, ids=FACES.ids):
    return [[one, *(repr(float(v)) for v in row.ravel())] for one, row in zip(ids, points, strict=True)]


def write(path, rows, header=None):
    path.write_text("\n".join(",".join(row) for row in ([header] if header else []) + rows) + "\n", encoding="utf-8")
    return path


def test_every_format_gives_the_same_numbers(toy, tmp_path):
    direct = fldbench.evaluate(GUESS, toy_protocol("toy-test").select(FACES), "toy-test").metrics
    header = ["id", *(f"{axis}{i}" for i in range(5) for axis in "xy")]
    npz, js = tmp_path / "a.npz", tmp_path / "a.json"
    np.savez(npz, ids=FACES.ids[::-1], predictions=GUESS[::-1])
    js.write_text(json.dumps({str(one): row.tolist() for one, row in zip(FACES.ids, GUESS, strict=True)}))
    paths = [write(tmp_path / "a.csv", csv_rows(), header), write(tmp_path / "b.CSV", csv_rows()[::-1]), npz, js]
    for path in paths:
        assert evaluate_file(path, "toy-test").score.metrics == direct, path


def test_missing_faces_and_blank_cells_count_as_failures_and_are_named(toy, tmp_path):
    rows = csv_rows()[:6]
    rows[0][3] = ""
    outside = evaluate_file(write(tmp_path / "a.csv", rows), "toy-test")
    assert outside.absent == ("test6", "test7") and outside.score.missed == 3
    assert np.isnan(outside.predictions[[0, 6, 7]]).any(axis=(1, 2)).all() and np.array_equal(
        outside.predictions[1:6], GUESS[1:6]
    )
    assert outside.score.metrics["fr08"] >= 100 * 3 / 8
    (tmp_path / "a.json").write_text(json.dumps({"test1": None, "test2": GUESS[2].ravel().tolist()}))
    assert evaluate_file(tmp_path / "a.json", "toy-test").score.missed == 7


def test_predictions_for_other_subsets_are_counted_but_not_used(toy, tmp_path):
    outside = evaluate_file(write(tmp_path / "a.csv", csv_rows()), "toy-even")
    assert outside.score.n == 4 and outside.elsewhere == 4 and not outside.absent
    outside = evaluate_file(write(tmp_path / "b.csv", csv_rows()[1:]), "toy-even")  # without the even face 0
    assert outside.score.n == 4 and outside.elsewhere == 4 and outside.absent == ("test0",)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda rows: [*rows, rows[3]], r"a\.csv: more than one prediction for 'test3'; give each face one"),
        (
            lambda rows: [["face9", *rows[0][1:]], *rows[1:]],
            r"toy-test has no face 'face9'; its ids look like 'test0'",
        ),
        (lambda rows: [*rows[:2], rows[2][:-1]], r"a\.csv, line 3: 10 columns; must be 11: id, x0, y0, ... to y4"),
        (lambda rows: [*rows[:2], [*rows[2][:-1], "far"]], r"a\.csv, line 3: could not convert string to float: 'far'"),
    ],
)
def test_mistakes_in_a_csv_are_named(toy, tmp_path, change, text):
    with pytest.raises(PredictionsError, match=text):
        evaluate_file(write(tmp_path / "a.csv", change(csv_rows())), "toy-test")


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.json", b"{", r"a\.json, line 1: not JSON"),
        ("a.json", b"[1, 2]", r"no mapping; must be \{id: \[\[x, y\]"),
        ("a.json", b'{"test0": [[1, 2]]}', r"face 'test0' must be 5 pairs \[x, y\] of numbers"),
        ("a.json", b'{"test0": null, "test0": null}', r"more than one prediction for 'test0'"),
        ("a.npz", b"PK but no", r"not an .npz file with the arrays ids and predictions"),
        ("a.csv", b"\xff\xfe\x00", r"a\.csv, line 1: not UTF-8 text \(byte 0x00\)"),
        ("a.txt", b"1", r"a\.txt: a prediction file ends in \.csv, \.json or \.npz; this dataset has no"),
    ],
)
def test_files_that_are_not_predictions_are_named(toy, tmp_path, name, content, text):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(PredictionsError, match=text):
        evaluate_file(tmp_path / name, "toy-test")


def test_absent_files_protocols_and_roots_are_named(toy, tmp_path):
    with pytest.raises(PredictionsError, match=r"none\.csv: there is no such prediction file"):
        evaluate_file(tmp_path / "none.csv", "toy-test")
    with pytest.raises(UnknownNameError, match="no protocol named 'toy-tst'; did you mean 'toy-test'"):
        evaluate_file(tmp_path / "none.csv", "toy-tst")
    with pytest.raises(DatasetNotFoundError, match="dataset 'cofw68' is not below"):
        evaluate_file(tmp_path / "none.csv", "cofw68", tmp_path)


def test_an_npz_of_another_width_is_named(toy, tmp_path):
    np.savez(tmp_path / "a.npz", ids=FACES.ids, predictions=GUESS[:, :4])
    with pytest.raises(
        PredictionsError, match=r"shapes of ids and predictions are \(8,\), \(8, 4, 2\); must be \(n,\), \(n, 5, 2\)"
    ):
        evaluate_file(tmp_path / "a.npz", "toy-test")


def test_a_records_own_faces_can_be_scored_again(toy, tmp_path):
    (record,) = fldbench.run_suite(toy, tmp_path)
    again = evaluate_file(tmp_path / "records" / record.key / "faces.npz", "toy-test")
    assert again.score.metrics == record.metrics


def test_a_record_of_outside_predictions_appears_in_a_leaderboard(toy, tmp_path):
    outside = evaluate_file(write(tmp_path / "a.csv", csv_rows()[:7]), "toy-test")
    store = Store(tmp_path / "out")
    for label in ("ours", "theirs"):
        store.write(*record_of(outside, label, "toy-test"))
    rows = fldbench.leaderboard(tmp_path / "out").rows
    assert [(row["method"], row["train"], row["missed"], row["n"]) for row in rows] == [
        ("ours", "unknown", 1, 8),
        ("theirs", "unknown", 1, 8),
    ]
    assert rows[0]["nme"] == pytest.approx(outside.score.metrics["nme"])


def direct_cofw68(root, name):
    """NME by corners and by centres, and FR@10% by centres, in plain numpy from the raw files."""
    lines = (root / f"cofw68/Results/{name}.txt").read_text().split("\n")
    corners, centres = [], []
    for k in range(0, 4 * 507, 4):
        truth = loadmat(root / f"cofw68/test_annotations/{int(lines[k])}_points.mat")["Points"]
        guess = np.array([lines[k + 1].split(), lines[k + 2].split()], float).T
        error = np.sqrt(((guess - truth) ** 2).sum(1)).mean()
        corners.append(error / np.hypot(*(truth[36] - truth[45])))
        centres.append(error / np.hypot(*(truth[36:42].mean(0) - truth[42:48].mean(0))))
    return 100 * np.mean(corners), 100 * np.mean(centres), 100 * np.mean(np.array(centres) > 0.1)


@pytest.mark.parametrize("name", COFW68_PUBLISHED)
def test_the_published_cofw68_methods_get_their_published_numbers(data_root, name):
    path = data_root / "cofw68/Results" / f"{name}.txt"
    outer = evaluate_file(path, "cofw68", data_root).score
    pupil = evaluate_file(path, "cofw68-interpupil", data_root).score
    nme_outer, nme_pupil, failures = COFW68_PUBLISHED[name]
    assert (outer.n, outer.missed) == (507, 0)
    assert outer.metrics["nme"] == pytest.approx(nme_outer, abs=1e-3)
    assert pupil.metrics["nme"] == pytest.approx(nme_pupil, abs=1e-3)
    assert pupil.metrics["fr10"] == pytest.approx(failures, abs=0.01)
    direct = direct_cofw68(data_root, name)
    found = (outer.metrics["nme"], pupil.metrics["nme"], pupil.metrics["fr10"])
    assert found == pytest.approx(direct, abs=1e-9)


def test_swapping_the_normaliser_changes_cofw68_as_the_formula_says(data_root):
    path = data_root / "cofw68/Results/CFSS_CFOW68.txt"
    outer, pupil = (evaluate_file(path, name, data_root) for name in ("cofw68", "cofw68-interpupil"))
    points = outer.faces.landmarks
    corner = np.linalg.norm(points[:, 36] - points[:, 45], axis=1)
    centre = np.linalg.norm(points[:, 36:42].mean(1) - points[:, 42:48].mean(1), axis=1)
    assert pupil.score.errors == pytest.approx(outer.score.errors * corner / centre, rel=1e-12)


def test_a_dropped_face_of_a_published_method_is_a_failure(data_root, tmp_path):
    lines = (data_root / "cofw68/Results/CFSS_CFOW68.txt").read_text().splitlines(keepends=True)
    (tmp_path / "cut.txt").write_text("".join(lines[4:]))
    whole = evaluate_file(data_root / "cofw68/Results/CFSS_CFOW68.txt", "cofw68", data_root)
    cut = evaluate_file(tmp_path / "cut.txt", "cofw68", data_root)
    assert cut.absent == (lines[0].strip(),) and (cut.score.n, cut.score.missed) == (507, 1)
    row = whole.faces.ids.tolist().index(cut.absent[0])
    assert cut.score.metrics["nme"] == pytest.approx(100 * np.delete(whole.score.errors, row).mean())
    ids, points = read_predictions(tmp_path / "cut.txt", 68, "cofw68")
    assert len(ids) == 506 and points.shape == (506, 68, 2)


def test_labels_suffice_if_the_images_of_a_protocol_are_absent(data_root, tmp_path):
    labelled = fldbench.load_dataset("300w-labels", data_root, "test")
    guess = labelled.landmarks + np.random.default_rng(0).normal(0, 2, labelled.landmarks.shape)
    np.savez(tmp_path / "a.npz", ids=labelled.ids, predictions=guess)
    full = evaluate_file(tmp_path / "a.npz", "300w-full", data_root)
    assert (full.score.n, full.score.missed, full.faces.name) == (689, 0, "300w-labels")
    eyes = np.linalg.norm(labelled.landmarks[:, 36] - labelled.landmarks[:, 45], axis=1)
    errors = np.linalg.norm(guess - labelled.landmarks, axis=2).mean(axis=1) / eyes
    assert full.score.metrics["nme"] == pytest.approx(100 * errors.mean(), rel=1e-12)
    parts = [evaluate_file(tmp_path / "a.npz", f"300w-{name}", data_root).score for name in ("common", "challenging")]
    total = sum(part.n * part.metrics["nme"] for part in parts) / 689
    assert total == pytest.approx(full.score.metrics["nme"], rel=1e-12)


def test_two_files_under_one_label_are_two_rows(toy, tmp_path):
    store = Store(tmp_path / "out")
    for name, points in (("a", GUESS), ("b", GUESS + 0.5), ("c", GUESS)):
        outside = evaluate_file(write(tmp_path / f"{name}.csv", csv_rows(points)), "toy-test")
        store.write(*record_of(outside, "ours", "toy-test"))
    names = [row["method"] for row in fldbench.leaderboard(tmp_path / "out").rows]
    assert len(set(names)) == 2 and all(name.startswith("ours (content of predictions=") for name in names)


def test_boxes_are_what_somebody_states_and_not_stated_otherwise(toy, tmp_path):
    path = write(tmp_path / "a.csv", csv_rows())
    np.savez(tmp_path / "told.npz", ids=FACES.ids, predictions=GUESS, boxes="jittered:.1")
    for file, boxes, stated in (
        (path, None, "not stated"),
        (path, "truth-tight", "tight"),
        (path, "MTCNN's", "MTCNN's"),
        (tmp_path / "told.npz", None, "jittered:0.10"),
        (tmp_path / "told.npz", "official", "official"),
    ):
        outside = evaluate_file(file, "toy-test", boxes=boxes)
        record, _ = record_of(outside, "ours", "toy-test")
        assert outside.boxes == record.test.boxes == record.boxes == stated
        caption = fldbench.leaderboard([record]).captions["unknown", "toy-test"]
        assert "made from the truth" not in caption
        assert ("boxes not stated;" if stated == "not stated" else f"boxes {stated} (as stated);") in caption
    for bad in ("jittered:9", "tight:2", "two\nlines", "w" * 61):
        with pytest.raises(PredictionsError, match=r"a\.csv: boxes is .*must be tight, "):
            evaluate_file(path, "toy-test", boxes=bad)


def test_training_faces_that_somebody_states_are_compared(toy, tmp_path):
    path = write(tmp_path / "a.csv", csv_rows())
    honest = evaluate_file(path, "toy-test", trained_on=["toy-train"])
    assert (honest.overlap, honest.notes) == ("", ())
    record, _ = record_of(honest, "ours", "toy-test")
    assert (record.train.label, record.train.overlap) == ("toy-train (stated)", "")
    with pytest.raises(
        PredictionsError, match=r"a\.csv: toy-even measures faces that its method was trained on \(toy-t"
    ):
        evaluate_file(path, "toy-even", trained_on=["toy-train", "toy-test"])
    seen = evaluate_file(path, "toy-test", trained_on=["toy-train", "toy-test"], allow_overlap=True)
    record, arrays = record_of(seen, "ours", "toy-test")
    assert record.train.overlap == seen.overlap == "toy-test: these are its faces"
    store = Store(tmp_path / "out")
    store.write(record, arrays)
    store.write(*record_of(honest, "ours", "toy-test"))  # the same predictions, stated otherwise, are another record
    text = fldbench.leaderboard(tmp_path / "out").to_markdown()
    assert "ours (contaminated)" in text and "Not ranked, because toy-test: these are its faces" in text
    assert "toy-test, trained on toy-train + toy-test (stated)" in text
    assert "toy-test, trained on toy-train (stated)" in text


def test_training_faces_that_cannot_be_compared_are_noted_and_misspelt_ones_refused(toy, tmp_path):
    path = write(tmp_path / "a.csv", csv_rows())
    outside = evaluate_file(path, "toy-test", tmp_path, trained_on=["our photos", "cofw-train"])
    assert outside.overlap == "" and outside.notes == (
        "'our photos' is no split of a dataset that fldbench knows: its faces are not compared",
        "cofw-train is not below the data root: its faces are not compared",
    )
    with pytest.raises(
        PredictionsError, match="the training faces is 'toy-trian'; must be toy-SPLIT with one of train"
    ):
        evaluate_file(path, "toy-test", trained_on=["toy-trian"])


def test_the_record_counts_faces_without_a_prediction(toy, tmp_path):
    record, _ = record_of(evaluate_file(write(tmp_path / "a.csv", csv_rows()[:5]), "toy-test"), "ours", "toy-test")
    assert (record.test.n, record.test.absent, record.test.missed) == (8, 3, 3)


def test_faces_that_lack_some_points_and_values_that_mark_missing_ones_are_noted(toy, tmp_path):
    points = GUESS.copy()
    points[:3, 2], points[0, 4] = np.nan, np.nan
    points[4], points[5, 1], points[6, 0] = -1, 0, (0, 7)
    outside = evaluate_file(write(tmp_path / "a.csv", csv_rows(points)), "toy-test")
    assert outside.score.missed == 3
    assert outside.notes == (
        "3 faces lack some points (point 2 in 3 of them) and count as missed; give all points of a face",
        "2 faces have points at exactly (0, 0) or (-1, -1), scored as they are; if they mean that nothing was found, "
        "write nan or an empty cell",
    )
    assert evaluate_file(write(tmp_path / "b.csv", csv_rows()), "toy-test").notes == ()


@pytest.mark.parametrize("text", ["tigth", "Offical", "jitterd:0.1", "truth-tigth"])
def test_misspelt_boxes_are_no_boxes_of_another_kind(toy, tmp_path, text):
    path = write(tmp_path / "a.csv", csv_rows())
    with pytest.raises(PredictionsError, match=r"boxes is .*; must be (tight|official|jittered|truth-tight), or other"):
        evaluate_file(path, "toy-test", boxes=text)
    assert evaluate_file(path, "toy-test", boxes="Tight").boxes == "tight"
    assert evaluate_file(path, "toy-test", boxes="RetinaFace").boxes == "RetinaFace"


@pytest.mark.parametrize("label", ["TOY-test", "toy test", "Toy/Test", "toy_test", "TOY"])
def test_training_faces_are_known_however_their_name_is_written(toy, tmp_path, label):
    path = write(tmp_path / "a.csv", csv_rows())
    with pytest.raises(PredictionsError, match="these are its faces"):
        evaluate_file(path, "toy-test", trained_on=[label])
