"""`make test`, `make check` and `make bench`."""

import os
import subprocess
from pathlib import Path

from tools import local_stack, paths, python_environment
from tools.lock import alone
from tools.steps import Problems, say

WORKERS = "2"  # most tests wait for processes of their own
LEVELS = ("unit", "program", "server", "engine")


def test() -> None:
    """Runs the tests that need no cluster. Raises Problems."""
    local_stack.set_up()
    _install()
    _run(
        "The tests failed.",
        "python",
        "-m",
        "pytest",
        "-n",
        WORKERS,
        "--dist",
        "loadfile",
        *(f"tests/{level}" for level in LEVELS),
    )


def check() -> None:
    """Formats, lints and checks types, and that generated pages are current. Raises Problems."""
    _install()
    # CI changes nothing: it says what is not as it should be.
    check_only = ["--check"] if os.environ.get("CI") else []
    _run("The code is not formatted.", "ruff", "format", "--quiet", *check_only)
    _run("The linter found something.", "ruff", "check", "--quiet")
    _run("The type checker found something.", "basedpyright")
    for page in ("tools.reference", "registry.page"):
        _run("A generated page is not current.", "python", "-m", page, *check_only)
    say("Formatted, linted and type-checked.")


def bench() -> None:
    """Measures the engine's memory against the registry's formula. Raises Problems."""
    local_stack.set_up()
    _install()
    _run("The benchmark failed.", "python", "-m", "tools.bench", "memory")


@alone()
def _install() -> None:
    python_environment.ensure(python_environment.DEVELOPMENT)


def _run(failure: str, program: str, *arguments: str) -> None:
    answer = subprocess.run(
        [paths.VENV / "bin" / program, *arguments], cwd=paths.ROOT, env=os.environ | {"PATH": _path()}
    )
    if answer.returncode:
        raise Problems(f"{failure} Its output is above.")


def _path() -> str:
    return os.pathsep.join([str(Path(paths.VENV / "bin")), os.environ["PATH"]])
