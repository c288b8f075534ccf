"""Ports that nobody listens on."""

import socket
from contextlib import ExitStack


def free(count: int) -> list[int]:
    """That many different ports of loopback that were free a moment ago."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]
