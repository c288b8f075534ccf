"""What the registry and the sizing need to know of a model, from the header of its GGUF file."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from registry.gguf import Header
from registry.gguf_cache import KvGroup, kv_groups, state_bytes
from registry.gguf_fields import Fields
from registry.gguf_types import FILE_TYPES, GUESSED, POOLING_TYPES

__all__ = ["Description", "KvGroup", "describe"]

# llama.cpp's tensors that hold one matrix for each expert (src/llama-arch.cpp).
_EXPERTS = re.compile(r"\.ffn_(?:gate|up|down|gate_up)_exps\.")
_TOKENS = "tokenizer.ggml.tokens"


@dataclass(frozen=True, kw_only=True)
class Description:
    """A model as its file states it. Widths are elements, `context` is tokens, `weights` is bytes.

    `kv_groups` are the layers that hold a cache; `state_bytes` is what a request keeps beside it, in recurrent layers.
    `heads` and `feed_forward` are the most of any layer. `shares` is each tensor type's part of `weights`, 0 to 1.
    `expert_parameters` are the weights of all experts together.
    `parameters`, `weights` and `shares` are of this file, which is one of `shards`.
    """

    architecture: str
    name: str | None
    license: str | None
    quantization: str | None
    parameters: int
    weights: int
    shares: Mapping[str, float]
    shards: int
    context: int
    embedding: int
    feed_forward: int
    layers: int
    heads: int
    kv_groups: tuple[KvGroup, ...]
    state_bytes: int
    experts: int
    experts_used: int
    expert_parameters: int
    vocabulary: int
    chat_template: bool
    tokenizer: str | None
    pooling: str | None


def describe(header: Header) -> Description:
    """The model of a header. Raises GgufError when it is no language model or lacks what sizing needs."""
    fields = Fields(header)
    none = [0] * fields.layers
    shares = _shares(header)
    return Description(
        architecture=fields.architecture,
        name=fields.text("general.name"),
        license=fields.text("general.license"),
        quantization=_quantization(header, shares),
        parameters=sum(tensor.elements for tensor in header.tensors),
        weights=sum(tensor.bytes for tensor in header.tensors),
        shares=MappingProxyType(shares),
        shards=max(_number(header, "split.count"), 1),
        context=fields.integer("context_length"),
        embedding=fields.integer("embedding_length"),
        feed_forward=max(fields.per_layer("feed_forward_length", none)),
        layers=fields.layers,
        heads=max(fields.per_layer("attention.head_count", none)),
        kv_groups=kv_groups(fields),
        state_bytes=state_bytes(fields),
        experts=fields.integer("expert_count", 0),
        experts_used=max(fields.per_layer("expert_used_count", none)),
        expert_parameters=sum(tensor.elements for tensor in header.tensors if _EXPERTS.search(tensor.name)),
        vocabulary=header.array_lengths.get(_TOKENS) or fields.integer("vocab_size", 0),
        chat_template=fields.text("tokenizer.chat_template") is not None,
        tokenizer=fields.text("tokenizer.ggml.model"),
        pooling=POOLING_TYPES.get(fields.integer("pooling_type", -1)),
    )


def _shares(header: Header) -> dict[str, float]:
    """Each tensor type's part of the bytes, the largest first."""
    sizes: Counter[str] = Counter()
    for tensor in header.tensors:
        sizes[tensor.type] += tensor.bytes
    total = sizes.total()
    return {name: size / total for name, size in sizes.most_common()} if total else {}


def _quantization(header: Header, shares: dict[str, float]) -> str | None:
    """The stated file type's name, or else the type of most bytes."""
    stated = header.metadata.get("general.file_type")
    named = FILE_TYPES.get(stated % GUESSED) if isinstance(stated, int) and not isinstance(stated, bool) else None
    return named or next(iter(shares), None)


def _number(header: Header, key: str) -> int:
    """A whole number that is not of the architecture, 0 when it is missing."""
    value = header.metadata.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
