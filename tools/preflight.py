"""What can be known to stand in the way before anything is made: every problem at once."""

import importlib.util
import platform
import shutil
import tempfile
from pathlib import Path

from tools import download, llama_server, paths, pulumi_cli
from tools.steps import Problems, problem

# Measured after a cold set-up on 2026-11-22: .venv and both builds 0.33 GiB, Go's modules and build cache 3.0 GiB. The
# rest, for llama-server's sources while they are compiled, is an estimate.
FREE_GIB = 4


def check() -> None:
    """Raises Problems with everything that keeps `make up` from starting."""
    problems = [found for found in (_linux(), _writable(), _venv_module(), _compiler(), _pulumi(), _disk()) if found]
    if problems:
        raise Problems(*problems)


def _linux() -> str | None:
    if platform.system() == "Linux":
        return None
    return problem(
        f"the local stack runs on Linux, and this is {platform.system()}.", "use a Linux machine or virtual machine."
    )


def _writable() -> str | None:
    folders = [paths.ROOT, paths.WORK if paths.WORK.exists() else paths.ROOT]
    # A cache of others that holds all that is needed is only read.
    for folder in folders if _is_complete() else [*folders, _nearest(paths.cache())]:
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            return problem(
                f"{folder} can't be written to ({error.strerror}).",
                "clone to a folder of your own, or make this one writable.",
            )
    return None


def _is_complete() -> bool:
    """Whether nothing has to be fetched or built into the cache."""
    return bool(pulumi_cli.existing()) and (bool(llama_server.existing()) or llama_server.cached().exists())


def _nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that exists."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def _venv_module() -> str | None:
    if importlib.util.find_spec("venv") and importlib.util.find_spec("ensurepip"):
        return None
    return problem(
        "this Python can't make virtual environments.", "install its venv package (Debian: apt install python3-venv)."
    )


def _compiler() -> str | None:
    if llama_server.compiler() or llama_server.existing():
        return None
    return problem(
        "there is no llama-server, and no C++ compiler to make one with.",
        "install a compiler (Debian: apt install g++; Fedora: dnf install gcc-c++), "
        f"or put a llama-server on PATH, as new as the one in llama-cpp-python {llama_server.version()}.",
    )


def _pulumi() -> str | None:
    if pulumi_cli.existing() or shutil.which("go") or download.is_reachable(pulumi_cli.RELEASE_HOST):
        return None
    return problem(
        f"there is no Pulumi CLI, {pulumi_cli.RELEASE_HOST} can't be reached, and there is no Go to build it with.",
        f"install Pulumi {pulumi_cli.VERSION} or newer (https://www.pulumi.com/docs/install/), "
        f"or Go {pulumi_cli.GO_NEEDED} or newer, or allow HTTPS to that host.",
    )


def _disk() -> str | None:
    free = shutil.disk_usage(_nearest(paths.cache())).free / 2**30
    if _is_complete() or free >= FREE_GIB:
        return None
    return problem(
        f"{free:.1f} GiB are free on the disk of {paths.cache()}, and set-up needs {FREE_GIB}.",
        "free some, or set PADDOCK_CACHE to a folder on another disk.",
    )
