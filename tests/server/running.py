"""A real server process with a real llama-server, for tests."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests import ports

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 30  # seconds; a slow machine, not a target


@dataclass
class Running:
    """A server and how to reach it."""

    process: subprocess.Popen[bytes]
    port: int
    admin_port: int
    output: Path

    @property
    def api(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def admin(self) -> str:
        return f"http://127.0.0.1:{self.admin_port}"

    def state(self) -> str:
        return httpx.get(f"{self.admin}/startupz").json()["state"]

    def wait_for(self, state: str) -> None:
        deadline = time.monotonic() + PATIENCE
        seen = "nothing"
        while time.monotonic() < deadline:
            assert self.process.poll() is None, f"ended with {self.process.returncode}: {self.text()}"
            with suppress(httpx.TransportError):
                seen = self.state()
            if seen == state:
                return
            time.sleep(0.05)
        raise AssertionError(f"{state} was not reached, only {seen}: {self.text()}")

    def wait(self) -> int:
        return self.process.wait(PATIENCE)

    def text(self) -> str:
        return self.output.read_text(errors="replace")

    def engines(self) -> list[int]:
        """The pids of its llama-server processes."""
        listed = subprocess.run(
            ["ps", "-o", "pid=,comm=,stat=", "--ppid", str(self.process.pid)], capture_output=True, text=True
        ).stdout
        rows = [line.split() for line in listed.splitlines()]
        return [int(pid) for pid, name, state in rows if name == "llama-server" and not state.startswith("Z")]


@contextmanager
def server(folder: Path, manifest: dict[str, Any] | str, *arguments: str) -> Iterator[Running]:
    """Starts a server that keeps its models in `folder`; kills it at the end."""
    (folder / "manifest.json").write_text(manifest if isinstance(manifest, str) else json.dumps(manifest))
    port, admin_port = ports.free(2)
    output = folder / "output.log"
    command = [
        sys.executable,
        "-m",
        "server",
        "--manifest",
        str(folder / "manifest.json"),
        "--models",
        str(folder / "models"),
    ]
    with output.open("ab") as log:
        process = subprocess.Popen(
            [*command, "--port", str(port), "--admin-port", str(admin_port), *arguments],
            cwd=ROOT,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Running(process, port, admin_port, output)
    finally:
        process.kill()
        process.wait()


def terminate(running: Running) -> int:
    running.process.send_signal(signal.SIGTERM)
    return running.wait()
