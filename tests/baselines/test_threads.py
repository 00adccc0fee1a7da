"""Threads of the classical methods, and of the matrix products that they call."""

import sys
import types

import numpy as np
from threadpoolctl import threadpool_info

from fldbench.baselines.parts import threads


def products():
    return {one["filepath"]: one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_matrix_products_have_so_many_threads_inside_the_block_alone():
    import scipy.linalg  # which brings a library of its own

    assert scipy.linalg.norm(np.ones(4)) == 2
    before = products()
    for count in (1, 2):
        with threads.limited_blas(count):
            assert set(products().values()) == {count}
        assert products() == before


def test_libraries_are_looked_for_again_after_an_import(monkeypatch):
    with threads.limited_blas(1):
        known = threads._blas(len(sys.modules))
    assert threads._blas(len(sys.modules)) is known
    monkeypatch.setitem(sys.modules, "a_module_that_nobody_knows", types.ModuleType("new"))
    assert threads._blas(len(sys.modules)) is not known


def test_blocks_come_back_in_order_whatever_the_number_of_threads():
    for count in (1, 2, 5):
        found = threads.each_block(lambda rows: (rows.start, rows.stop), 11, 3, count)
        assert found == [(0, 3), (3, 6), (6, 9), (9, 11)]
