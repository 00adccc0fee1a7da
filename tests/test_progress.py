"""Progress: the innermost listener hears, and the one before it is back whatever happens."""

from threading import Thread

import pytest

from fldbench.progress import listening, report


def test_the_innermost_listener_hears_and_the_outer_one_is_back_afterwards():
    outer, inner = [], []
    report("nobody", 0, 2)
    with listening(lambda *news: outer.append(news)):
        report("fit", 1, 2)
        with pytest.raises(ValueError, match="no more"), listening(lambda *news: inner.append(news)):
            report("trees", 3, 4)
            raise ValueError("no more")
        report("fit", 2, 2)
    report("nobody", 2, 2)
    assert outer == [("fit", 1, 2), ("fit", 2, 2)] and inner == [("trees", 3, 4)]


def test_another_thread_does_not_tell_this_one():
    heard = []
    with listening(lambda *news: heard.append(news)):
        thread = Thread(target=report, args=("elsewhere", 1, 1))
        thread.start()
        thread.join()
    assert heard == []
