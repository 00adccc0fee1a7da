"""Progress: the innermost listener hears, and the one before it is back whatever happens."""

from threading import Thread

import pytest

from fldbench.progress import listening, say_progress


def test_the_innermost_listener_hears_and_the_outer_one_is_back_afterwards():
    outer, inner = [], []
    say_progress("nobody", 0, 2)
    with listening(lambda *news: outer.append(news)):
        say_progress("fit", 1, 2)
        with pytest.raises(ValueError, match="no more"), listening(lambda *news: inner.append(news)):
            say_progress("trees", 3, 4)
            raise ValueError("no more")
        say_progress("fit", 2, 2)
    say_progress("nobody", 2, 2)
    assert outer == [("fit", 1, 2), ("fit", 2, 2)] and inner == [("trees", 3, 4)]


def test_another_thread_does_not_tell_this_one():
    heard = []
    with listening(lambda *news: heard.append(news)):
        thread = Thread(target=say_progress, args=("elsewhere", 1, 1))
        thread.start()
        thread.join()
    assert heard == []
