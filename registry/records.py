"""The registry's data, typed: models with their variants and files, machines with their prices, measured speeds."""

import datetime
import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

HERE = Path(__file__).parent

Cloud = Literal["aws", "gcp", "azure"]
CLOUDS: tuple[Cloud, ...] = ("aws", "gcp", "azure")


class Record(BaseModel):
    """A group of fields. Unknown fields are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, validate_by_name=True)


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("must be a number")
    return value


Number = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(_no_boolean), Field(gt=0, le=10**15)]
Price = Annotated[float, BeforeValidator(_no_boolean), Field(ge=0, le=10**6, allow_inf_nan=False)]  # USD
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+-]{0,199}$")]
# No user and password in it: they would be shown wherever the address is.
ADDRESS = r"(https|http|file|hf)://[^@/\s]*/[!-~]*"
Url = Annotated[str, Field(pattern=f"^({ADDRESS}|[A-Za-z0-9_][A-Za-z0-9._/-]*)$")]
MODEL_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")  # also a folder's name
ModelName = Annotated[str, Field(pattern=f"^{MODEL_NAME.pattern}$")]


class File(Record):
    """One file of a variant. `size` is bytes; without `sha256` the host's word or the first boot's own hash counts."""

    name: FileName
    url: Url
    size: Count | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None
    role: Literal["weights", "mmproj"] = "weights"

    @property
    def location(self) -> str:
        """The url, absolute: a relative one starts at models.yaml."""
        return self.url if "://" in self.url else (HERE / self.url).as_uri()


class Variant(Record):
    """A model in one quantization.

    `approximate_size` is bytes read from words such as "1.1GB": it feeds sizing, never identity.
    """

    repository: str | None = None
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")] | None = None
    files: Annotated[tuple[File, ...], Field(min_length=1)]
    approximate_size: Count | None = None

    @model_validator(mode="after")
    def _is_one_set(self) -> "Variant":
        names = [file.name for file in self.files]
        if len(set(names)) < len(names):
            raise ValueError("a file is named more than once")
        if not any(file.role == "weights" for file in self.files):
            raise ValueError("no file has the role weights")
        if any(file.size is None for file in self.files) and self.approximate_size is None:
            raise ValueError("a file has no size; write it, or let `python -m registry add URL` read it")
        known = sum(file.size or 0 for file in self.files)
        if self.approximate_size and known and all(file.size for file in self.files):
            raise ValueError("approximateSize is for files without a size; remove it")
        return self

    @property
    def size(self) -> int:
        """Bytes of all files, as far as they are known."""
        known = [file.size for file in self.files if file.size is not None]
        return sum(known) if len(known) == len(self.files) else (self.approximate_size or 0)

    @property
    def is_pinned(self) -> bool:
        """Whether every file has a sha256, so that nothing else can ever be served."""
        return all(file.sha256 for file in self.files)


class KvGroup(Record):
    """Layers whose KV cache is alike. `window` is the tokens that they keep; None for the whole context."""

    layers: Count
    heads: Count
    key_width: Count
    value_width: Count
    window: Count | None = None


class Shape(Record):
    """What memory depends on, in elements: widths, vocabulary, and the layers with a KV cache.

    `state` is bytes that a request keeps beside its cache, in recurrent layers.
    """

    embedding: Count
    feed_forward: Count | None = None
    vocabulary: Count
    state: Annotated[int, Field(ge=0)] = 0
    kv: tuple[KvGroup, ...]


class Context(Record):
    """Tokens of one request, prompt and answer together: unless said otherwise, and at most."""

    default: Count
    trained: Count

    @model_validator(mode="after")
    def _default_is_possible(self) -> "Context":
        if self.default > self.trained:
            raise ValueError("default is more than trained")
        return self


class Stated(Record):
    """A speed that somebody stated, without a measurement of ours."""

    tokens_per_second: Annotated[Number, Field(gt=0)]
    note: str | None = None


class Model(Record):
    """An entry of the registry. `chat_template` is None when the file holds one, else a name that llama.cpp knows.

    `shape` is None when nobody has read the file's header; sizing then assumes. `active_parameters` is what a token of
    a mixture of experts reads. `gated` is None where it is not known. `replaces` are dead addresses that lead here.
    """

    use: str = ""
    task: Literal["chat", "embedding", "rerank"] = "chat"
    license: str = "unknown"
    gated: bool | None = None
    chat_template: str | None = None
    context: Context
    parameters: Count | None = None
    active_parameters: Count | None = None
    shape: Shape | None = None
    stated: Stated | None = None
    replaces: tuple[str, ...] = ()
    unverified: tuple[str, ...] = ()
    default: str
    variants: Annotated[dict[str, Variant], Field(min_length=1)]

    @model_validator(mode="after")
    def _default_is_a_variant(self) -> "Model":
        if self.default not in self.variants:
            raise ValueError(f"default {self.default!r} is not one of the variants: {', '.join(self.variants)}")
        return self


class Level(Record):
    """A quantization level in words, for choosing one."""

    size: str
    quality: str
    speed: str
    note: str


class Burst(Record):
    """A burstable machine: the share of its vCPUs that is paid for, and USD per vCPU-hour above that."""

    baseline: Annotated[Number, Field(gt=0, le=1)]
    surplus: Price


class Allocatable(Record):
    """What pods can have of a node: millicores, and MiB."""

    cpu: Count
    memory: Count


class Machine(Record):
    """A machine type. `memory` is GiB, prices are USD per hour in its cloud's region on its price date."""

    vcpu: Count
    memory: Annotated[Number, Field(gt=0)]
    vcpu_is: Literal["thread", "core"]
    arch: Literal["amd64", "arm64"]
    cpu: str
    isa: tuple[str, ...] = ()
    price: Price
    spot: Price | None = None
    burst: Burst | None = None
    allocatable: Allocatable | None = None
    min_cpu_platform: str | None = None
    note: str | None = None
    price_date: datetime.date | None = None

    @property
    def cores(self) -> float:
        """Physical cores."""
        return self.vcpu / 2 if self.vcpu_is == "thread" else self.vcpu


class Services(Record):
    """What a cluster costs beside its machines: USD per hour, and per GB-month. `node_disk` is GB of a node's own."""

    control_plane: Price
    load_balancer: Price
    disk_price: Price
    node_disk: Count
    source: str
    date: datetime.date


class CloudMachines(Record):
    """A cloud's machines and prices, of one region and date."""

    region: str
    price_date: datetime.date
    price_source: str
    spec_source: str
    services: Services
    recommended: dict[str, str]
    cpu_optimized: str
    machines: dict[str, Machine]


class Measurement(Record):
    """A speed that a team measured on a machine; it wins over every estimate."""

    model: str
    quantization: str
    machine: str
    tokens_per_second: Annotated[Number, Field(gt=0)]
    batched_tokens_per_second: Annotated[Number, Field(gt=0)] | None = None
    parallel: Count | None = None
    date: datetime.date
    engine: str | None = None
