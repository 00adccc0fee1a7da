"""Committed tables are those that the published records beside them give, and READMEs say what the tables say."""

import csv
import re
from pathlib import Path

import pytest

import fldbench
from fldbench.report import robustness
from fldbench.report.evidence import check_evidence
from fldbench.run.suite import load_suite

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = sorted((ROOT / "results").rglob("records.zip"))

needs_records = pytest.mark.skipif(not PUBLISHED, reason="no folder of results/ has published records")

# The figures of the first paragraph of a README: file, cells that name the row, and columns.
LEADS = {
    "300w": [
        ("leaderboard.csv", {"method": method, "protocol": f"300w-helen{boxes}"}, ["nme"])
        for method, boxes in (
            *((name, "") for name in ("average", "hog-ridge", "asm", "lbf")),
            *((name, "@boxes=detected:dlib-hog") for name in ("average", "asm", "hog-ridge")),
        )
    ],
    "mtfl": [
        (
            "ablation.csv",
            {"variant": "all", "protocol": "mtfl-detected@unshifted"},
            ["nme:diff", "nme:low", "nme:high"],
        ),
        ("ablation.csv", {"variant": "landmarks", "protocol": "mtfl-detected@unshifted"}, ["nme"]),
        (
            "weightings.csv",
            {
                "variant": "fixed weights={gender: 0.15, smile: 0.15, glasses: 0.15, pose: 0.15}",
                "protocol": "mtfl-detected@unshifted",
            },
            ["nme:diff", "nme:high", "nme:low"],
        ),
        (
            "strong/ablation.csv",
            {
                "variant": "fixed weights={gender: 0.15, smile: 0.15, glasses: 0.15, pose: 0.15}",
                "protocol": "mtfl-detected@unshifted",
            },
            ["nme:diff", "nme:high", "nme:low"],
        ),
        (
            "strong/ablation.csv",
            {"variant": "cagrad", "protocol": "mtfl-detected@unshifted"},
            ["nme:diff", "nme:high", "nme:low"],
        ),
    ],
    "youtube-faces": [
        ("leaderboard.csv", {"method": f"{name} (contaminated)", "protocol": "youtube-faces-test"}, ["nme"])
        for name in ("hog-ridge", "lbf", "asm", "linear")
    ],
    "youtube-faces-splits": [
        (f"{split}/leaderboard.csv", {"method": f"{name}{mark}", "protocol": protocol}, ["nme"])
        for name in ("fld-net", "linear", "mean-shape")
        for split, mark, protocol in (
            ("official", " (contaminated)", "youtube-faces-test"),
            ("disjoint", "", "youtube-faces-disjoint"),
        )
    ],
    "cofw68": [
        ("leaderboard.csv", {"method": name, "protocol": "cofw68"}, ["nme"])
        for name in ("CFSS", "SAPM", "HPM", "TCDCN", "RCPR")
    ],
    "robustness": [
        ("robustness.csv", {"method": "lbf", "harm": "darkness"}, ["nme@0", "nme@5"]),
        ("robustness.csv", {"method": "hog-ridge", "harm": "darkness"}, ["nme@5"]),
        ("robustness.csv", {"method": "cnn-small", "harm": "rotation"}, ["nme@0", "nme@5"]),
        ("robustness.csv", {"method": "hog-ridge", "harm": "rotation"}, ["nme@5"]),
        *(("robustness.csv", {"method": name, "harm": "box-shift"}, ["nme@5"]) for name in ("cnn-small", "hog-ridge")),
    ],
    "synthetic": [
        ("leaderboard.csv", {"method": name, "protocol": f"synthetic-test{boxes}"}, ["nme"])
        for name in ("hog-ridge", "lbf", "asm")
        for boxes in ("", "@boxes=jittered:0.05")
    ],
    "wflw-crops": [
        *(
            ("leaderboard.csv", {"method": n, "protocol": "wflw-as-68"}, ["nme"])
            for n in ("cnn-small", "hog-ridge", "average")
        ),
        *(
            ("../300w/leaderboard.csv", {"method": n, "protocol": "300w-helen"}, ["nme"])
            for n in ("hog-ridge", "cnn-small")
        ),
    ],
    "synthetic-dose": [
        ("robustness.csv", {"method": name, "harm": "yaw"}, ["nme@0", "nme@4"]) for name in ("lbf", "cnn-small")
    ],
    "limit": [
        ("leaderboard.csv", {"method": name, "protocol": f"300w-helen{boxes}"}, ["nme"])
        for name, boxes in (
            ("stack of fld-net, hog-ridge and asm, in the boxes of fld-net", ""),
            ("stack of fld-net, hog-ridge and asm, in the boxes of fld-net", "@boxes=detected:dlib-hog"),
            *((f"fld-net, mirrored crop{how}", "@rotation=5") for how in ("", ", upright")),
            *((f"hog-ridge{how}", "@rotation=5") for how in ("", ", upright")),
            ("fld-net, mirrored crop, upright", ""),
            ("stack of hog-ridge, asm and lbf", ""),
            ("fld-net of 0.5 MB", ""),
            ("fld-net of 0.1 MB", ""),
        )
    ],
    "peers": [
        ("leaderboard.csv", {"method": "mediapipe, linear map", "protocol": "300w-helen"}, ["nme"]),
        ("leaderboard.csv", {"method": "mediapipe, list of indices", "protocol": "300w-helen"}, ["nme"]),
        *(
            (f"{folder}leaderboard.csv", {"method": name, "protocol": "300w-helen@boxes=detected:dlib-hog"}, ["nme"])
            for folder, name in (
                ("", "mediapipe, linear map"),
                ("../limit/", "fld-net, mirrored crop, 3 passes"),
                ("../limit/", "fld-net"),
                ("../limit/", "hog-ridge"),
            )
        ),
    ],
    "projects/mobilenet": [
        ("leaderboard.csv", {"method": name}, ["nme"])
        for name in ("mobilenet-0.3", "vggface-transfer, frozen at random", "mean-shape")
    ],
    "projects/resnet50-wing": [
        ("leaderboard.csv", {"method": name, "protocol": protocol}, ["nme"])
        for name in ("resnet50-wing: augmentation none", "resnet50-wing: augmentation standard", "lbf")
        for protocol in ("synthetic-98", "wflw")
    ],
    "projects/multi-task": [
        ("leaderboard.csv", {"method": name, "protocol": "mtfl-detected"}, ["nme"])
        for name in ("mtfld, whole image", "tcdcn, landmarks alone", "tcdcn, all tasks")
    ],
    "projects/alexnet-elu": [
        ("leaderboard.csv", {"method": name, "protocol": f"youtube-faces-disjoint{boxes}"}, ["nme"])
        for name in ("alexnet-elu", "naimish-net", "lbf")
        for boxes in ("", "@boxes=detected:haar")
    ],
    "imm-frontal": [
        ("leaderboard.csv", {"method": name, "protocol": protocol}, ["nme"])
        for name in ("asm", "hog-ridge")
        for protocol in ("imm-frontal", "imm-frontal@boxes=jittered:0.05")
    ],
}
# Other figures: a weight, and the differences with intervals that robustness.md tells in sentences.
ALSO = {
    "mtfl": [0.15],
    "synthetic-dose": [0.90, 0.78, 1.04, 0.58, 0.47, 0.70],
}
SMALLEST = {  # methods of which a README says that they have the smallest NME of all, or of some
    "300w": [("average", "300w-helen", ())],
    "synthetic": [("hog-ridge", f"synthetic-test{boxes}", ()) for boxes in ("", "@boxes=jittered:0.05")],
}


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lead_of(folder):
    """The first paragraph behind the title."""
    return (ROOT / "results" / folder / "README.md").read_text(encoding="utf-8").split("\n\n")[1]


