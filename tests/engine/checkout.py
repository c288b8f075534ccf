"""A copy of the checkout that the real engine works in, with a backend of its own."""

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests import ports
from tools import paths

TOP = (
    "Makefile",
    "Pulumi.yaml",
    "__main__.py",
    "components",
    "registry",
    "requirements.txt",
    "requirements-dev.txt",
    "server",
    "tools",
)
COMMAND_SECONDS = 90


@dataclass
class Checkout:
    """A project folder with one local stack in it."""

    folder: Path
    stack: str = "local"
    extra: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.port, self.admin_port = ports.free(2)

    @property
    def stack_file(self) -> Path:
        return self.folder / "stacks" / f"Pulumi.{self.stack}.yaml"

    @property
    def environment(self) -> dict[str, str]:
        """What `. .paddock/env` sets in a shell."""
        script = f"set -a; . {shlex.quote(str(self.folder))}/.paddock/env; env -0"
        shown = subprocess.run(
            ["bash", "-c", script], capture_output=True, env=self.outside, check=True
        ).stdout.decode()
        return dict(entry.split("=", 1) for entry in shown.split("\0") if "=" in entry)

    @property
    def outside(self) -> dict[str, str]:
        """The user's environment, with Pulumi settings of their own that must not be used."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
        ours = {
            "PADDOCK_CACHE": str(paths.cache()),
            "PULUMI_BACKEND_URL": "https://must.not.be.used.invalid",
            "HOME": str(self.home),
        }
        return kept | ours | self.extra

    @property
    def home(self) -> Path:
        home = self.folder.parent / "home"
        home.mkdir(exist_ok=True)
        return home

    def configure(self, **values: object) -> None:
        """Writes the stack's file anew, with ports of the test's own."""
        document = yaml.safe_load((paths.ROOT / "stacks" / "Pulumi.local.yaml").read_text())
        values = {"port": self.port, "adminPort": self.admin_port} | values
        document["config"] |= {f"paddock:{key}": value for key, value in values.items()}
        self.stack_file.write_text(yaml.safe_dump(document))

    def tools(self, command: str) -> subprocess.CompletedProcess[str]:
        """What `make COMMAND` calls."""
        return subprocess.run(
            [sys.executable, "-m", "tools", command],
            cwd=self.folder,
            env=self.outside,
            capture_output=True,
            text=True,
            timeout=COMMAND_SECONDS,
        )

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["pulumi", "--non-interactive", *arguments, "--stack", self.stack],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            start_new_session=True,
        )

    def pulumi(self, *arguments: str, fails: bool = False) -> str:
        """Runs a pulumi command as a user in a shell with `. .paddock/env` does; what it printed."""
        with self.start(*arguments) as process:
            output, _ = process.communicate(timeout=COMMAND_SECONDS)
        assert bool(process.returncode) == fails, output
        return output

    def up(self, *, fails: bool = False) -> str:
        return self.pulumi("up", "--yes", "--skip-preview", fails=fails)

    def outputs(self) -> dict[str, Any]:
        return json.loads(self.pulumi("stack", "output", "--json"))

    def servers(self) -> list[int]:
        """The pids of the server processes of this folder."""
        return self._processes(f"server --manifest {self.folder}/")

    def engines(self) -> list[int]:
        return self._processes(f"llama-server --model {self.folder}/")

    def launchers(self) -> list[int]:
        return self._processes(f"local_launcher {self.folder}/", "")

    def plugins(self) -> list[int]:
        """Pulumi's hosts for dynamic providers that work in this folder."""
        hosts = self._processes("pulumi.dynamic", "")
        return [pid for pid in hosts if os.path.realpath(f"/proc/{pid}/cwd") == str(self.folder)]

    def _processes(self, text: str, but_not: str = "local_launcher") -> list[int]:
        listed = subprocess.run(["ps", "-wweo", "pid=,stat=,args="], capture_output=True, text=True).stdout
        rows = [line.split(None, 2) for line in listed.splitlines()]
        matching = [(pid, command) for pid, state, command in rows if text in command and not state.startswith("Z")]
        return [int(pid) for pid, command in matching if not but_not or but_not not in command]

    def wait_for_none(self) -> None:
        wait_for(lambda: not self.servers() and not self.engines())

    def kill_everything(self) -> None:
        for pid in self._processes(f"{self.folder}/"):
            os.kill(pid, signal.SIGKILL)


def wait_for(condition: Callable[[], bool], seconds: float = 20) -> None:
    """Waits until something holds; a slow machine gets its time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert condition()


def copy(folder: Path) -> Checkout:
    """A copy of this checkout's files; its virtual environment is this one's."""
    folder.mkdir(parents=True)
    (folder / ".venv").symlink_to(paths.VENV)
    made = Checkout(folder)
    refresh(made)
    return made


def refresh(made: Checkout) -> bool:
    """Copies the files of this checkout over where they differ, but for the stack's file; whether any did."""
    sources = [paths.ROOT / name for name in TOP]
    files = [
        file
        for source in sources
        for file in ([source] if source.is_file() else source.rglob("*"))
        if file.is_file() and "__pycache__" not in file.parts
    ]
    changed = False
    for file in files:
        target = made.folder / file.relative_to(paths.ROOT)
        if not target.exists() or target.read_bytes() != file.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, target)
            changed = True
    made.stack_file.parent.mkdir(exist_ok=True)
    return changed
