"""One command that changes a checkout at a time."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from tools import paths
from tools.steps import Problems, problem


@contextmanager
def alone() -> Iterator[None]:
    """One command of a checkout at a time."""
    try:
        paths.WORK.mkdir(exist_ok=True)
        lock = (paths.WORK / "lock").open("w")
    except OSError as error:
        raise Problems(
            problem(
                f"{paths.ROOT} can't be written to ({error.strerror}).",
                "clone to a folder of your own, or make this one writable.",
            )
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Problems(problem("another `make` is at work in this checkout.", "wait until it has ended.")) from None
        yield
