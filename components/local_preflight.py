"""What keeps a local stack from starting, found at preview; checks only, starts nothing."""

import sys
from pathlib import Path

from components import local_lifecycle
from components.local_lifecycle import Place
from components.problems import Problem
from components.settings import Settings
from server import engine_command

_ANOTHER = {"port": 8081, "adminPort": 9091}


def check(settings: Settings, stack: str, known: list[Problem]) -> list[Problem]:
    """Busy ports and a missing llama-server. Ports with a known problem are not tried."""
    if settings.cloud != "local":
        return []
    paths = {problem.path for problem in known}
    ports = {"port": settings.port, "adminPort": settings.admin_port}
    tried = {key: port for key, port in ports.items() if f"paddock:{key}" not in paths}
    taken = {key: _why_not(port, Place(stack)) for key, port in tried.items()}
    return [_taken(key, why) for key, why in taken.items() if why] + _missing_engine()


def _why_not(port: int, place: Place) -> str | None:
    """Why a port can't be used. This stack's own server is stopped before another starts."""
    return None if _is_ours(port, place) else local_lifecycle.why_not_free(port)


def _is_ours(port: int, place: Place) -> bool:
    process = place.running()
    if not process:
        return False
    command = Path(f"/proc/{process.pid}/cmdline").read_bytes().split(b"\0")
    return str(port).encode() in command


def _taken(key: str, why: str) -> Problem:
    return Problem(
        f"paddock:{key}",
        f"{why}.",
        f"Choose another port, for example: pulumi config set paddock:{key} {_ANOTHER[key]}",
    )


def _missing_engine() -> list[Problem]:
    try:
        engine_command.find(engine_command.candidates(Path(sys.executable)))
    except FileNotFoundError as error:
        return [Problem("paddock:cloud", f"the local stack can't run: {error}.", "Get one: make setup")]
    return []
