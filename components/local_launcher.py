"""Starts a server that must not outlive a broken start.

`python -m components.local_launcher RECORD LOG CPUS COMMAND...`, where CPUS is how many processors the server may use,
0 for all. Writes the server's process to RECORD, then waits on standard input. A line means that the server is wanted:
the launcher leaves it running. The end of input means that whoever asked for it is gone (Ctrl-C, kill -9): the server
is stopped. Standard library only.
"""

import json
import os
import select
import sys
from dataclasses import asdict
from pathlib import Path
from typing import NoReturn

from components.local_process import Process

POLL_SECONDS = 0.1
STOP_SECONDS = 5  # nobody is being served yet


def main(record: Path, log: Path, cpus: int, command: list[str]) -> int:
    if cpus:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])
    process = _start(record, log, command)
    while process.is_alive:
        readable, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if not readable:
            continue
        if os.read(sys.stdin.fileno(), 1):
            return 0
        process.stop(STOP_SECONDS)
    record.unlink(missing_ok=True)
    return 1


def _start(record: Path, log: Path, command: list[str]) -> Process:
    """Starts the command only when its record is written: whatever is killed when, no server runs that nobody knows."""
    recorded, may_run = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(may_run)
        _become(command, log, recorded)
    os.close(recorded)
    process = Process.of(pid)
    partial = record.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(process)))
    partial.replace(record)
    os.write(may_run, b"1")
    os.close(may_run)
    return process


def _become(command: list[str], log: Path, recorded: int) -> NoReturn:
    """In the child: waits until the record is written, then is the command."""
    os.setsid()
    if not os.read(recorded, 1):
        os._exit(1)
    with log.open("ab") as output, Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
        os.dup2(output.fileno(), 1)
        os.dup2(output.fileno(), 2)
    os.execv(command[0], command)  # noqa: S606


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