@pytest.mark.parametrize("folder", LEADS)
def test_the_first_sentence_of_a_readme_is_what_its_table_says(folder):
    told = []
    for name, cells, columns in LEADS[folder]:
        rows = [row for row in rows_of(ROOT / "results" / folder / name) if cells.items() <= row.items()]
        assert len(rows) == 1, (name, cells)
        told += [abs(float(rows[0][column])) for column in columns]
    figures = sorted(map(float, re.findall(r"\d+\.\d\d", lead_of(folder))))
    # A CSV has four digits, so that a figure of two may be half a step of both away.
    assert figures == pytest.approx(sorted([*told, *ALSO.get(folder, [])]), abs=0.00506)


@needs_records
@pytest.mark.parametrize("folder", sorted({path.parent for path in PUBLISHED}), ids=lambda path: path.name)
def test_intervals_in_the_tables_of_a_readme_are_those_of_its_records(folder):
    known = set()
    for row in (row for path in folder.rglob("*.csv") for row in rows_of(path)):
        for low in (name for name in row if name.endswith(":low") and row[name]):
            known.add((f"{float(row[low]):.2f}", f"{float(row[low[:-4] + ':high']):.2f}"))
    page = folder / "README.md"
    told = page.read_text(encoding="utf-8") if page.exists() else ""
    for line in (line for line in told.splitlines() if line.startswith("|")):
        found = re.findall(r"\[\+?(-?\d+\.\d\d), \+?(-?\d+\.\d\d)\\?\]", line)
        assert set(found) <= known, line


