"""How many threads the engine gets: what this process may use, never what the host has."""

import math
import os
from pathlib import Path

_V2 = Path("/sys/fs/cgroup")
_V1 = Path("/sys/fs/cgroup/cpu")


def threads(groups: Path = Path("/proc/self/cgroup"), v2: Path = _V2, v1: Path = _V1) -> int:
    """max(1, floor(min(CPU quota of the control groups, affinity)))."""
    return max(1, math.floor(min([len(os.sched_getaffinity(0)), *_quotas(groups, v2, v1)])))


def _quotas(groups: Path, v2: Path, v1: Path) -> list[float]:
    """The CPU quotas of this process's control group and of all above it, in processors."""
    quotas = []
    for line in groups.read_text().splitlines():
        _, controllers, group = line.split(":", 2)
        if controllers == "":
            quotas += [_v2_quota(folder) for folder in _upwards(v2, group)]
        elif "cpu" in controllers.split(","):
            quotas += [_v1_quota(folder) for folder in _upwards(v1, group)]
    return [quota for quota in quotas if quota]


def _upwards(root: Path, group: str) -> list[Path]:
    """The group's folder and those above it. In a container the path may be the host's: then only the root is there."""
    folder = root / group.lstrip("/")
    return [path for path in (folder, *folder.parents) if path.is_relative_to(root) and path.is_dir()]


def _v2_quota(folder: Path) -> float | None:
    words = _read(folder / "cpu.max").split()
    return int(words[0]) / int(words[1]) if len(words) == 2 and words[0] != "max" else None


def _v1_quota(folder: Path) -> float | None:
    quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
    return int(quota) / int(period) if quota and period and int(quota) > 0 else None


def _read(file: Path) -> str:
    return file.read_text().strip() if file.is_file() else ""
