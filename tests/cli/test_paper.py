"""What the command writes for a paper: the rules as a paragraph, and what to cite."""


def test_the_statement_of_a_protocol_is_text_or_latex(call):
    status, text, _ = call("show", "300w-helen@interpupil", "--statement", "text")
    assert status == 0 and text.startswith(
        "The test faces are the subset helen-test of the split test of 300w (330 faces"
    )
    assert "above 8 % or 10 %" in text and text.count("\n") == 1
    status, latex, _ = call("show", "300w-helen@interpupil", "--statement", "latex")
    assert status == 0 and r"above 8 \% or 10 \%" in latex and latex.replace("\\%", "%") == text
    status, _, err = call("show", "300w-hellen", "--statement", "text")
    assert status == 2 and "no protocol named '300w-hellen'; did you mean '300w-helen'?" in err


def test_the_bibliography_of_a_run(call, tmp_path):
    suite = tmp_path / "suite.yaml"
    suite.write_text("name: toy\ntrain: [{dataset: toy}]\nmethods: [noisy]\nprotocols: [toy-test]\n")
    assert call("run", suite, "--out", tmp_path / "out")[0] == 0
    status, text, _ = call("leaderboard", tmp_path / "out", "--bibtex")
    assert status == 0 and "% method noisy: not known; ask its authors\n" in text and "@misc{fldbench," in text
    assert call("leaderboard", tmp_path / "out", "--bibtex", "-o", tmp_path / "a.bib")[0] == 0
    assert (tmp_path / "a.bib").read_text() == text