def test_the_pairs_that_change_places_are_those_that_the_readme_names():
    text = (ROOT / "results/robustness/robustness.md").read_text(encoding="utf-8")
    found = re.findall(r"^- (\S+) is better than (\S+) without harm .* and worse at (\S+ \S+) ", text, re.M)
    assert sorted(found) == sorted(
        [
            *(("lbf", other, "darkness 5") for other in ("cnn-small", "linear", "mean-shape")),
            *((one, "cnn-small", at) for one in ("hog-ridge", "lbf") for at in ("rotation 5", "box-shift 5", "20 %")),
            ("lbf", "cnn-small", "box-scale 5"),
            *(("cnn-small", "linear", at) for at in ("blur 5", "noise 5")),
            ("hog-ridge", "lbf", "noise 5"),
        ]
    )


def test_what_is_said_of_ties_is_what_paired_tests_say():
    for protocol in ("imm-frontal", "imm-frontal@boxes=jittered:0.05"):
        rows = [row for row in rows_of(ROOT / "results/imm-frontal/leaderboard.csv") if row["protocol"] == protocol]
        assert [row["method"] for row in rows if "a" in row["ties"]] == ["asm", "hog-ridge"]
    rows = rows_of(ROOT / "results/synthetic/leaderboard.csv")
    assert {row["method"] for row in rows if "a" in row["ties"]} == {"hog-ridge"}
    jittered = {row["method"] for row in rows if "jittered" in row["protocol"] and "b" in row["ties"]}
    assert jittered == {"asm", "lbf"}
    letters = {}
    for row in rows_of(ROOT / "results/300w/leaderboard.csv"):
        letters.setdefault(row["protocol"], {})[row["method"]] = set(row["ties"])
    whole = letters["300w-helen"]
    assert not any(whole["average"] & those for name, those in whole.items() if name != "average")
    for protocol, of in letters.items():
        assert of["hog-ridge"] & of["asm"] and not of["hog-ridge"] & of["lbf"], protocol
        assert not of["asm"] & of["asm without its mean error"], protocol
        assert bool(of["lbf"] & of["lbf without its mean error"]) == ("dlib" not in protocol)
    for protocol in ("cofw68", "cofw68@interpupil"):
        rows = [row for row in rows_of(ROOT / "results/cofw68/leaderboard.csv") if row["protocol"] == protocol]
        assert [(row["method"], row["ties"]) for row in rows] == [
            *(("CFSS", "a"), ("SAPM", "a"), ("HPM", "a")),
            *(("TCDCN", "b"), ("RCPR", "c")),
        ]


