"""A process of this machine that outlives the one that started it: recognised, and stopped. Standard library only."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Process:
    """A running process. A pid alone is given to others again; with its start and the machine's boot it is not."""

    pid: int
    started: str

    @classmethod
    def of(cls, pid: int) -> Self:
        """The process that has this pid now. Raises ProcessLookupError."""
        state, ticks = _status(pid)
        if state in "ZX":
            raise ProcessLookupError(pid)
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return cls(pid, f"{boot}:{ticks}")

    @property
    def is_alive(self) -> bool:
        """Whether it runs; a zombie does not."""
        try:
            return self == Process.of(self.pid)
        except ProcessLookupError:
            return False

    def stop(self, patience: float) -> None:
        """Asks it to end, and after `patience` seconds ends it and every process of its session."""
        self._signal(signal.SIGTERM)
        deadline = time.monotonic() + patience
        while self.is_alive and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
        while self.is_alive:
            time.sleep(_POLL_SECONDS)

    def _signal(self, number: signal.Signals) -> None:
        if self.is_alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)


def find(*arguments: str) -> Process | None:
    """A running process whose program's first arguments are these."""
    words = b"\0".join(word.encode() for word in arguments) + b"\0"
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().partition(b"\0")[2].startswith(words):
                return Process.of(int(folder.name))
    return None


def is_running(pid: int) -> bool:
    """Whether any process has this pid and is no zombie."""
    try:
        Process.of(pid)
    except ProcessLookupError:
        return False
    return True


def _status(pid: int) -> tuple[str, str]:
    """State and start time, in clock ticks since boot: fields 3 and 22 of proc_pid_stat(5)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        raise ProcessLookupError(pid) from None
    fields = text.rpartition(")")[2].split()
    return fields[0], fields[19]
