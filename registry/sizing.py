"""How much memory a model server needs, and how large its disk must be. Pure; amounts are MiB unless named."""

import math
from dataclasses import dataclass

from registry.records import KvGroup, Model, Shape, Variant

MIB = 2**20

# llama.cpp's ggml_type_size / ggml_blck_size: two bytes; 34 bytes for a block of 32.
BYTES_PER_ELEMENT = {"f16": 2.0, "q8_0": 34 / 32}
# llama-server's default --ubatch-size: tokens that one step of the prompt holds in memory.
MICRO_BATCH = 512
# The number of slots is the first lever of cost on CPUs: about five times the tokens at sixteen streams.
PARALLEL_CHOICES = (16, 8, 4, 2, 1)
# Claims come in steps, because they can grow and never shrink. GiB.
CLAIM_STEPS = (2, 5, 10, 20, 30, 50, 75, 100, 150, 200, 300, 500)

# llama-server keeps so many copies of what can't be rolled back, windows and recurrent state, for a slot's next turn
# (server/engine_command.py tells it so).
CHECKPOINTS = 3

# Fitted to the peak resident memory of a real llama-server; `make bench` measures how far off they are.
# A step of the prompt holds four rows of the embedding and 3.3 of the feed-forward width (compute buffer in the log).
EMBEDDING_ROWS, FEED_FORWARD_ROWS = 4, 3.3
FEED_FORWARD_RATIO = 4  # of the embedding, where the registry does not say
LOGIT_BYTES = 16  # for each word and slot: the logits, and the candidates that are sampled from
ENGINE, ENGINE_PER_SLOT = 12.0, 0.5  # MiB: program, libraries, heap
WORD_BYTES = 320  # the tokenizer holds each word of the vocabulary as text, in a map, and in its merges
GATEWAY = 60  # MiB: the Python process beside the engine
# Without a header nothing is known of the cache. A model without grouped heads is assumed: Llama 2 7B's half a MiB for
# each token, scaled by the file's size.
ASSUMED_KV_BYTES, ASSUMED_KV_FILE = 524288, 4081004224
ASSUMED_SHAPE = Shape(embedding=4096, vocabulary=128256, kv=())


@dataclass(frozen=True, kw_only=True)
class Fit:
    """What a server needs and what its machine offers, in MiB; `parallel` requests of `context` tokens each.

    `weights` are the files: the engine reads them instead of mapping them, so that they are held once.
    """

    weights: int
    kv_cache: int
    compute: int
    runtime: int
    available: int
    parallel: int
    context: int
    kv_type: str

    @property
    def total(self) -> int:
        return self.weights + self.kv_cache + self.compute + self.runtime

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
    groups = (_token_bytes(group, kv_type) * _cached_tokens(context, group.window) for group in shape.kv)
    return parallel * (sum(groups) + shape.state)


def checkpoint_bytes(shape: Shape, context: int, parallel: int, kv_type: str) -> float:
    """Bytes of the checkpoints of all slots: each holds the windows and the state, as they were."""
    windows = (_token_bytes(group, kv_type) * min(context, group.window) for group in shape.kv if group.window)
    return CHECKPOINTS * parallel * (sum(windows) + shape.state)


def claim_gib(variant: Variant) -> int:
    """The size of a claim in GiB: the files twice, for the next version beside this one, a tenth more, a step up."""
    needed = variant.size * 2 * 1.1 / 2**30
    return next((step for step in CLAIM_STEPS if step >= needed), math.ceil(needed / 100) * 100)


def _fit(model: Model, quantization: str, context: int, parallel: int, kv_type: str, available: float) -> Fit:
    variant, shape = model.variants[quantization], model.shape or ASSUMED_SHAPE
    kv_cache = kv_cache_bytes(shape, context, parallel, kv_type) + checkpoint_bytes(shape, context, parallel, kv_type)
    if model.shape is None:
        kv_cache = _assumed_kv_bytes(variant, kv_type) * context * parallel
    return Fit(
        weights=_mebibytes(variant.size),
        kv_cache=_mebibytes(kv_cache),
        compute=_mebibytes(_compute_bytes(shape, context)),
        runtime=GATEWAY + _mebibytes(_engine_bytes(shape, parallel)),
        available=int(available),
        parallel=parallel,
        context=context,
        kv_type=kv_type,
    )


def _compute_bytes(shape: Shape, context: int) -> float:
    """Bytes of one step of the prompt: its rows, and which cached tokens each of its tokens sees."""
    feed_forward = shape.feed_forward or FEED_FORWARD_RATIO * shape.embedding
    row = EMBEDDING_ROWS * shape.embedding + FEED_FORWARD_ROWS * feed_forward
    masks = sum(_cached_tokens(context, window) for window in {None, *(group.window for group in shape.kv)})
    return MICRO_BATCH * (4 * row + 2 * masks)


def _engine_bytes(shape: Shape, parallel: int) -> float:
    """Bytes of the engine beside weights, cache and computation."""
    engine = (ENGINE + ENGINE_PER_SLOT * parallel) * MIB
    return engine + (WORD_BYTES + LOGIT_BYTES * parallel) * shape.vocabulary


def _token_bytes(group: KvGroup, kv_type: str) -> float:
    """Bytes that one token takes in all layers of a group."""
    return group.layers * group.heads * (group.key_width + group.value_width) * BYTES_PER_ELEMENT[kv_type]


def _cached_tokens(context: int, window: int | None) -> int:
    """Tokens of one slot that a layer keeps: llama.cpp rounds to 256, and a window holds a step of the prompt too."""
    kept = context if window is None else min(context, window + MICRO_BATCH)
    return math.ceil(kept / 256) * 256


def _assumed_kv_bytes(variant: Variant, kv_type: str) -> float:
    return ASSUMED_KV_BYTES * variant.size / ASSUMED_KV_FILE * BYTES_PER_ELEMENT[kv_type] / BYTES_PER_ELEMENT["f16"]


def _mebibytes(amount: float) -> int:
    return math.ceil(amount / MIB)
