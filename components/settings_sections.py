"""The groups of keys in a stack's configuration."""

import json
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, model_validator
from pydantic.alias_generators import to_camel
from pydantic.fields import FieldInfo

from registry.quantity import Quantity


def _untexted(value: object, field: FieldInfo | None) -> object:
    if (
        not isinstance(value, str)
        or field is None
        or not {int, float, bool} & {field.annotation, *get_args(field.annotation)}
    ):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


class Section(BaseModel):
    """A group of keys. Unknown keys are errors; values have JSON's types and are not converted."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        alias_generator=to_camel,
        validate_by_name=True,
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _numbers_in_text(cls, values: object) -> object:
        """`pulumi config set --path` writes 0.5 as text; a field that takes no text takes what it says."""
        if not isinstance(values, dict):
            return values
        fields = {field.alias or name: field for name, field in cls.model_fields.items()}
        return {key: _untexted(value, fields.get(key)) for key, value in values.items()}


class LocalMachine(Section):
    cpu: float | None = Field(
        default=None,
        gt=0,
        description="processors that the server may use; all that this process may use when unset",
        examples=[2],
    )
    memory: Quantity | None = Field(
        default=None,
        description="memory that the model has to fit into; all that this process may use when unset",
        examples=["8Gi"],
    )


class Autoscale(Section):
    min: int = Field(default=1, ge=1, description="fewest servers", examples=[1])
    max: int = Field(ge=1, description="most servers", examples=[4])
    queue: int = Field(
        default=1, ge=1, description="waiting requests per server above which one more is started", examples=[2]
    )
    prometheus: str = Field(
        description="address of the Prometheus that KEDA asks", examples=["http://prometheus.monitoring:9090"]
    )


class Cluster(Section):
    name: str | None = Field(default=None, description="an existing cluster", examples=["platform"])
    create: bool = Field(default=False, description="make a cluster instead", examples=[True])
    resource_group: str | None = Field(
        default=None, description="Azure: the cluster's resource group", examples=["platform"]
    )
    project: str | None = Field(
        default=None, description="Google Cloud: the cluster's project", examples=["acme-models"]
    )
    kubeconfig: str | None = Field(
        default=None,
        description="kubernetes: path of the kubeconfig; KUBECONFIG or ~/.kube/config when unset",
        examples=["~/.kube/config"],
    )
    context: str | None = Field(
        default=None,
        description="kubernetes: the kubeconfig's context; its current one when unset",
        examples=["staging"],
    )


class Pool(Section):
    min: int | None = Field(
        default=None, ge=0, description="fewest nodes; as many as replicas when unset", examples=[1]
    )
    max: int | None = Field(default=None, ge=1, description="most nodes; as many as replicas when unset", examples=[3])
    spot: bool = Field(default=False, description="machines that the cloud may take back", examples=[True])
    zone: str | None = Field(default=None, description="zone of the nodes and their disks", examples=["us-east-1a"])
    disk_size: Quantity | None = Field(default=None, description="a node's own disk", examples=["50Gi"])
    autoscaler: bool = Field(default=False, description="a node autoscaler runs in the cluster", examples=[True])


class Storage(Section):
    class_: str | None = Field(default=None, alias="class", description="an existing storage class", examples=["gp3"])
    size: Quantity | None = Field(
        default=None, description="size of a claim; computed from the model's files when unset", examples=["20Gi"]
    )
    keep: bool = Field(default=False, description="the claims outlive `pulumi destroy`", examples=[True])


class Access(Section):
    api_keys: list[SecretStr] = Field(
        default=[], description="keys that clients must send, as a secret", examples=[["..."]]
    )
    service: Literal["ClusterIP", "LoadBalancer"] = Field(
        default="ClusterIP", description="kind of the Service", examples=["LoadBalancer"]
    )
    ingress: dict[str, JsonValue] | None = Field(
        default=None, description="host, class and certificate of an Ingress", examples=[{"host": "models.example.com"}]
    )
    allow_from: list[str] = Field(
        default=[], description="namespaces and address ranges that may connect", examples=[["apps", "10.0.0.0/8"]]
    )


class Image(Section):
    ref: str = Field(
        description="the server's image, best with its digest", examples=["registry.example.com/paddock@sha256:..."]
    )
    pull_secrets: list[str] = Field(
        default=[], description="names of Secrets with the registry's credentials", examples=[["registry"]]
    )


class Download(Section):
    token: SecretStr | None = Field(
        default=None, description="access token for the models' host, as a secret", examples=["hf_..."]
    )
    endpoint: str | None = Field(
        default=None,
        description="mirror that is asked instead of huggingface.co",
        examples=["https://mirror.example.com"],
    )
    proxy: str | None = Field(
        default=None, description="proxy for downloads", examples=["http://proxy.example.com:3128"]
    )
    ca_bundle: str | None = Field(
        default=None,
        description="file of certificates that are trusted beside the system's",
        examples=["certs/proxy.pem"],
    )
    megabytes_per_second: float = Field(
        default=20, gt=0, description="assumed rate, for the startup budget", examples=[50]
    )


class Limits(Section):
    queue: int | None = Field(default=None, ge=0, description="requests that may wait", examples=[64])
    max_tokens: int | None = Field(
        default=None, ge=1, description="most tokens that one request may answer", examples=[1024]
    )
    request_seconds: float | None = Field(
        default=None, gt=0, description="longest time from a request's arrival to its end", examples=[300]
    )
    drain_seconds: float = Field(
        default=30, ge=0, description="time that running answers get when the server stops", examples=[60]
    )


class Budget(Section):
    per_month: float | None = Field(default=None, gt=0, description="USD", examples=[100])
    per_hour: float | None = Field(default=None, gt=0, description="USD", examples=[0.2])
    per1k_tokens: float | None = Field(
        default=None, gt=0, alias="per1kTokens", description="USD, one stream", examples=[0.01]
    )
