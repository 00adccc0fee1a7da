"""NAME=VALUE on the command line."""

import pytest

from fldbench.cli.common import parse_assignment
from fldbench.errors import DataError


def test_a_list_is_json():
    assert parse_assignment('tasks=["landmarks", "pose"]', "--param") == ("tasks", ["landmarks", "pose"])
    assert parse_assignment("name=[left", "--option") == ("name", "[left")


@pytest.mark.parametrize("value", ["[landmarks,pose]", "{window: 5}"])
def test_a_list_whose_quotes_the_shell_took_says_how_to_write_it(value):
    with pytest.raises(DataError, match=r"must be JSON, quoted for the shell: --param 'tasks=\[\"a\", \"b\"\]'"):
        parse_assignment(f"tasks={value}", "--param")
