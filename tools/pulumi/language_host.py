#!/usr/bin/env python3
"""Pulumi's language host for Python, for an engine that was built from its Go modules.

The released CLI brings a host of its own; the Go modules hold everything else. This one runs programs and plugins
(policy packs, component packages) for the engine, with the interpreter of the project's `virtualenv` option, and speaks
the protocol of Pulumi 3.259 through the stubs of the `pulumi` package. It is installed as `pulumi-language-python`
beside the engine.
"""

import ctypes
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import grpc
from google.protobuf import json_format
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

EXECUTOR = Path(__file__).resolve().parent / "pulumi-language-python-exec"
PR_SET_PDEATHSIG = 1  # prctl(2)
ALREADY_REPORTED = 32  # exit code of the executor when the program's error has been shown
MESSAGE_LIMIT = 400 << 20  # bytes, the engine's own limit for one gRPC message


def interpreter(info: Any) -> str:
    """The Python of the project's `virtualenv` option, else the one that runs this host."""
    options = json_format.MessageToDict(info.options) if info.HasField("options") else {}
    python = Path(info.root_directory, options.get("virtualenv") or "", "bin", "python")
    return str(python) if options.get("virtualenv") and python.exists() else sys.executable


def executor_arguments(request: Any, engine: str) -> list[str]:
    return [
        *("--monitor", request.monitor_address, "--engine", engine),
        *("--project", request.project, "--stack", request.stack, "--organization", request.organization),
        *("--pwd", request.pwd, "--root_directory", request.info.root_directory),
        *("--dry_run", str(request.dryRun).lower(), "--parallel", str(request.parallel)),
        request.info.program_directory,
    ]


def plugin_command(request: Any) -> list[str]:
    program = request.info.program_directory
    start = [interpreter(request.info), "-u"]
    if Path(program, "PulumiPolicy.yaml").exists():
        return [*start, "-m", "pulumi.policy", *request.args, program]
    return [*start, program, *request.args]


def chunks(process: subprocess.Popen[bytes]) -> Iterator[tuple[str, bytes]]:
    """What a process writes, as it comes: (stdout or stderr, bytes)."""
    output: queue.Queue[tuple[str, bytes]] = queue.Queue()

    def pump(name: str, stream: IO[bytes]) -> None:
        while data := stream.read1(65536):  # type: ignore[attr-defined]
            output.put((name, data))
        output.put((name, b""))

    streams = {"stdout": process.stdout, "stderr": process.stderr}
    for name, stream in streams.items():
        threading.Thread(target=pump, args=(name, stream), daemon=True).start()
    open_streams = len(streams)
    while open_streams:
        name, data = output.get()
        if data:
            yield name, data
        else:
            open_streams -= 1


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.children: set[subprocess.Popen[Any]] = set()

    def stop(self, *_: object) -> None:
        for child in self.children:
            child.terminate()
        os._exit(0)

    @contextmanager
    def running(self, command: list[str], **options: Any) -> Iterator[subprocess.Popen[Any]]:
        """A child that ends with the call, and with this host."""
        with subprocess.Popen(command, **options) as process:
            self.children.add(process)
            try:
                yield process
            finally:
                self.children.discard(process)

    def Handshake(self, request: Any, context: Any) -> Any:
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(self, request: Any, context: Any) -> Any:
        return plugin_pb2.PluginInfo(version="3.259.0")

    def GetRequiredPackages(self, request: Any, context: Any) -> Any:
        return language_pb2.GetRequiredPackagesResponse()

    def RuntimeOptionsPrompts(self, request: Any, context: Any) -> Any:
        return language_pb2.RuntimeOptionsResponse()

    def About(self, request: Any, context: Any) -> Any:
        return language_pb2.AboutResponse(executable=sys.executable, version=sys.version)

    def GetProgramDependencies(self, request: Any, context: Any) -> Any:
        return language_pb2.GetProgramDependenciesResponse()

    def Run(self, request: Any, context: Any) -> Any:
        command = [interpreter(request.info), "-u", str(EXECUTOR), *executor_arguments(request, self.engine)]
        config = {
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        with self.running(command, cwd=request.pwd, env=os.environ | config, stdout=sys.stderr) as process:
            context.add_callback(process.terminate)
            code = process.wait()
        if code == ALREADY_REPORTED:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"the program ended with exit code {code}" if code else "")

    def RunPlugin(self, request: Any, context: Any) -> Any:
        environment = os.environ | dict(entry.split("=", 1) for entry in request.env)
        with self.running(
            plugin_command(request), cwd=request.pwd, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            context.add_callback(process.terminate)
            for name, data in chunks(process):
                yield language_pb2.RunPluginResponse(**{name: data})  # pyright: ignore[reportArgumentType]
            yield language_pb2.RunPluginResponse(exitcode=process.wait())


def main() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)  # an engine that was killed leaves no host behind
    host = LanguageHost(sys.argv[-1])
    server = grpc.server(ThreadPoolExecutor(16), options=[("grpc.max_receive_message_length", MESSAGE_LIMIT)])
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    # The engine reads the port from the first line of standard output.
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, host.stop)
    server.start()
    server.wait_for_termination()


main()
