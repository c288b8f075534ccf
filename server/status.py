"""Where the server stands: its state, and the progress of the first boot."""

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """The states, in their order; `failed` may follow each."""

    RESOLVING = "resolving"
    DOWNLOADING = "downloading"
    VERIFYING = "verifying"
    LOADING = "loading"
    WARMING = "warming"
    READY = "ready"
    DRAINING = "draining"
    STOPPED = "stopped"
    FAILED = "failed"


class FinalError(Exception):
    """What no retry mends. The message is one plain sentence; the process ends with exit code 1."""


@dataclass
class Status:
    """What /startupz answers. Sizes are bytes, `rate` is bytes per second, `eta` seconds or None."""

    state: State = State.RESOLVING
    bytes: int = 0
    total: int = 0
    rate: float = 0
    eta: float | None = None
    retries: int = 0
    error: str | None = None

    def document(self) -> dict[str, Any]:
        return asdict(self)
