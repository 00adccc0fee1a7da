"""The page in a browser: what a reader does with it, alone by keyboard too, and that it is accessible."""

import csv
import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hostile_names import HOSTILE
from made_pages import known, write_runs

from fldbench.audit.board_tables import audit_side
from fldbench.report.page import write_page

N = 330
SCREENS = ("board", "compare", "faces", "landmarks", "slices", "robustness", "cost", "audit", "provenance")


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    """A page of three methods under two protocols, and of two of them with harm."""
    folder = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(0)
    base = rng.gamma(4, 0.01, N)
    errors = {"good": base, "near": base + rng.normal(0, 0.002, N).clip(-0.005), "poor": 2 * base}
    errors["near"][7] = 0.45
    kept = {"slices": np.array(["subset:even"]), "subset:even": np.arange(N) % 2 == 0}
    keys = write_runs(folder, errors, more=kept)
    write_runs(folder, {"good": base, "poor": base + 0.01}, "300w-helen@interpupil")
    write_runs(folder, {"good": 1.5 * base, "poor": 2.5 * base}, "300w-helen@blur=5")
    audit = partial(audit_side, known={})
    return write_page(folder / "report.html", [folder], known(N, keys=keys), screens=[audit])


def methods(page):
    return page.locator(".table.open tbody tr:not(.part):not(.gone) th").all_inner_texts()


def downloaded(page, button):
    with page.expect_download() as waiting:
        page.locator(f"section.open button[data-csv={button}]:visible").first.click()
    text = Path(waiting.value.path()).read_text()
    return waiting.value.suggested_filename, list(csv.DictReader(io.StringIO(text)))


def test_a_heading_sorts_up_then_down_then_as_it_was(report, visit):
    page = visit(report)
    assert methods(page) == ["good", "near", "poor"]
    head = page.locator(".table.open th[data-name=nme]")
    for sort, expected in (("ascending", "good"), ("descending", "poor"), (None, "good")):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == sort and methods(page)[0] == expected


def test_words_filter_the_rows(report, visit):
    page = visit(report)
    page.get_by_label("Find").first.fill("OO")
    assert methods(page) == ["good", "poor"]
    assert page.locator("#found").inner_text() == "2 of 3 methods"


def test_columns_are_chosen(report, visit):
    page = visit(report)
    page.locator("#columns summary").click()
    page.get_by_label("NME %").uncheck()
    page.get_by_label("parameters").check()
    heads = page.locator(".table.open thead th:not(.off)").all_inner_texts()
    assert "NME %" not in heads and "parameters" in heads
    page.keyboard.press("Escape")
    assert page.locator("#column-list").is_hidden()


def test_a_link_shows_what_its_sender_saw(report, visit):
    page = visit(report)
    page.locator("#table").select_option("300w-helen-interpupil")
    page.locator(".table.open th[data-name=nme] button").click()
    page.locator(".table.open th[data-name=nme] button").click()
    page.get_by_label("Find").first.fill("o")
    link = page.evaluate("location.hash")
    again = visit(report, link)
    assert methods(again) == methods(page) == ["poor", "good"]
    assert again.locator("#table").input_value() == "300w-helen-interpupil"


def test_screens_change_by_their_links_and_by_going_back(report, visit):
    page = visit(report)
    for name in SCREENS[1:]:
        page.locator(f"nav a[href='#{name}']").click()
        assert page.locator("section.open").get_attribute("id") == name
        assert page.locator("nav a[aria-current=page]").get_attribute("href") == f"#{name}"
    page.go_back()
    assert page.locator("section.open").get_attribute("id") == SCREENS[-2]


def test_an_unknown_link_is_the_board(report, visit):
    page = visit(report, "#nowhere?t=nothing&sort=none&a=nobody&cols=x")
    assert page.locator("section.open").get_attribute("id") == "board" and methods(page)[0] == "good"


def test_the_shown_board_is_downloaded(report, visit):
    page = visit(report, "#board?q=oo&sort=nme&dir=descending")
    name, rows = downloaded(page, "board")
    assert name == "fldbench-board-300w-helen.csv"
    assert [row["method"] for row in rows] == ["poor", "good"]
    assert float(rows[0]["nme"]) == pytest.approx(2 * float(rows[1]["nme"]), abs=2e-4)


def test_two_methods_are_compared_face_by_face(report, visit):
    page = visit(report, "#compare?a=good&b=near")
    name, rows = downloaded(page, "deciding")
    assert name == "fldbench-deciding-300w-helen.csv" and rows[0]["face"] == "face/000007"
    before = float(rows[0]["difference"])
    page.get_by_role("button", name="Swap").click()
    _, rows = downloaded(page, "deciding")
    assert float(rows[0]["difference"]) == -before
    assert page.evaluate("location.hash").endswith("a=near&b=good")


def test_the_verdict_of_a_pair_is_turned_with_it(report, visit):
    page = visit(report, "#compare?a=good&b=poor")
    assert page.locator("#verdict").inner_text().endswith("good is better (p < 0.001).")
    low, high = page.locator("#pair-facts dd").nth(1).inner_text().split(" to ")
    page.get_by_role("button", name="Swap").click()
    assert page.locator("#verdict").inner_text().endswith("good is better (p < 0.001).")
    turned = page.locator("#pair-facts dd").nth(1).inner_text()
    assert turned == f"{high} to {low}".replace("+", "−")


