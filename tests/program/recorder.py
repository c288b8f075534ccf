"""Runs the whole program in a process of its own against a monitor that records what the program asks the engine for.

`python -m tests.program.recorder` reads {"stack", "config", "secretKeys", "preview"} from standard input and writes
{"resources", "outputs", "errors", "warnings"} to standard output.
"""

import asyncio
import json
import logging
import runpy
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from google.protobuf import empty_pb2, json_format
from pulumi import runtime
from pulumi.runtime import mocks

ROOT = Path(__file__).resolve().parents[2]
STACKS = ROOT / "stacks"


@dataclass(frozen=True)
class Recording:
    """What one run of the program asked for."""

    resources: list[dict[str, Any]]
    outputs: dict[str, Any]
    errors: list[str]
    warnings: list[str]
    exit: int
    stderr: str = field(repr=False)

    def of_type(self, kind: str) -> list[dict[str, Any]]:
        return [resource for resource in self.resources if resource["type"] == kind]


def stack_files() -> list[str]:
    """The names of the stacks in the repository."""
    return sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in STACKS.glob("Pulumi.*.yaml"))


def stack_config(stack: str) -> dict[str, str]:
    """A stack file's configuration as the engine hands it over: every value a string."""
    values = yaml.safe_load((STACKS / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in values.items()}


def record(stack: str, config: dict[str, str], *, preview: bool) -> Recording:
    """Runs the program once."""
    request = json.dumps({"stack": stack, "config": config, "preview": preview})
    answer = subprocess.run(
        [sys.executable, "-m", "tests.program.recorder"],
        cwd=ROOT,
        input=request,
        capture_output=True,
        text=True,
        timeout=60,
    )
    document = (
        json.loads(answer.stdout)
        if answer.stdout.strip()
        else {"resources": [], "outputs": {}, "errors": [], "warnings": []}
    )
    return Recording(**document, exit=answer.returncode, stderr=answer.stderr)


class _Recorder(mocks.MockMonitor):
    def __init__(self) -> None:
        super().__init__(_Echo())
        self.requests: list[dict[str, Any]] = []
        self.outputs: dict[str, Any] = {}

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802
        self.requests.append(json_format.MessageToDict(request))
        return super().RegisterResource(request)

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        if "::pulumi:pulumi:Stack::" in request.urn:
            self.outputs = json_format.MessageToDict(request.outputs)
        return empty_pb2.Empty()


class _Echo(mocks.Mocks):
    """Answers every resource with its own inputs."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        return f"{args.name}-id", args.inputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]] | None]:  # noqa: ARG002
        return {}, None


def _program() -> None:
    runpy.run_path(str(ROOT), run_name="__main__")


def _main() -> int:
    request = json.load(sys.stdin)
    messages: list[tuple[int, str]] = []
    logger = logging.getLogger("pulumi-program")
    logger.propagate = False
    handler = logging.Handler()
    handler.emit = lambda record: messages.append((record.levelno, record.getMessage()))
    logger.addHandler(handler)
    recorder = _Recorder()
    runtime.set_all_config(request["config"])
    settings = mocks.MockSettings(
        monitor=recorder,
        monitor_features=set(recorder.GetDeploymentInfo(empty_pb2.Empty()).supportedFeatures),
        engine=mocks.MockEngine(logger),
        project="paddock",
        stack=request["stack"],
        dry_run=request["preview"],
        organization="organization",
    )
    runtime.configure(settings)
    code = 0
    try:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(runtime.run_in_stack(_program))
    except SystemExit as ended:
        code = int(ended.code or 0)
    resources = [resource for resource in recorder.requests if resource["type"] != "pulumi:pulumi:Stack"]
    errors = [text for level, text in messages if level >= logging.ERROR]
    warnings = [text for level, text in messages if level == logging.WARNING]
    json.dump({"resources": resources, "outputs": recorder.outputs, "errors": errors, "warnings": warnings}, sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(_main())
