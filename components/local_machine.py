"""What this machine offers to a server that runs on it."""

import os
import platform
from pathlib import Path

MIB = 2**20


def memory() -> float:
    """MiB that this process may use: the machine's, or the limit of its control group (v2 or v1) where that is less."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([total, *_limits()]) / MIB


def processors() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def name() -> str:
    return platform.node() or "this machine"


def _limits() -> list[int]:
    """The memory limits of this process's control group and of all above it, in bytes."""
    limits = []
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            root, file = Path("/sys/fs/cgroup"), "memory.max"
        elif "memory" in controllers.split(","):
            root, file = Path("/sys/fs/cgroup/memory"), "memory.limit_in_bytes"
        else:
            continue
        folder = root / group.lstrip("/")
        for path in (folder, *folder.parents):
            if path.is_relative_to(root) and (path / file).is_file():
                text = (path / file).read_text().strip()
                limits += [int(text)] if text.isdigit() else []
    return limits
