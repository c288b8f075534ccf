"""The virtual environment in .venv: made once, and installed into again only when a requirements file changed."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tools import paths
from tools.steps import announce, run

RUNTIME = (paths.ROOT / "requirements.txt", paths.ROOT / "server" / "requirements.txt")
PACKAGE_INDEX = "check that pip reaches a package index (`pip config list`; behind a proxy, HTTPS_PROXY and PIP_CERT)."
DEVELOPMENT = (*RUNTIME, paths.ROOT / "requirements-dev.txt")
COMPILED_APART = "llama-cpp-python"  # tools/llama_server.py compiles the one program that is needed of it


def ensure(files: Sequence[Path]) -> None:
    """Makes .venv hold what `files` name. Raises Problems."""
    if is_current(files):
        return
    announce(
        "Installing Python packages into .venv",
        f"From {', '.join(file.relative_to(paths.ROOT).as_posix() for file in files)}.",
        "about half a minute",
    )
    if not _works():
        shutil.rmtree(paths.VENV, ignore_errors=True)
        run(
            [sys.executable, "-m", "venv", paths.VENV],
            failure="The virtual environment .venv could not be made.",
            remedy=f"see what {sys.executable} says below.",
        )
    wanted = [line for file in files for line in requirements(file)]
    run(
        [paths.venv_python(), "-m", "pip", "install", "--disable-pip-version-check", *wanted],
        failure="The Python packages could not be installed.",
        remedy=PACKAGE_INDEX,
    )
    _stamp().write_text(_key(files))


def is_current(files: Sequence[Path]) -> bool:
    """Whether .venv works and holds `files`; what `make test` installed holds for `make up` too."""
    if not (_works() and _stamp().exists()):
        return False
    return _stamp().read_text() in (_key(files), _key(DEVELOPMENT))


def requirements(file: Path) -> list[str]:
    """What a file asks pip for."""
    lines = (line.split("#")[0].strip() for line in file.read_text().splitlines())
    return [line for line in lines if line and not line.startswith(COMPILED_APART)]


def _stamp() -> Path:
    return paths.VENV / ".paddock-requirements"


def _key(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files) + sys.version.encode()).hexdigest()


def _works() -> bool:
    """False for one that is missing, half made, moved, or whose interpreter is gone."""
    if not os.access(paths.venv_python(), os.X_OK):
        return False
    code = "import sys, pip; print(sys.prefix)"
    answer = subprocess.run([paths.venv_python(), "-c", code], capture_output=True, text=True)
    return answer.returncode == 0 and Path(answer.stdout.strip()) == paths.VENV
