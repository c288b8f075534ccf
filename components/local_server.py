"""LocalServer: the model server as a process of this machine."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi import dynamic

from components import engine_watch, local_lifecycle
from components.local_lifecycle import Place
from components.local_process import Process

_INPUTS = ("stack", "manifest", "port", "adminPort", "cpu")


@dataclass(frozen=True, kw_only=True)
class LocalServerArgs:
    """The manifest of the model, the ports on loopback, and the processors that the server may use (all when None)."""

    stack: str
    manifest: dict[str, Any]
    port: int
    admin_port: int
    cpu: float | None = None


class LocalServerProvider(dynamic.ResourceProvider):
    """Starts and stops the process. Pickled by reference: a change of this code is no change of the resource."""

    serialize_as_secret_always = False

    def configure(self, req: dynamic.ConfigureRequest) -> None:  # noqa: ARG002
        engine_watch.install()

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.DiffResult:
        changed = any(olds.get(name) != news.get(name) for name in _INPUTS)
        return dynamic.DiffResult(changes=changed or not _process(olds).is_alive)

    def create(self, props: dict[str, Any]) -> dynamic.CreateResult:
        return dynamic.CreateResult(id_=props["stack"], outs=_started(props))

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> dynamic.UpdateResult:
        return dynamic.UpdateResult(outs=_started(news, _process(olds)))

    def read(self, id_: str, props: dict[str, Any]) -> dynamic.ReadResult:
        return dynamic.ReadResult(id_, props) if _process(props).is_alive else dynamic.ReadResult("", {})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        local_lifecycle.stop(Place(props["stack"]), props, _process(props))


def _started(inputs: dict[str, Any], known: Process | None = None) -> dict[str, Any]:
    place = Place(inputs["stack"])
    process = local_lifecycle.start(place, inputs, known)
    return {
        **{name: inputs.get(name) for name in _INPUTS},
        "pid": process.pid,
        "started": process.started,
        "log": str(place.log),
    }


def _process(outs: dict[str, Any]) -> Process:
    return Process(int(outs["pid"]), outs["started"])


class _LocalProcess(dynamic.Resource, module="paddock", name="LocalProcess"):
    pid: pulumi.Output[int]
    log: pulumi.Output[str]


class LocalServer(pulumi.ComponentResource):
    """One model server on this machine, listening on loopback.

    Outputs: `endpoint` (origin of the OpenAI API, without `/v1`), `console` (its page), `log` (a file's path).
    """

    endpoint: pulumi.Output[str]
    console: pulumi.Output[str]
    log: pulumi.Output[str]

    def __init__(self, name: str, args: LocalServerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("paddock:index:LocalServer", name, None, opts)
        inputs = {
            "stack": args.stack,
            "manifest": args.manifest,
            "port": args.port,
            "adminPort": args.admin_port,
            "cpu": args.cpu,
        }
        outputs = {"pid": None, "started": None, "log": None}
        _LocalProcess(
            LocalServerProvider(), f"{name}-process", {**inputs, **outputs}, pulumi.ResourceOptions(parent=self)
        )
        origin = f"http://localhost:{args.port}"
        self.endpoint = pulumi.Output.from_input(origin)
        self.console = pulumi.Output.from_input(f"{origin}/")
        self.log = pulumi.Output.from_input(str(Place(args.stack).log))
        self.register_outputs({"endpoint": self.endpoint, "console": self.console, "log": self.log})
