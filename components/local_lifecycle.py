"""Starting, finding and stopping the local stack's server.

Standard library only: Pulumi's host for dynamic providers runs it.
"""

import json
import math
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components import engine_watch
from components.local_process import Process, find

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".paddock"
MODELS = WORK / "models"
HOST = "127.0.0.1"
_POLL_SECONDS = 0.1
_KILL_MARGIN_SECONDS = 5  # beyond the manifest's drainSeconds


class StartFailed(Exception):
    """The server did not become ready; the message is its own last sentence."""


@dataclass(frozen=True)
class Place:
    """The folder of one local stack: its manifest, its log, and the record of its process."""

    stack: str

    @property
    def folder(self) -> Path:
        return WORK / "local" / self.stack

    @property
    def manifest(self) -> Path:
        return self.folder / "manifest.json"

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    @property
    def record(self) -> Path:
        return self.folder / "process.json"

    def running(self) -> Process | None:
        """The server that this stack started and that still runs, also one that an interrupted `up` left behind."""
        try:
            process = Process(**json.loads(self.record.read_text()))
        except (OSError, ValueError, TypeError):  # lost or damaged: the process itself still says whose it is
            return find("-m", "server", "--manifest", str(self.manifest))
        return process if process.is_alive else None


def start(place: Place, inputs: dict[str, Any], known: Process | None = None) -> Process:
    """Starts the server, after stopping one that the stack has already, and waits until it is ready.

    Raises StartFailed; then nothing runs.
    """
    stop(place, inputs, known)
    place.folder.mkdir(parents=True, exist_ok=True)
    place.manifest.write_text(json.dumps(_whole(inputs["manifest"]), indent=2))
    if place.log.exists():
        place.log.replace(place.log.with_suffix(".log.1"))
    launcher = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "components.local_launcher",
            place.record,
            place.log,
            _cpus(inputs),
            *_command(place, inputs),
        ],
        cwd=ROOT,
        env=_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process = _ready(place, launcher, int(inputs["adminPort"]))
        launcher.communicate(b"\n")
    except BaseException:
        launcher.communicate()
        stop(place, inputs)
        raise
    return process


def stop(place: Place, inputs: dict[str, Any], known: Process | None = None) -> None:
    """Stops the stack's server when one runs, after it has drained: the recorded one, and one `known` otherwise."""
    drain = inputs["manifest"].get("drainSeconds", 0) if "manifest" in inputs else 0
    for process in filter(None, {place.running(), known}):
        process.stop(float(drain) + _KILL_MARGIN_SECONDS)
    place.record.unlink(missing_ok=True)


def why_not_free(port: int) -> str | None:
    """Why a server could not listen on `port` of this machine, in words; None when it could."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except PermissionError:
            return f"port {port} is for root only"
        except OSError:
            return f"port {port} is in use by another process"
    return None


def _cpus(inputs: dict[str, Any]) -> str:
    """Processors for the launcher: a part of one is one, 0 is all."""
    return str(math.ceil(inputs.get("cpu") or 0))


def _environment() -> dict[str, str]:
    """Ours, with this checkout's modules first, whatever the user's shell says of Python's path."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    return kept | {"PYTHONPATH": str(ROOT)}


def _command(place: Place, inputs: dict[str, Any]) -> list[str]:
    ports = ["--port", str(int(inputs["port"])), "--admin-port", str(int(inputs["adminPort"]))]
    return [
        sys.executable,
        "-m",
        "server",
        "--manifest",
        str(place.manifest),
        "--models",
        str(MODELS),
        "--host",
        HOST,
        *ports,
    ]


def _whole(value: Any) -> Any:
    """The same document with whole numbers as integers: on an update, Pulumi hands every number over as a float."""
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _ready(place: Place, launcher: subprocess.Popen[bytes], admin_port: int) -> Process:
    """Waits until the server is ready. Raises StartFailed when it ended, or nobody wants it any more."""
    loopback = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while not engine_watch.cancelled.is_set():
        process = place.running()
        if launcher.poll() is not None or (place.record.exists() and not process):
            raise StartFailed(_last_sentence(place.log))
        try:
            with loopback.open(f"http://{HOST}:{admin_port}/readyz", timeout=5):
                if process:
                    return process
        except (urllib.error.URLError, OSError):
            pass
        time.sleep(_POLL_SECONDS)
    raise StartFailed("cancelled before the server was ready; it was stopped")


def _last_sentence(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()] if log.exists() else []
    return f"{lines[-1] if lines else 'the server ended without a word'} (log: {log})"