def test_faces_are_drawn_and_ordered(report, visit):
    page = visit(report, "#faces?m=near")
    assert page.locator("#grid li").count() == 24
    assert "near 45.00 %" in page.locator("#grid li").first.inner_text()
    ink = "n => [...n.getContext('2d').getImageData(0, 0, n.width, n.height).data].some(v => v)"
    assert page.locator("#grid canvas").first.evaluate(ink)
    page.get_by_label("Order").select_option("best")
    _, rows = downloaded(page, "faces")
    values = [float(row["near"]) for row in rows]
    assert values == sorted(values)
    page.get_by_role("button", name="Show more").click()
    assert page.locator("#grid li").count() == 48


def test_landmarks_of_two_methods_are_told_apart(report, visit):
    page = visit(report, "#landmarks?m=good&n=poor")
    _, rows = downloaded(page, "landmarks")
    assert rows[0] == {"landmark": "left eye", "first": "1.00", "second": "3.00", "difference": "+2.00"}
    assert page.locator("#mean-face circle:not(.none)").count() == 5


def test_curves_under_harm_belong_to_the_protocol_and_to_that_without_harm(report, visit):
    page = visit(report, "#robustness")
    panel = page.locator("#robustness .panel.open")
    assert panel.count() == 1 and panel.locator("svg path.line").count() == 2
    _, rows = downloaded(page, "robustness")
    assert [row["method"] for row in rows][:2] == ["good", "poor"] and float(rows[1]["nme@5"]) > 5
    page.locator("#table").select_option("300w-helen-blur-5")
    assert panel.count() == 1
    page.locator("#table").select_option("300w-helen-interpupil")
    assert panel.count() == 0 and page.locator("#robustness [data-none]").is_visible()


def test_the_audit_belongs_to_the_protocol_and_is_sorted_and_downloaded(report, visit):
    page = visit(report, "#audit")
    panels = page.locator("#audit .panel.open")
    assert panels.count() == 2 and "one convention after the other" in panels.first.inner_text()
    panels.first.locator("th[data-name=poor] button").click()
    _, rows = downloaded(page, "audit")
    values = [float(row["poor"]) for row in rows if row["part"] == "what is averaged"]
    assert values == sorted(values) and {"convention", "ratio", "order changes", "good"} <= rows[0].keys()
    page.locator("#table").select_option("300w-helen-interpupil")
    assert panels.count() == 2 and "300w-helen@interpupil" in panels.first.inner_text()


def test_a_protocol_without_truth_says_so(report, visit):
    page = visit(report, "#faces?t=300w-helen-interpupil")
    assert "not known here" in page.locator("#faces-note").inner_text()
    assert page.locator("#grid li").count() == 0


def test_records_of_a_protocol_or_of_all_are_listed(report, visit):
    page = visit(report, "#provenance")
    assert page.locator("#records-found").inner_text() == "3 of 3 records"
    page.get_by_label("all protocols").check()
    page.get_by_label("Find").last.fill("interpupil poor")
    assert page.locator("#records-found").inner_text() == "1 of 7 records"
    _, (row,) = downloaded(page, "records")
    assert row["protocol"] == "300w-helen@interpupil" and len(row["record"]) == 20


def test_the_theme_is_the_systems_or_the_chosen_one(report, visit):
    page = visit(report, theme="dark")
    ground = "getComputedStyle(document.documentElement).backgroundColor"
    dark = page.evaluate(ground)
    page.get_by_label("Theme").select_option("light")
    light = page.evaluate(ground)
    page.reload()
    assert dark != light == page.evaluate(ground)
    page.get_by_label("Theme").select_option("")
    assert page.evaluate(ground) == dark


def test_the_board_is_reached_and_sorted_by_keyboard(report, visit):
    page = visit(report)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "NME %":
            break
    page.keyboard.press("Enter")
    assert page.locator(".table.open th[data-name=nme]").get_attribute("aria-sort") == "ascending"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_without_scripts_every_table_is_there(report, visit):
    page = visit(report, scripts=False)
    assert page.locator("table.board").count() == 3
    assert all(page.locator("table.board").nth(i).is_visible() for i in range(3))
    assert page.locator("#records").is_visible() and page.locator("#q").is_hidden()


def test_hostile_names_are_shown_and_not_run(tmp_path, visit):
    names = [*HOSTILE[:-2], "</script><script>alert(1)</script>", "<img src=x onerror=alert(1)>"]
    keys = write_runs(tmp_path / "runs", {name: np.linspace(0.01, 0.05, 6) for name in names})
    path = write_page(tmp_path / "page.html", [tmp_path / "runs"], known(6, keys=keys), title="<b>t</b>")
    page = visit(path)
    assert "<img src=x onerror=alert(1)>" in methods(page)
    for name in ("compare", "faces", "landmarks", "provenance"):
        page.locator(f"nav a[href='#{name}']").click()
    assert page.get_by_role("heading", level=1).inner_text() == "<b>t</b>"
    page.locator("nav a[href='#board']").click()
    _, rows = downloaded(page, "board")
    assert not any(row["method"].startswith(("=", "+", "@")) for row in rows)


@pytest.mark.parametrize(("width", "theme"), [(360, "dark"), (1280, "light")])
def test_no_screen_has_a_fault_that_axe_finds_or_is_wider_than_the_window(report, visit, width, theme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = visit(report, width=width, theme=theme)
    for name in SCREENS:
        page.locator(f"nav a[href='#{name}']").click()
        found = axe.Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
