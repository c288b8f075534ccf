"""Long steps that say what they do and show that they are alive, and problems that end a command with one message."""

import os
import shutil
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

HEARTBEAT_SECONDS = 15  # between two lines of a step where the output is no terminal


class Problems(Exception):
    """What stands in the way: a list of sentences, each with what to do. Ends the command with exit code 1."""

    def __init__(self, *problems: str) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def problem(what: str, remedy: str) -> str:
    """A problem in words: what is wrong, and what to do."""
    return f"{what}\n  What to do: {remedy}"


def say(text: str) -> None:
    print(text, flush=True)


def announce(title: str, why: str, duration: str) -> None:
    """The head of a long step: what it does, why, and roughly how long it takes."""
    say(f"{title} ({duration})\n  {why}")


class Heartbeat:
    """Shows how long a step has run and what it does: every second on a terminal, every 15 seconds elsewhere."""

    def __init__(self) -> None:
        self.now = ""
        self._started = time.monotonic()
        self._terminal = sys.stdout.isatty()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> "Heartbeat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        if self._terminal:
            print("\r\033[K", end="")

    def _beat(self) -> None:
        while not self._stop.wait(1 if self._terminal else HEARTBEAT_SECONDS):
            line = f"  {time.monotonic() - self._started:4.0f} s  {self.now}"
            if self._terminal:
                width = os.get_terminal_size(sys.stdout.fileno()).columns
                print(f"\r\033[K{line[: width - 1]}", end="", flush=True)
            else:
                say(line)


def run(
    command: Sequence[str | Path],
    *,
    failure: str,
    remedy: str,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    describe: Callable[[str], str] = str.strip,
) -> None:
    """Runs a long command under a heartbeat.

    Its output is kept back and shown only when it fails: the last 20 lines, after `failure` and `remedy`.
    `describe` turns a line of output into what the heartbeat shows. Raises Problems.
    """
    if not shutil.which(str(command[0])):
        raise Problems(problem(f"{failure} There is no {command[0]}.", remedy))
    tail: deque[str] = deque(maxlen=20)
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        assert process.stdout is not None
        with Heartbeat() as heartbeat:
            for line in process.stdout:
                tail.append(line.rstrip())
                heartbeat.now = describe(line) or heartbeat.now
    if process.returncode:
        shown = "\n".join(f"    {line}" for line in tail)
        last = f"  The last lines of `{Path(command[0]).name}` (exit code {process.returncode}):\n{shown}"
        raise Problems(f"{problem(failure, remedy)}\n{last}")
