"""Datasets of a plug-in file are known to the commands on data."""

import sys

import pytest

from fldbench import plugin_files
from fldbench.cli import app as cli

READER = """
import fldbench
from toys import toy_faces


class Mine(fldbench.Dataset):
    scheme = "mtfl-5"
    splits = ("all",)

    def load(self, root, split):
        return toy_faces(3, name="mine", split="all")


fldbench.register_dataset("mine", Mine)
"""


def test_a_dataset_of_a_plug_in_is_shown(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(plugin_files, "_loaded", {})
    monkeypatch.setattr(sys, "path", [*sys.path])
    path = tmp_path / "reader_of_mine.py"
    path.write_text(READER)
    monkeypatch.setattr(sys, "argv", ["fldbench", "data", "info", "mine", "--plugin", str(path)])
    with pytest.raises(SystemExit) as leaving:
        cli.main()
    sys.modules.pop("fldbench_plugin_reader_of_mine")
    assert leaving.value.code == 0 and "mine, split all" in capsys.readouterr().out
