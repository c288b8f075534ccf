"""How much memory a model server needs. Pure functions; amounts are MiB."""

import math
from dataclasses import dataclass

from registry.catalog import Model, Variant

MIB = 2**20

# llama.cpp's ggml_type_size / ggml_blck_size: two bytes; 34 bytes for a block of 32.
BYTES_PER_ELEMENT = {"f16": 2.0, "q8_0": 34 / 32}
# llama-server's default --ubatch-size: tokens that one step of the prompt holds in memory.
MICRO_BATCH = 512
# An estimate until `make bench` fits it: activations of a step, in floats per token and embedding element.
ACTIVATIONS_PER_ELEMENT = 12
# Measured 2026-11-22 on 2 vCPU AMD EPYC with the demo model, as peak resident size: gateway 45, engine 55 in all.
RUNTIME = 100
# The number of slots is the first lever of cost on CPUs: about five times the tokens at sixteen streams.
PARALLEL_CHOICES = (16, 8, 4, 2, 1)


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a server needs and what its machine offers, in MiB; `parallel` requests of `context` tokens each."""

    weights: int
    kv_cache: int
    compute: int
    runtime: int
    available: int
    parallel: int
    context: int

    @property
    def total(self) -> int:
        return self.weights + self.kv_cache + self.compute + self.runtime

    @property
    def fits(self) -> bool:
        return self.total <= self.available


def fit(model: Model, variant: Variant, *, context: int, parallel: int | None, kv_cache: str, available: float) -> Fit:
    """The memory of a server in `available` MiB. Without `parallel`, the largest of 16, 8, 4, 2, 1 that fits, or 1."""
    choices = PARALLEL_CHOICES if parallel is None else (parallel,)
    fits = [_fit(model, variant, context, choice, kv_cache, available) for choice in choices]
    return next((one for one in fits if one.fits), fits[-1])


def kv_cache_bytes(model: Model, tokens: int, kv_cache: str) -> float:
    """Bytes of the KV cache for that many tokens: layers x heads x (key + value width) x bytes of an element."""
    shape = model.shape
    return tokens * shape.layers * shape.kv_heads * (shape.key_width + shape.value_width) * BYTES_PER_ELEMENT[kv_cache]


def _fit(model: Model, variant: Variant, context: int, parallel: int, kv_cache: str, available: float) -> Fit:
    compute = 4 * MICRO_BATCH * (model.shape.embedding * ACTIVATIONS_PER_ELEMENT + model.shape.vocabulary)
    return Fit(
        weights=math.ceil(variant.size / MIB),
        kv_cache=math.ceil(kv_cache_bytes(model, context * parallel, kv_cache) / MIB),
        compute=math.ceil(compute / MIB),
        runtime=RUNTIME,
        available=int(available),
        parallel=parallel,
        context=context,
    )
