"""The stack's configuration: keys, types, defaults and descriptions; the only reader of Pulumi's configuration.

docs/configuration.md is generated from this file (`python -m tools.reference`).
"""

import difflib
import json
from typing import Annotated, Literal

from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, Discriminator, Field, JsonValue, Tag, ValidationError

from components.problems import Problem
from components.settings_problems import problems_of
from components.settings_sections import (
    Access,
    Autoscale,
    Budget,
    Cluster,
    Download,
    Image,
    Limits,
    LocalMachine,
    Pool,
    Section,
    Storage,
)

NAMESPACE = "paddock"

Port = Annotated[int, Field(ge=1, le=65535)]
ModelName = Annotated[str, Tag("<name>")]
ModelEntry = Annotated[dict[str, JsonValue], Tag("<object>")]
MachineType = Annotated[str, Tag("<name>")]
MachineSize = Annotated[LocalMachine, Tag("<object>")]


def _scalar_or_object(value: object) -> str:
    return "<object>" if isinstance(value, dict | BaseModel) else "<name>"


class Settings(Section):
    """Everything that a stack can be told, under `paddock:` in its file."""

    cloud: Literal["local", "kubernetes", "aws", "gcp", "azure"] = Field(
        default="local",
        description="where the model runs: this machine, a kubeconfig's cluster, or a cloud",
        examples=["aws"],
    )
    region: str | None = Field(default=None, description="region; the provider's when unset", examples=["us-east-1"])
    model: Annotated[ModelName | ModelEntry, Discriminator(_scalar_or_object)] | None = Field(
        default=None,
        description="a name in the registry, or an object in the registry's form; "
        "`paddock-demo` for local, else `tinyllama-1.1b-chat`",
        examples=["paddock-demo"],
    )
    quantization: str | None = Field(
        default=None, description="a variant of the model; the entry's default when unset", examples=["Q4_K_M"]
    )
    registry: str | None = Field(
        default=None,
        description="a YAML file of the team's own models, machines and prices",
        examples=["registry.yaml"],
    )
    require_pinned: bool = Field(
        default=False, description="a model without sha256 is an error instead of a warning", examples=[True]
    )
    machine: Annotated[MachineType | MachineSize, Discriminator(_scalar_or_object)] | None = Field(
        default=None,
        description="machine type, recommended for the model when unset; "
        "for `kubernetes` and `local` an object with `cpu` and `memory`",
        examples=["m7g.xlarge"],
    )
    target_tokens_per_second: float | None = Field(
        default=None, gt=0, description="what the recommended machine must reach with one stream", examples=[10]
    )
    replicas: int = Field(
        default=1,
        ge=1,
        description="servers, each with a claim of its own and, where there is room, a node of its own",
        examples=[2],
    )
    autoscale: Autoscale | None = Field(default=None, description="KEDA on the queue's length, instead of `replicas`")
    context: int | None = Field(
        default=None,
        ge=1,
        description="tokens per request, prompt and answer together; the model's default when unset",
        examples=[4096],
    )
    # llama.cpp's LLAMA_MAX_SEQ (src/llama-cparams.h) is 256.
    parallel: int | None = Field(
        default=None,
        ge=1,
        le=256,
        description="requests at once; the largest of 16, 8, 4, 2, 1 that fits when unset",
        examples=[4],
    )
    kv_cache: Literal["f16", "q8_0"] = Field(
        default="f16", description="type of the KV cache; q8_0 needs about half the memory", examples=["q8_0"]
    )
    cluster: Cluster | None = Field(default=None, description="the cluster")
    namespace: str | None = Field(
        default=None, description="an existing namespace; `paddock-<stack>` is created when unset", examples=["models"]
    )
    pool: Pool = Field(default=Pool(), description="the node pool")
    storage: Storage = Field(default=Storage(), description="the claims")
    access: Access = Field(default=Access(), description="who may connect, and how")
    image: Image | None = Field(default=None, description="the server's image; required for a cluster")
    download: Download = Field(default=Download(), description="how models are fetched")
    limits: Limits = Field(default=Limits(), description="what one request, and all of them, may take")
    labels: dict[str, str] = Field(
        default={}, description="labels on every Kubernetes object", examples=[{"team": "search"}]
    )
    tags: dict[str, str] = Field(
        default={}, description="tags on every cloud resource, node and disk", examples=[{"cost-center": "42"}]
    )
    monitoring: bool = Field(default=False, description="ServiceMonitor, dashboard and alerts", examples=[True])
    budget: Budget | None = Field(default=None, description="exceeding one of these fails the preview")
    use: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="share of the time that the machine decodes, for the cost per 1K tokens",
        examples=[0.3],
    )
    port: Port = Field(default=8080, description="local: port of the OpenAI API and the console", examples=[8081])
    admin_port: Port = Field(default=9090, description="local: port of health and metrics", examples=[9091])