@pytest.mark.parametrize("folder", SMALLEST)
def test_what_is_called_the_smallest_is_it(folder):
    rows = rows_of(ROOT / "results" / folder / "leaderboard.csv")
    for method, protocol, among in SMALLEST[folder]:
        of = {row["method"]: float(row["nme"]) for row in rows if row["protocol"] == protocol}
        chosen = {name: nme for name, nme in of.items() if not among or name in (method, *among)}
        assert min(chosen, key=chosen.get) == method and len(chosen) >= max(2, len(among))


@needs_records
@pytest.mark.parametrize("records", PUBLISHED, ids=lambda path: path.parent.name)
def test_committed_tables_are_those_of_their_records(records, tmp_path):
    for path in fldbench.leaderboard(records).write(tmp_path):
        own = records.with_name(path.name)
        assert own.read_bytes() == path.read_bytes(), f"{own} is not what its records give: make tables"


def test_no_table_for_a_paper_has_a_letter_that_latex_does_not_get():
    for path in (ROOT / "results").rglob("*.tex"):
        assert "{}U+" not in path.read_text(encoding="utf-8"), path


SUITES = [path.with_name("suite.yaml") for path in PUBLISHED if path.with_name("suite.yaml").exists()]


@needs_records
@pytest.mark.parametrize("path", SUITES, ids=lambda path: path.parent.name)
def test_the_methods_of_a_suite_are_those_of_the_table_beside_it(path):
    suite = load_suite(path)
    labels = {one.label for one in suite.each_method}
    rows = rows_of(path.with_name("leaderboard.csv"))
    assert {row["method"].removesuffix(" (contaminated)") for row in rows} == labels


CURVES = [path for path in PUBLISHED if path.with_name("robustness.csv").exists()]


@pytest.mark.parametrize("records", CURVES, ids=lambda path: path.parent.name)
def test_committed_curves_are_those_of_their_records(records):
    found = robustness(records)
    for ending, text in (("csv", found.to_csv()), ("tex", found.to_latex()), ("md", found.to_markdown())):
        assert records.with_name(f"robustness.{ending}").read_text(encoding="utf-8") == text, ending


@needs_records
@pytest.mark.parametrize("records", PUBLISHED, ids=lambda path: path.parent.name)
def test_their_numbers_follow_from_their_errors(records):
    findings = check_evidence(records)
    assert findings and not [finding.text for finding in findings if finding.wrong]


@needs_records
def test_make_tables_finds_them():
    (line,) = re.findall(r"for records in \$\$\(find results -name (\S+) \| sort\)", (ROOT / "Makefile").read_text())
    assert {path.name for path in PUBLISHED} == {line}


def test_what_results_teach_is_what_their_folders_say():
    text = (ROOT / "results/README.md").read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| ") and "](" in line]
    assert len(rows) == 14
    for row in rows:
        known = set()
        for folder in re.findall(r"\]\((\S+?)/README\.md\)", row):
            known |= set(re.findall(r"\d+\.\d\d\b", (ROOT / "results" / folder / "README.md").read_text("utf-8")))
            for table in (ROOT / "results" / folder).rglob("*.csv"):
                known |= {f"{float(x):.2f}" for x in re.findall(r"(?<![\w.])\d+\.\d+(?!\w)", table.read_text("utf-8"))}
        assert set(re.findall(r"\d+\.\d\d\b", row)) <= known, row


def test_every_benchmark_is_listed_with_a_place_that_names_it():
    text = (ROOT / "benchmarks/README.md").read_text(encoding="utf-8")
    rows = dict(re.findall(r"^\| `(\w+\.py)` \| .+ \| (.+) \|$", text, re.M))
    assert set(rows) == {path.name for path in (ROOT / "benchmarks").glob("*.py")}
    for script, place in rows.items():
        if place.startswith("results/"):
            page = ROOT / place if place.endswith(".md") else ROOT / place / "README.md"
            assert script in page.read_text(encoding="utf-8"), f"{place} does not say what {script} gave"
        assert place != "below" or text.count(script) > 1, script
