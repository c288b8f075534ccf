"""The registry's data, typed: models with their variants and files."""

import difflib
import functools
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

HERE = Path(__file__).parent


class Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel, validate_by_name=True)


class File(Record):
    """One file of a variant. `size` is bytes; without `sha256` the host's word or the first boot's own hash counts."""

    name: str
    url: str
    size: int
    sha256: str | None = None
    role: Literal["weights", "mmproj"] = "weights"

    @property
    def location(self) -> str:
        """The url, absolute: a relative one starts at models.yaml."""
        return self.url if "://" in self.url else (HERE / self.url).as_uri()


class Variant(Record):
    """A model in one quantization."""

    files: tuple[File, ...] = Field(strict=False)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)


class Shape(Record):
    """What memory depends on: layers with a KV cache, heads of that cache, and widths in elements."""

    layers: int
    kv_heads: int
    key_width: int
    value_width: int
    embedding: int
    vocabulary: int


class Context(Record):
    """Tokens of one request, prompt and answer together: unless said otherwise, and at most."""

    default: int
    trained: int


class Model(Record):
    """An entry of the registry. `chat_template` is None when the file holds one, else a name that llama.cpp knows."""

    use: str
    task: Literal["chat", "embedding", "rerank"] = "chat"
    license: str
    chat_template: str | None = None
    context: Context
    shape: Shape
    default: str
    variants: dict[str, Variant]


class UnknownName(LookupError):
    """A name that the registry does not hold, with the nearest ones that it does."""

    def __init__(self, name: str, known: list[str]) -> None:
        self.name = name
        self.nearest = difflib.get_close_matches(name, known, n=3, cutoff=0.4) or sorted(known)[:10]
        super().__init__(f"{name!r} is not in the registry")


@functools.cache
def models() -> dict[str, Model]:
    """Every model of the registry by its name."""
    document = yaml.safe_load((HERE / "models.yaml").read_text())
    return {name: Model.model_validate(entry) for name, entry in document["models"].items()}


def model(name: str) -> Model:
    """The model of that name. Raises UnknownName."""
    if name not in models():
        raise UnknownName(name, list(models()))
    return models()[name]
