"""`fldbench report`: a page of one or several folders, and one line for what is wrong."""

import pytest

from fldbench import registry, run_suite


@pytest.fixture
def out(toy, tmp_path):
    run_suite(toy | {"methods": ["noisy", "gives-up"]}, tmp_path / "runs")
    return tmp_path / "runs"


def test_a_page_is_written(call, out, tmp_path):
    status, said, err = call("report", out, "-o", tmp_path / "page.html")
    assert status == 0 and said.startswith(f"written: {tmp_path / 'page.html'} (") and err == ""
    text = (tmp_path / "page.html").read_text()
    assert 'href="#faces"' in text and "data:image" not in text


def test_pictures_are_embedded_on_request(call, out, tmp_path):
    call("report", out, "-o", tmp_path / "page.html", "--images")
    assert "data:image/jpeg;base64," in (tmp_path / "page.html").read_text()


def test_absent_data_are_said_and_the_page_is_written(call, out, tmp_path):
    del registry.TABLES["dataset"]["toy"]
    status, _, err = call("report", out, "-o", tmp_path / "page.html")
    assert status == 0 and "faces are not drawn: toy-test: " in err
    assert "faces are not drawn" not in (tmp_path / "page.html").read_text()


@pytest.mark.parametrize(("folder", "page", "line"), [("no", "page.html", "no run record"), ("runs", ".", "directory")])
def test_what_is_wrong_is_one_line(call, out, tmp_path, folder, page, line):
    status, said, err = call("report", tmp_path / folder, "-o", tmp_path / page)
    assert status == 2 and said == "" and line in err and len(err.splitlines()) == 1
