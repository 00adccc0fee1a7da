"""A suite shared out to several machines: each cell is done once, and the tables are those of one run."""

import pytest

import fldbench
from fldbench.errors import SuiteError
from fldbench.run.runner import plan_suite


def test_shards_are_disjoint_and_together_the_suite(toy, tmp_path):
    suite = toy | {"methods": ["noisy", "mean-shape"], "seeds": [0, 1, 2]}
    whole = fldbench.run_suite(suite, tmp_path / "whole")
    parts = [fldbench.run_suite(suite, tmp_path / f"part-{i}", shard=(i, 3)) for i in (1, 2, 3)]
    keys = [record.key for part in parts for record in part]
    assert [len(part) for part in parts] == [2, 1, 1]  # four cells: three seeds of noisy, and one mean shape
    assert sorted(keys) == sorted(record.key for record in whole)
    together = fldbench.leaderboard([tmp_path / f"part-{i}" for i in (1, 2, 3)])
    assert {row["method"]: row["nme"] for row in together.rows} == {
        row["method"]: row["nme"] for row in fldbench.leaderboard(whole).rows
    }


def test_in_one_folder_a_last_call_finds_all_done(toy, tmp_path):
    suite = toy | {"methods": ["noisy", "mean-shape"]}
    for i in (1, 2):
        fldbench.run_suite(suite, tmp_path, shard=(i, 2))
    fldbench.run_suite(suite, tmp_path, on_event=lambda *event: 1 / 0)  # which is told of everything that is done


@pytest.mark.parametrize(
    ("shard", "text"),
    [
        ((0, 2), "shard: its number is 0; must be from 1 to 2, the number of shards"),
        ((3, 2), "shard: its number is 3; must be from 1 to 2, the number of shards"),
        ((1, 5), "shard: the number of shards is 5; must be 1 or fewer: the cells"),
    ],
)
def test_a_shard_that_there_is_not(toy, tmp_path, shard, text):
    with pytest.raises(SuiteError, match=text):
        plan_suite(toy, tmp_path, shard=shard)
