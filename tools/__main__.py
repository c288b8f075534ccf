"""What `make` calls: python3 -m tools COMMAND."""

import argparse
import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tools import development, local_stack, paths
from tools.steps import Problems, problem

COMMANDS = {
    "setup": local_stack.set_up,
    "up": local_stack.up,
    "down": local_stack.down,
    "status": local_stack.status,
    "test": development.test,
    "check": development.check,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tools")
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args().command
    try:
        with _alone():
            COMMANDS[command]()
    except Problems as error:
        numbered = (
            f"  {number}. {text.replace(chr(10), chr(10) + '  ')}" for number, text in enumerate(error.problems, 1)
        )
        print("\n".join([f"error: `make {command}` can't go on:", *numbered]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\ninterrupted; `make {command}` can be run again", file=sys.stderr)
        return 130
    return 0


@contextmanager
def _alone() -> Iterator[None]:
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


if __name__ == "__main__":
    sys.exit(main())
