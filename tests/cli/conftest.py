"""Fixtures of the tests of the command."""

import sys

import pytest

from fldbench.cli import app as cli


@pytest.fixture
def call(toy, monkeypatch, capsys):
    """The command in this process, where the toy benchmark is registered: exit status, stdout, stderr."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["fldbench", *map(str, args)])
        with pytest.raises(SystemExit) as leaving:
            cli.main()
        out, err = capsys.readouterr()
        return leaving.value.code, out, err

    return run
