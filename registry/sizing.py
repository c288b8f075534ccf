"""How much memory a model server needs, and how large its disk must be. Pure; amounts are MiB unless named."""

import math
from dataclasses import dataclass

from registry.records import Model, Shape, Variant

MIB = 2**20

# llama.cpp's ggml_type_size / ggml_blck_size: two bytes; 34 bytes for a block of 32.
BYTES_PER_ELEMENT = {"f16": 2.0, "q8_0": 34 / 32}
# llama-server's default --ubatch-size: tokens that one step of the prompt holds in memory.
MICRO_BATCH = 512
# The number of slots is the first lever of cost on CPUs: about five times the tokens at sixteen streams.
PARALLEL_CHOICES = (16, 8, 4, 2, 1)
# Claims come in steps, because they can grow and never shrink. GiB.
CLAIM_STEPS = (2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500)

# Fitted to the peak resident memory of a real llama-server (tools/bench), 2026-11-22, on 2 vCPU of an AMD EPYC.
# A step of the prompt holds four rows of the embedding and three of the feed-forward width (compute buffer in the log).
EMBEDDING_ROWS, FEED_FORWARD_ROWS = 4, 3
FEED_FORWARD_RATIO = 4  # of the embedding, where the registry does not say
# Each slot keeps its logits and the candidates that are sampled from: bytes for each word of the vocabulary.
SLOT_BYTES_PER_WORD = 32
ENGINE = 25  # MiB: program, libraries, heap
GATEWAY = 60  # MiB: the Python process beside the engine
# llama.cpp copies these into the CPU's own layout at load, beside the mapped file: the share of what is no embedding.
# The rest of a Q4_K_M is Q6_K, which x86 takes as it is; Q8_0 is copied on ARM only.
REPACKED = {
    "Q4_0": 1.0,
    "Q4_K_M": 0.83,
    "Q4_K_S": 0.95,
    "IQ4_NL": 1.0,
    "MXFP4": 0.9,
    "MXFP4_MOE": 0.9,
    "Q5_K_M": 0.0,
    "Q8_0": 0.0,
}
# The embedding and the output layer stay as they are: bytes of an element, as Q4_K_M stores them (Q6_K).
EMBEDDING_BYTES = {"Q4_0": 0.82, "Q4_K_M": 0.82, "MXFP4": 2.0}
# Without a header nothing is known of the cache. A model without grouped heads is assumed: Llama 2 7B's half a MiB for
# each token, scaled by the file's size.
ASSUMED_KV_BYTES, ASSUMED_KV_FILE = 524288, 4081004224
ASSUMED_SHAPE = Shape(embedding=4096, vocabulary=128256, kv=())


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a server needs and what its machine offers, in MiB; `parallel` requests of `context` tokens each.

    `repacked` is the copy of the weights that llama.cpp makes in the CPU's own layout.
    """

    weights: int
    repacked: int
    kv_cache: int
    compute: int
    runtime: int
    available: int
    parallel: int
    context: int
    kv_type: str

    @property
    def total(self) -> int:
        return self.weights + self.repacked + self.kv_cache + self.compute + self.runtime

    @property
    def headroom(self) -> int:
        """What is left; negative when it does not fit."""
        return self.available - self.total

    @property
    def fits(self) -> bool:
        return self.headroom >= 0


def fit(model: Model, quantization: str, *, context: int, parallel: int | None, kv_type: str, available: float) -> Fit:
    """The memory of a server in `available` MiB. Without `parallel`, the largest of 16, 8, 4, 2, 1 that fits, or 1."""
    choices = PARALLEL_CHOICES if parallel is None else (parallel,)
    fits = [_fit(model, quantization, context, choice, kv_type, available) for choice in choices]
    return next((one for one in fits if one.fits), fits[-1])


def kv_cache_bytes(shape: Shape, context: int, parallel: int, kv_type: str) -> float:
    """Bytes of the KV cache: for each group, tokens x layers x heads x (key + value width) x bytes of an element.

    The state of recurrent layers is counted with it.
    """
    total = 0.0
    for group in shape.kv:
        elements = group.layers * group.heads * (group.key_width + group.value_width)
        total += elements * parallel * _cached_tokens(context, group.window) * BYTES_PER_ELEMENT[kv_type]
    return total + parallel * shape.state


def claim_gib(variant: Variant) -> int:
    """The size of a claim in GiB: the files twice, for the next version beside this one, a tenth more, a step up."""
    needed = variant.size * 2 * 1.1 / 2**30
    return next((step for step in CLAIM_STEPS if step >= needed), math.ceil(needed / 100) * 100)


def _fit(model: Model, quantization: str, context: int, parallel: int, kv_type: str, available: float) -> Fit:
    variant, shape = model.variants[quantization], model.shape or ASSUMED_SHAPE
    kv_cache = kv_cache_bytes(shape, context, parallel, kv_type)
    if model.shape is None:
        kv_cache = _assumed_kv_bytes(variant, kv_type) * context * parallel
    return Fit(
        weights=_mebibytes(variant.size),
        repacked=_mebibytes(repacked_bytes(variant.size, shape, quantization)),
        kv_cache=_mebibytes(kv_cache),
        compute=_mebibytes(_compute_bytes(shape, context)),
        runtime=ENGINE + GATEWAY + _mebibytes(parallel * shape.vocabulary * SLOT_BYTES_PER_WORD),
        available=int(available),
        parallel=parallel,
        context=context,
        kv_type=kv_type,
    )


def repacked_bytes(size: float, shape: Shape, quantization: str) -> float:
    """Bytes of the copy in the CPU's own layout. Rows that are no multiple of 256 have no K-quants, and no copy."""
    share = REPACKED.get(quantization, REPACKED["Q4_K_M"])
    if quantization.endswith(("_K_M", "_K_S")) and shape.embedding % 256:
        share = 0.0
    embedding = shape.embedding * shape.vocabulary * EMBEDDING_BYTES.get(quantization, 0.0)
    return max(0.0, size - embedding) * share


def _compute_bytes(shape: Shape, context: int) -> float:
    feed_forward = shape.feed_forward or FEED_FORWARD_RATIO * shape.embedding
    row = EMBEDDING_ROWS * shape.embedding + FEED_FORWARD_ROWS * feed_forward
    mask = 2 * context
    return MICRO_BATCH * (4 * row + mask)


def _cached_tokens(context: int, window: int | None) -> int:
    """Tokens of one slot that a layer keeps: llama.cpp rounds to 256, and a window holds a step of the prompt too."""
    kept = context if window is None else min(context, window + MICRO_BATCH)
    return math.ceil(kept / 256) * 256


def _assumed_kv_bytes(variant: Variant, kv_type: str) -> float:
    return ASSUMED_KV_BYTES * variant.size / ASSUMED_KV_FILE * BYTES_PER_ELEMENT[kv_type] / BYTES_PER_ELEMENT["f16"]


def _mebibytes(amount: float) -> int:
    return math.ceil(amount / MIB)
