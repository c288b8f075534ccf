"""llama-server: one that is there already, else compiled from the pinned llama-cpp-python release.

What is compiled is for this machine only.
"""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from server import engine_command
from tools import llama_server_build, paths

REQUIREMENTS = paths.ROOT / "server" / "requirements.txt"
OPTIONS = {
    "CMAKE_BUILD_TYPE": "Release",
    "CMAKE_PROJECT_INCLUDE": str(Path(__file__).with_name("llama_server.cmake")),
    "BUILD_SHARED_LIBS": "OFF",
    "GGML_NATIVE": "ON",
    "LLAMA_BUILD_TESTS": "OFF",
    "LLAMA_BUILD_EXAMPLES": "OFF",
    "LLAMA_BUILD_TOOLS": "ON",
    "LLAMA_BUILD_SERVER": "ON",
    "LLAMA_BUILD_UI": "OFF",
    "LLAMA_OPENSSL": "OFF",
}
# GCC 12's _tile_loadconfig declares 8 of the 64 bytes that it reads, so dead-store elimination drops the others
# (amxtileintrin.h), and the engine dies of SIGILL at its first matrix product. Only CPUs with AMX compile that code.
AMX_OPTIONS = {"CMAKE_CXX_FLAGS": "-fno-tree-dse -fno-dse"}


def ensure() -> Path:
    """The llama-server that the server will find; compiles one when there is none. Raises Problems."""
    if found := existing():
        return found
    link = paths.VENV / "bin" / engine_command.NAME
    link.unlink(missing_ok=True)
    if not cached().exists() or llama_server_build.prove(cached()):
        llama_server_build.build(version(), _options(), compiler() or "c++", cached())
    link.symlink_to(cached())
    return link


def existing() -> Path | None:
    """A suitable llama-server that is already there, on PATH or in the virtual environment."""
    link = paths.VENV / "bin" / engine_command.NAME
    try:
        found = engine_command.find(engine_command.candidates(paths.venv_python()))
    except FileNotFoundError:
        return None
    # Ours was compiled for one version, one compiler and one CPU; when any of them changed, it is compiled again.
    is_ours = link.exists() and found.samefile(link)
    return None if is_ours and compiler() and found.resolve() != cached() else found


def compiler() -> str | None:
    """The C++ compiler that CMake will take, or None."""
    return shutil.which(os.environ.get("CXX") or "c++") or shutil.which("g++") or shutil.which("clang++")


def version() -> str:
    pin = re.search(r"^llama-cpp-python==(\S+)", REQUIREMENTS.read_text(), re.MULTILINE)
    assert pin, f"{REQUIREMENTS} does not pin llama-cpp-python"
    return pin[1]


def _cpu_flags() -> str:
    """The CPU's model and instruction sets: what a native build depends on."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    wanted = ("model name", "flags", "Features", "CPU part")
    return "\n".join(dict.fromkeys(line for line in lines if line.startswith(wanted)))


def _options() -> dict[str, str]:
    return OPTIONS | (AMX_OPTIONS if "amx_tile" in _cpu_flags() else {})


def cached() -> Path:
    """Where the build for this version, these options, this compiler and this CPU lies."""
    described = subprocess.run([compiler() or "true", "--version"], capture_output=True, text=True).stdout
    recipe = Path(OPTIONS["CMAKE_PROJECT_INCLUDE"]).read_text()
    options = {name: value for name, value in _options().items() if name != "CMAKE_PROJECT_INCLUDE"}
    key = hashlib.sha256(
        json.dumps([version(), options, recipe, described, _cpu_flags(), platform.machine()]).encode()
    ).hexdigest()[:12]
    return paths.cache() / f"{engine_command.NAME}-{version()}-{key}" / engine_command.NAME
