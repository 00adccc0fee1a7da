"""Shared by the checks of methods and of datasets: results, and running one check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fldbench.errors import FldbenchError, raised_at, text_of


class Skipped(Exception):
    """Raised by a check that does not apply; its text is the reason."""


@dataclass(frozen=True)
class Result:
    """The result of one check.

    Attributes
    ----------
    check : str
        Its name.
    about : str
        What must hold.
    status : {"passed", "failed", "skipped"}
    reason : str
        What came instead, or why it was skipped.
    advice : bool
        Whether it should hold, for good numbers, and not must, for numbers that can be trusted.
    """

    check: str
    about: str
    status: str
    reason: str = ""
    advice: bool = False


def should(check: Callable[..., None]) -> Callable[..., None]:
    """Mark a check as advice: what it looks for is no breach of the contract."""
    check.advice = True  # type: ignore[attr-defined]
    return check


def run(check: Callable[..., None], *arguments: object) -> Result:
    """Run one check on its arguments. Anything that it raises is a failure, except Skipped.

    >>> def check_even(number):
    ...     "The number is even."
    ...     assert number % 2 == 0, f"{number} is odd"
    >>> run(check_even, 3)
    Result(check='even', about='The number is even.', status='failed', reason='3 is odd', advice=False)
    """
    about = (check.__doc__ or "").strip().splitlines()[0]
    name = check.__name__.removeprefix("check_").replace("_", "-")
    advice = getattr(check, "advice", False)
    try:
        check(*arguments)
    except Skipped as reason:
        return Result(name, about, "skipped", str(reason), advice)
    except AssertionError as error:
        return Result(name, about, "failed", text_of(error) or "it does not hold", advice)
    except (Exception, SystemExit) as error:  # any kind of crash is what the checks look for
        text = text_of(error)
        told = text if isinstance(error, FldbenchError) else f"{type(error).__name__}: {text} ({raised_at(error)})"
        return Result(name, about, "failed", told or type(error).__name__, advice)
    return Result(name, about, "passed", advice=advice)


def raises(kinds: type[Exception] | tuple[type[Exception], ...], call: Callable[[], object], when: str) -> str:
    """Return the text of the error that `call` raises; raise AssertionError for no error, or one of another kind."""
    wanted = " or ".join(kind.__name__ for kind in (kinds if isinstance(kinds, tuple) else (kinds,)))
    try:
        call()
    except kinds as error:
        assert str(error).strip(), f"the {type(error).__name__} {when} says nothing"
        return str(error)
    except Exception as error:
        raise AssertionError(f"{when}: {type(error).__name__} ({error}) in place of {wanted}") from error
    raise AssertionError(f"{when}: no error; must be {wanted}")
