"""llama-server: one that is there already, else compiled from the pinned llama-cpp-python release, for this machine only."""

import hashlib
import http.client
import json
import os
import platform
import re
import shutil
import socket
import subprocess
import tarfile
import time
from pathlib import Path

from server import engine_command
from tools import paths
from tools.steps import Problems, announce, run, say

REQUIREMENTS = paths.ROOT / "server" / "requirements.txt"
# The sdist on PyPI; its hash was read from the index on 2026-11-22.
SDIST_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
BUILD_TOOLS = ("cmake==4.4.4", "ninja==1.13.2")

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
PORTABLE_OPTIONS = {"GGML_NATIVE": "OFF"}

class ProofFailed(Exception):
    """A llama-server that was compiled does not work here."""


DEMO_MODEL = paths.ROOT / "registry" / "demo" / "paddock-demo.gguf"
DEMO_QUESTION = "What is Paddock?"
DEMO_ANSWER = "Paddock runs llama.cpp model servers on Kubernetes."
PROOF_SECONDS = 60  # more than enough to load 1.9 MB


def ensure() -> Path:
    """The llama-server that the server will find; compiles one when there is none. Raises Problems."""
    if found := existing():
        return found
    link = paths.VENV / "bin" / engine_command.NAME
    link.unlink(missing_ok=True)
    link.symlink_to(_cached() if _cached().exists() else _compiled())
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
    return None if is_ours and compiler() and found.resolve() != _cached() else found


def is_cached() -> bool:
    return _cached().exists()


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


def _cached() -> Path:
    """Where the build for this version, these options, this compiler and this CPU lies."""
    described = subprocess.run([compiler() or "true", "--version"], capture_output=True, text=True).stdout
    recipe = Path(OPTIONS["CMAKE_PROJECT_INCLUDE"]).read_text()
    options = {name: value for name, value in _options().items() if name != "CMAKE_PROJECT_INCLUDE"}
    key = hashlib.sha256(json.dumps([version(), options, recipe, described, _cpu_flags(), platform.machine()]).encode()).hexdigest()[:12]
    return paths.cache() / f"{engine_command.NAME}-{version()}-{key}" / engine_command.NAME


def _compiled() -> Path:
    announce(f"Compiling llama-server from llama-cpp-python {version()}", "It does the inference; compiled here, it uses all that this CPU can do.", "4 to 6 minutes on 2 cores")
    workspace = _cached().parent.with_name(f"{_cached().parent.name}.{os.getpid()}")
    workspace.mkdir(parents=True)
    try:
        source = _source(workspace)
        _install_build_tools()
        built = _build(source, workspace / "build", _options())
        if complaint := prove(built):
            say(f"  It does not run here: {complaint}. Compiling it again without this CPU's newest instructions.")
            built = _build(source, workspace / "portable", _options() | PORTABLE_OPTIONS)
            if complaint := prove(built):
                raise Problems([f"llama-server was compiled, but does not work: {complaint}.\n  What to do: try another compiler (CXX=clang++ make up)."])
        _cached().parent.mkdir(parents=True, exist_ok=True)
        built.replace(_cached())
    finally:
        shutil.rmtree(workspace, ignore_errors=True)
    return _cached()


def _source(workspace: Path) -> Path:
    name = f"llama-cpp-python=={version()}"
    run(
        [paths.venv_python(), "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--dest", workspace, name],
        failure=f"The source of {name} could not be fetched.\n  What to do: check that pip reaches a package index (`pip config list`).",
    )
    archive = next(workspace.glob("llama_cpp_python-*.tar.gz"))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SDIST_SHA256:
        raise Problems([f"{archive.name} has sha256 {digest} instead of the pinned {SDIST_SHA256}; it was not used.\n  What to do: check the package index that pip uses."])
    with tarfile.open(archive) as tar:
        tar.extractall(workspace, filter="data")
    return workspace / f"llama_cpp_python-{version()}" / "vendor" / "llama.cpp"


def _install_build_tools() -> None:
    run(
        [paths.venv_python(), "-m", "pip", "install", "--quiet", *BUILD_TOOLS],
        failure="CMake and Ninja could not be installed.\n  What to do: check that pip reaches a package index (`pip config list`).",
    )


def _build(source: Path, build: Path, options: dict[str, str]) -> Path:
    programs = paths.VENV / "bin"
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "CXX": compiler() or "c++"}
    # ggml reads it as "make this reproducible" and then drops every SIMD instruction from a portable build.
    environment.pop("SOURCE_DATE_EPOCH", None)
    failure = "llama-server could not be compiled.\n  What to do: a C++17 compiler with its C library's headers is needed (Debian: apt install g++)."
    defines = [f"-D{name}={value}" for name, value in options.items()]
    run([programs / "cmake", "-G", "Ninja", "-S", source, "-B", build, *defines], env=environment, failure=failure)
    run([programs / "ninja", "-C", build, engine_command.NAME], env=environment, failure=failure)
    return build / "bin" / engine_command.NAME


def prove(program: Path) -> str | None:
    """Runs `program` once on the demo model. Returns None when it answers right, else what went wrong."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = engine_command.EngineOptions(model=DEMO_MODEL, alias="proof", port=port, context=512, parallel=1, kv_cache="f16", threads=2)
    with subprocess.Popen([program, *engine_command.arguments(options)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            answer = _ask(process, port)
        except ProofFailed as error:
            return str(error)
        finally:
            process.kill()
    return None if answer.startswith(DEMO_ANSWER) else f"it answers {answer[:80]!r} to {DEMO_QUESTION!r}"


def _ask(process: subprocess.Popen[bytes], port: int) -> str:
    body = json.dumps({"messages": [{"role": "user", "content": DEMO_QUESTION}], "temperature": 0, "max_tokens": 64})
    deadline = time.monotonic() + PROOF_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ProofFailed(f"it ended with {_exit_in_words(process.returncode)}")
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PROOF_SECONDS)
        try:
            connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            if response.status == 200:
                return json.load(response)["choices"][0]["message"]["content"]
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise ProofFailed(f"no answer within {PROOF_SECONDS} s")


def _exit_in_words(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"
