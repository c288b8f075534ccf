"""Compiles llama-server from the source release of llama-cpp-python, and proves it by running it once."""

import hashlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

from server import engine_command
from tools import paths
from tools.python_environment import PACKAGE_INDEX
from tools.steps import Problems, announce, problem, run, say

# The sdist on PyPI; its hash was read from the index on 2026-11-22.
SDIST_SHA256 = "832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e"
BUILD_TOOLS = ("cmake==4.4.4", "ninja==1.13.2")

PORTABLE_OPTIONS = {"GGML_NATIVE": "OFF"}


DEMO_MODEL = paths.ROOT / "registry" / "demo" / "paddock-demo.gguf"
DEMO_QUESTION = "What is Paddock?"
DEMO_ANSWER = "Paddock runs llama.cpp model servers on Kubernetes."
PROOF_SECONDS = 60  # more than enough to load 1.9 MB


class ProofFailed(Exception):
    """A llama-server that was compiled does not work here."""


def build(version: str, options: dict[str, str], compiler: str, target: Path) -> None:
    """Puts a llama-server at `target`. `options` are CMake's. Raises Problems."""
    announce(
        f"Compiling llama-server from llama-cpp-python {version}",
        "It does the inference; compiled here, it uses all that this CPU can do.",
        "4 to 6 minutes on 2 cores",
    )
    workspace = target.parent.with_name(f"{target.parent.name}.{os.getpid()}")
    workspace.mkdir(parents=True)
    try:
        source = _source(version, workspace)
        _install_build_tools()
        built = _compile(source, workspace / "build", options, compiler)
        if complaint := prove(built):
            say(f"  It does not run here: {complaint}. Compiling it again without this CPU's newest instructions.")
            built = _compile(source, workspace / "portable", options | PORTABLE_OPTIONS, compiler)
            if complaint := prove(built):
                raise Problems(
                    problem(
                        f"llama-server was compiled, but does not work: {complaint}.",
                        "try another compiler (CXX=clang++ make up).",
                    )
                )
        target.parent.mkdir(parents=True, exist_ok=True)
        built.replace(target)
    finally:
        shutil.rmtree(workspace, ignore_errors=True)


def _source(version: str, workspace: Path) -> Path:
    name = f"llama-cpp-python=={version}"
    run(
        [paths.venv_python(), "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--dest", workspace, name],
        failure=f"The source of {name} could not be fetched.",
        remedy=PACKAGE_INDEX,
    )
    archive = next(workspace.glob("llama_cpp_python-*.tar.gz"))
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SDIST_SHA256:
        raise Problems(
            problem(
                f"{archive.name} has sha256 {digest} instead of the pinned {SDIST_SHA256}; it was not used.",
                "check the package index that pip uses (`pip config list`).",
            )
        )
    shutil.unpack_archive(archive, workspace)
    return workspace / f"llama_cpp_python-{version}" / "vendor" / "llama.cpp"


def _install_build_tools() -> None:
    run(
        [paths.venv_python(), "-m", "pip", "install", "--quiet", *BUILD_TOOLS],
        failure="CMake and Ninja could not be installed.",
        remedy=PACKAGE_INDEX,
    )


def _compile(source: Path, folder: Path, options: dict[str, str], compiler: str) -> Path:
    programs = paths.VENV / "bin"
    environment = os.environ | {"PATH": f"{programs}:{os.environ['PATH']}", "CXX": compiler}
    # ggml reads it as "make this reproducible" and then drops every SIMD instruction from a portable build.
    environment.pop("SOURCE_DATE_EPOCH", None)
    failure = "llama-server could not be compiled."
    remedy = "a C++17 compiler with its C library's headers is needed (Debian: apt install g++)."
    defines = [f"-D{name}={value}" for name, value in options.items()]
    run(
        [programs / "cmake", "-G", "Ninja", "-S", source, "-B", folder, *defines],
        env=environment,
        failure=failure,
        remedy=remedy,
    )
    run([programs / "ninja", "-C", folder, engine_command.NAME], env=environment, failure=failure, remedy=remedy)
    return folder / "bin" / engine_command.NAME


def prove(program: Path) -> str | None:
    """Runs `program` once on the demo model. Returns None when it answers right, else what went wrong."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = engine_command.EngineOptions(
        model=DEMO_MODEL, alias="proof", port=port, context=512, parallel=1, kv_cache="f16", threads=2
    )
    with subprocess.Popen(
        [program, *engine_command.arguments(options)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
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
