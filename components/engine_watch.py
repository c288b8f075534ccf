"""Tells a dynamic provider that is waiting when the engine was told to stop, or is gone.

Pulumi's Python host for dynamic providers answers the engine's Cancel with nothing and does not tell its providers
(pulumi/dynamic/__main__.py, 3.259), and it outlives an engine that was killed. Without this, Ctrl-C during `pulumi up`
waits for the server however long its model takes. Standard library only; runs inside that host.
"""

import os
import socket
import sys
import threading
import time
from typing import Any

_POLL_SECONDS = 1.0

cancelled = threading.Event()


def install() -> None:
    """Makes the running host set `cancelled` when the engine says Cancel."""
    servicer = getattr(sys.modules["__main__"], "DynamicResourceProviderServicer", None)
    if servicer:
        # gRPC holds the bound method already, so the function itself has to change.
        servicer.Cancel.__code__ = _cancel.__code__
        threading.Thread(target=_end_with_engine, daemon=True).start()


def _end_with_engine() -> None:
    """Ends this host when its engine is gone. A server that is still starting then ends too: its launcher sees it."""
    while _engine_is_alive():
        time.sleep(_POLL_SECONDS)
    os._exit(1)


def _engine_is_alive() -> bool:
    """Whether the engine that started this host (its address is the host's argument) still listens."""
    host, _, port = sys.argv[-1].rpartition(":")
    if not (host and port.isdigit()):
        return True
    try:
        socket.create_connection((host, int(port)), timeout=5).close()
    except ConnectionRefusedError:
        return False
    return True


def _cancel(self: Any, request: Any, context: Any) -> Any:  # noqa: ARG001
    # Runs with the host's globals, so it imports what it needs.
    from google.protobuf import empty_pb2

    from components import engine_watch  # noqa: PLW0406

    engine_watch.cancelled.set()
    return empty_pb2.Empty()
