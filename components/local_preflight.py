"""What keeps a local stack from starting, found at preview; checks only, starts nothing."""

import sys
from pathlib import Path

from components import local_lifecycle
from components.local_lifecycle import Place
from components.problems import Problem
from components.settings import Settings
from server import engine_command


def check(settings: Settings, stack: str, known: list[Problem]) -> list[Problem]:
    """Busy ports and a missing llama-server. Ports with a known problem are not tried."""
    if settings.cloud != "local":
        return []
    paths = {problem.path for problem in known}
    ports = {"port": settings.port, "adminPort": settings.admin_port}
    busy = [
        _busy(key, port) for key, port in ports.items() if f"paddock:{key}" not in paths and not _usable(port, stack)
    ]
    return busy + _missing_engine()


def _usable(port: int, stack: str) -> bool:
    """Free, or held by this stack's own server, which is stopped before another starts."""
    return local_lifecycle.is_free(port) or _is_ours(port, Place(stack))


def _is_ours(port: int, place: Place) -> bool:
    process = place.running()
    if not process:
        return False
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
    return str(port).encode() in command


def _busy(key: str, port: int) -> Problem:
    return Problem(
        f"paddock:{key}",
        f"port {port} is in use by another process.",
        f"Stop that process, or choose another port: pulumi config set paddock:{key} {port + 1}",
    )


def _missing_engine() -> list[Problem]:
    try:
        engine_command.find(engine_command.candidates(Path(sys.executable)))
    except FileNotFoundError as error:
        return [Problem("paddock:cloud", f"the local stack can't run: {error}.", "Get one: make setup")]
    return []