# What this version acts on. A key that it would ignore is an error, not a silence.
AVAILABLE = frozenset(
    {"cloud", "model", "quantization", "registry", "requirePinned", "machine", "replicas", "context", "parallel"}
    | {"kvCache", "budget", "use", "port", "adminPort"}
)


def read() -> tuple[Settings, list[Problem]]:
    """The settings of the running stack, and what is wrong with them.

    A key with a problem has its default in the settings, so that what depends on the others can be checked too.
    """
    raw = _raw()
    problems = [_not_available(key) for key in raw if key in _keys() - AVAILABLE]
    try:
        settings = Settings.model_validate(raw)
    except ValidationError as error:
        problems += problems_of(error, Settings, NAMESPACE)
        wrong = {str(details["loc"][0]) for details in error.errors(include_input=False, include_url=False)}
        settings = Settings.model_validate({key: value for key, value in raw.items() if key not in wrong})
    return settings, problems + _contradictions(settings) + _misspelt_namespaces()


def _misspelt_namespaces() -> list[Problem]:
    """Keys that nothing reads, because their namespace is almost ours."""
    others = {key for key in runtime_config.CONFIG.get() if not key.startswith(f"{NAMESPACE}:")}
    namespaces = {key: key.partition(":")[0] for key in others}
    return [
        Problem(key, "is not read by anything.", f"Did you mean {NAMESPACE}:{key.partition(':')[2]}?")
        for key, namespace in namespaces.items()
        if difflib.get_close_matches(namespace, [NAMESPACE], cutoff=0.8)
    ]


def _keys() -> frozenset[str]:
    return frozenset(field.alias or name for name, field in Settings.model_fields.items())


def _raw() -> dict[str, object]:
    """The values under our namespace. Pulumi hands over strings, JSON for what is no text in the stack's file."""
    prefix = f"{NAMESPACE}:"
    return {
        key.removeprefix(prefix): _value(key.removeprefix(prefix), text)
        for key, text in runtime_config.CONFIG.get().items()
        if key.startswith(prefix)
    }


def _value(name: str, text: str) -> object:
    field = next((field for key, field in Settings.model_fields.items() if (field.alias or key) == name), None)
    takes_text = field is not None and "str" in str(field.annotation)
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return text if takes_text and not isinstance(value, dict | list) else value


def _not_available(key: str) -> Problem:
    path = f"{NAMESPACE}:{key}"
    return Problem(
        path,
        "is not available in this version, which runs the local stack only.",
        f"Remove it: pulumi config rm {path}",
    )


def _contradictions(settings: Settings) -> list[Problem]:
    problems = []
    if settings.cloud != "local":
        problems.append(
            Problem(
                "paddock:cloud",
                f"{settings.cloud!r} is not available in this version.",
                "Run the local stack: pulumi config set paddock:cloud local",
            )
        )
    elif settings.replicas > 1:
        problems.append(
            Problem(
                "paddock:replicas", "the local stack runs one server.", "Remove it: pulumi config rm paddock:replicas"
            )
        )
    if settings.cloud == "local" and isinstance(settings.machine, str):
        problems.append(
            Problem(
                "paddock:machine",
                "for the local stack it is an object.",
                "Write, for example: pulumi config set --path paddock:machine.memory 8Gi",
            )
        )
    if settings.port == settings.admin_port:
        problems.append(
            Problem(
                "paddock:adminPort",
                f"is the same as paddock:port, {settings.port}.",
                "Choose another: pulumi config set paddock:adminPort 9091",
            )
        )
    return problems
