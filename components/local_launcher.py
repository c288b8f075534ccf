"""Starts a server that must not outlive a broken start.

`python -m components.local_launcher RECORD LOG CPUS COMMAND...`, where CPUS is how many processors the server may use,
0 for all. Writes the server's process to RECORD, then waits on standard input. A line means that the server is wanted:
the launcher leaves it running. The end of input means that whoever asked for it is gone (Ctrl-C, kill -9): the server
is stopped. Standard library only.
"""

import json
import os
import select
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from components.local_process import Process

POLL_SECONDS = 0.1
STOP_SECONDS = 5  # nobody is being served yet


def main(record: Path, log: Path, cpus: int, command: list[str]) -> int:
    if cpus:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cpus])
    with log.open("ab") as output:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
        )
    process = Process.of(server.pid)
    partial = record.with_suffix(".partial")
    partial.write_text(json.dumps(asdict(process)))
    partial.replace(record)
    while server.poll() is None:
        readable, _, _ = select.select([sys.stdin], [], [], POLL_SECONDS)
        if not readable:
            continue
        if os.read(sys.stdin.fileno(), 1):
            return 0
        process.stop(STOP_SECONDS)
        server.wait()
    record.unlink(missing_ok=True)
    return server.returncode if server.returncode > 0 else 1


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
