"""The stack's configuration: keys, types, defaults and descriptions; the only reader of Pulumi's configuration.

docs/configuration.md is generated from this file (`python -m tools.reference`).
"""

import json
from typing import Annotated, Literal

from pulumi.runtime import config as runtime_config
from pydantic import BaseModel, ConfigDict, Discriminator, Field, JsonValue, SecretStr, Tag, ValidationError
from pydantic.alias_generators import to_camel

from components.problems import Problem
from components.quantity import Quantity
from components.settings_problems import problems_of

NAMESPACE = "paddock"

Port = Annotated[int, Field(ge=1, le=65535)]


def _scalar_or_object(value: object) -> str:
    return "<object>" if isinstance(value, dict | BaseModel) else "<name>"


class Section(BaseModel):
    """A group of keys. Unknown keys are errors; values have JSON's types and are not converted."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel, validate_by_name=True, hide_input_in_errors=True)


class LocalMachine(Section):
    cpu: float | None = Field(None, gt=0, description="processors that the server may use; all that this process may use when unset", examples=[2])
    memory: Quantity | None = Field(None, description="memory that the server may use; all that this process may use when unset", examples=["8Gi"])


class Autoscale(Section):
    min: int = Field(1, ge=1, description="fewest servers", examples=[1])
    max: int = Field(ge=1, description="most servers", examples=[4])
    queue: int = Field(1, ge=1, description="waiting requests per server above which one more is started", examples=[2])
    prometheus: str = Field(description="address of the Prometheus that KEDA asks", examples=["http://prometheus.monitoring:9090"])


class Cluster(Section):
    name: str | None = Field(None, description="an existing cluster", examples=["platform"])
    create: bool = Field(False, description="make a cluster instead", examples=[True])
    resource_group: str | None = Field(None, description="Azure: the cluster's resource group", examples=["platform"])
    project: str | None = Field(None, description="Google Cloud: the cluster's project", examples=["acme-models"])
    kubeconfig: str | None = Field(None, description="kubernetes: path of the kubeconfig; KUBECONFIG or ~/.kube/config when unset", examples=["~/.kube/config"])
    context: str | None = Field(None, description="kubernetes: the kubeconfig's context; its current one when unset", examples=["staging"])


class Pool(Section):
    min: int | None = Field(None, ge=0, description="fewest nodes; as many as replicas when unset", examples=[1])
    max: int | None = Field(None, ge=1, description="most nodes; as many as replicas when unset", examples=[3])
    spot: bool = Field(False, description="machines that the cloud may take back", examples=[True])
    zone: str | None = Field(None, description="zone of the nodes and their disks", examples=["us-east-1a"])
    disk_size: Quantity | None = Field(None, description="a node's own disk", examples=["50Gi"])
    autoscaler: bool = Field(False, description="a node autoscaler runs in the cluster", examples=[True])


class Storage(Section):
    class_: str | None = Field(None, alias="class", description="an existing storage class", examples=["gp3"])
    size: Quantity | None = Field(None, description="size of a claim; computed from the model's files when unset", examples=["20Gi"])
    keep: bool = Field(False, description="the claims outlive `pulumi destroy`", examples=[True])


class Access(Section):
    api_keys: list[SecretStr] = Field([], description="keys that clients must send, as a secret", examples=[["..."]])
    service: Literal["ClusterIP", "LoadBalancer"] = Field("ClusterIP", description="kind of the Service", examples=["LoadBalancer"])
    ingress: dict[str, JsonValue] | None = Field(None, description="host, class and certificate of an Ingress", examples=[{"host": "models.example.com"}])
    allow_from: list[str] = Field([], description="namespaces and address ranges that may connect", examples=[["apps", "10.0.0.0/8"]])


class Image(Section):
    ref: str = Field(description="the server's image, best with its digest", examples=["registry.example.com/paddock@sha256:..."])
    pull_secrets: list[str] = Field([], description="names of Secrets with the registry's credentials", examples=[["registry"]])


class Download(Section):
    token: SecretStr | None = Field(None, description="access token for the models' host, as a secret", examples=["hf_..."])
    endpoint: str | None = Field(None, description="mirror that is asked instead of huggingface.co", examples=["https://mirror.example.com"])
    proxy: str | None = Field(None, description="proxy for downloads", examples=["http://proxy.example.com:3128"])
    ca_bundle: str | None = Field(None, description="file of certificates that are trusted beside the system's", examples=["certs/proxy.pem"])
    megabytes_per_second: float = Field(20, gt=0, description="assumed rate, for the startup budget", examples=[50])


class Limits(Section):
    queue: int | None = Field(None, ge=0, description="requests that may wait", examples=[64])
    max_tokens: int | None = Field(None, ge=1, description="most tokens that one request may answer", examples=[1024])
    request_seconds: float | None = Field(None, gt=0, description="longest time from a request's arrival to its end", examples=[300])
    drain_seconds: float = Field(30, ge=0, description="time that running answers get when the server stops", examples=[60])


class Budget(Section):
    per_month: float | None = Field(None, gt=0, description="USD", examples=[100])
    per_hour: float | None = Field(None, gt=0, description="USD", examples=[0.2])
    per1k_tokens: float | None = Field(None, gt=0, alias="per1kTokens", description="USD, one stream", examples=[0.01])


class Settings(Section):
    """Everything that a stack can be told, under `paddock:` in its file."""

    cloud: Literal["local", "kubernetes", "aws", "gcp", "azure"] = Field("local", description="where the model runs: this machine, a kubeconfig's cluster, or a cloud", examples=["aws"])
    region: str | None = Field(None, description="region; the provider's when unset", examples=["us-east-1"])
    model: Annotated[Annotated[str, Tag("<name>")] | Annotated[dict[str, JsonValue], Tag("<object>")], Discriminator(_scalar_or_object)] | None = Field(
        None, description="a name in the registry, or an object in the registry's form; `paddock-demo` for local, else `tinyllama-1.1b-chat`", examples=["paddock-demo"]
    )
    quantization: str | None = Field(None, description="a variant of the model; the entry's default when unset", examples=["Q4_K_M"])
    registry: str | None = Field(None, description="a YAML file of the team's own models, machines and prices", examples=["registry.yaml"])
    require_pinned: bool = Field(False, description="a model without sha256 is an error instead of a warning", examples=[True])
    machine: Annotated[Annotated[str, Tag("<name>")] | Annotated[LocalMachine, Tag("<object>")], Discriminator(_scalar_or_object)] | None = Field(
        None, description="machine type, recommended for the model when unset; for `kubernetes` and `local` an object with `cpu` and `memory`", examples=["m7g.xlarge"]
    )
    target_tokens_per_second: float | None = Field(None, gt=0, description="what the recommended machine must reach with one stream", examples=[10])
    replicas: int = Field(1, ge=1, description="servers, each with a claim of its own and, where there is room, a node of its own", examples=[2])
    autoscale: Autoscale | None = Field(None, description="KEDA on the queue's length, instead of `replicas`")
    context: int | None = Field(None, ge=1, description="tokens per request, prompt and answer together; the model's default when unset", examples=[4096])
    # llama.cpp's LLAMA_MAX_SEQ (src/llama-cparams.h) is 256.
    parallel: int | None = Field(None, ge=1, le=256, description="requests at once; the largest of 16, 8, 4, 2, 1 that fits when unset", examples=[4])
    kv_cache: Literal["f16", "q8_0"] = Field("f16", description="type of the KV cache; q8_0 needs about half the memory", examples=["q8_0"])
    cluster: Cluster | None = Field(None, description="the cluster")
    namespace: str | None = Field(None, description="an existing namespace; `paddock-<stack>` is created when unset", examples=["models"])
    pool: Pool = Field(Pool(), description="the node pool")
    storage: Storage = Field(Storage(), description="the claims")
    access: Access = Field(Access(), description="who may connect, and how")
    image: Image | None = Field(None, description="the server's image; required for a cluster")
    download: Download = Field(Download(), description="how models are fetched")
    limits: Limits = Field(Limits(), description="what one request, and all of them, may take")
    labels: dict[str, str] = Field({}, description="labels on every Kubernetes object", examples=[{"team": "search"}])
    tags: dict[str, str] = Field({}, description="tags on every cloud resource, node and disk", examples=[{"cost-center": "42"}])
    monitoring: bool = Field(False, description="ServiceMonitor, dashboard and alerts", examples=[True])
    budget: Budget | None = Field(None, description="exceeding one of these fails the preview")
    use: float = Field(1.0, gt=0, le=1, description="share of the time that the machine decodes, for the cost per 1K tokens", examples=[0.3])
    port: Port = Field(8080, description="local: port of the OpenAI API and the console", examples=[8081])
    admin_port: Port = Field(9090, description="local: port of health and metrics", examples=[9091])


# What this version acts on. A key that it would ignore is an error, not a silence.
AVAILABLE = frozenset({"cloud", "model", "machine", "replicas", "context", "parallel", "kvCache", "limits", "port", "adminPort"})


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
    return settings, problems + _contradictions(settings)


def _keys() -> frozenset[str]:
    return frozenset(field.alias or name for name, field in Settings.model_fields.items())


def _raw() -> dict[str, object]:
    """The values under our namespace. Pulumi hands over strings: JSON for everything that is no text in the stack's file."""
    prefix = f"{NAMESPACE}:"
    return {key.removeprefix(prefix): _value(key.removeprefix(prefix), text) for key, text in runtime_config.CONFIG.get().items() if key.startswith(prefix)}


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
    return Problem(path, "is not available in this version, which runs the local stack only.", f"Remove it: pulumi config rm {path}")


def _contradictions(settings: Settings) -> list[Problem]:
    problems = []
    if settings.cloud != "local":
        problems.append(Problem("paddock:cloud", f"{settings.cloud!r} is not available in this version.", "Run the local stack: pulumi config set paddock:cloud local"))
    elif settings.replicas > 1:
        problems.append(Problem("paddock:replicas", "the local stack runs one server.", "Remove it: pulumi config rm paddock:replicas"))
    if settings.cloud == "local" and isinstance(settings.machine, str):
        problems.append(Problem("paddock:machine", "for the local stack it is an object.", "Write, for example: pulumi config set --path paddock:machine.memory 8Gi"))
    if settings.port == settings.admin_port:
        problems.append(Problem("paddock:adminPort", f"is the same as paddock:port, {settings.port}.", "Choose another: pulumi config set paddock:adminPort 9091"))
    if isinstance(settings.model, dict):
        problems.append(Problem("paddock:model", "a model as an object is not available in this version.", "Name one of the registry: pulumi config set paddock:model paddock-demo"))
    return problems
