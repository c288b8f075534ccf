"""Threads come from the control group and the affinity, in version 1 and 2."""

import os
from pathlib import Path

import pytest

from server import cpus


def groups(tmp_path: Path, line: str, files: dict[str, str]) -> int:
    (tmp_path / "cgroup").write_text(line + "\n")
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    for root in ("v1", "v2"):
        (tmp_path / root).mkdir(exist_ok=True)
    return cpus.threads(tmp_path / "cgroup", tmp_path / "v2", tmp_path / "v1")


@pytest.fixture(autouse=True)
def eight_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)))


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("200000 100000", 2), ("150000 100000", 1), ("50000 100000", 1), ("max 100000", 8), ("1600000 100000", 8)],
)
def test_version_2_is_rounded_down_and_never_less_than_one(tmp_path: Path, quota: str, expected: int) -> None:
    assert groups(tmp_path, "0::/pod", {"v2/pod/cpu.max": quota}) == expected


@pytest.mark.parametrize(("quota", "expected"), [("300000", 3), ("-1", 8)])
def test_version_1_is_read_too(tmp_path: Path, quota: str, expected: int) -> None:
    assert (
        groups(tmp_path, "4:cpu,cpuacct:/pod", {"v1/pod/cpu.cfs_quota_us": quota, "v1/pod/cpu.cfs_period_us": "100000"})
        == expected
    )


def test_a_limit_of_a_group_above_counts(tmp_path: Path) -> None:
    assert (
        groups(tmp_path, "0::/slice/pod", {"v2/slice/cpu.max": "200000 100000", "v2/slice/pod/cpu.max": "max 100000"})
        == 2
    )


def test_a_path_of_the_host_that_is_not_here_falls_back_to_the_root(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/kubepods/pod1/container", {"v2/cpu.max": "100000 100000"}) == 1


def test_without_limits_the_affinity_counts(tmp_path: Path) -> None:
    assert groups(tmp_path, "0::/", {}) == 8
