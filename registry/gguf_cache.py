"""What a model keeps of every request: the KV cache of its layers, and the state of recurrent ones.

After llama.cpp 0c1e57098: src/llama-hparams.cpp, src/llama-kv-cache.cpp and llama_model::create_memory.
"""

from collections import Counter
from dataclasses import dataclass

from registry.gguf import GgufError
from registry.gguf_architectures import (
    FALCON_HYBRID,
    NO_CACHE,
    RECURRENT,
    RECURRENT_BY_HEADS,
    RECURRENT_BY_INTERVAL,
    SLIDING,
    Sliding,
)
from registry.gguf_fields import Fields


@dataclass(frozen=True)
class KvGroup:
    """Layers with the same cache. Widths are elements of one head; `window` is tokens, None for the whole context.

    With a window a slot of llama.cpp holds window + micro-batch tokens, rounded up to 256, and at most the context.
    With --kv-unified all slots together hold window x slots + micro-batch.
    """

    layers: int
    heads: int
    key_width: int
    value_width: int
    window: int | None


def kv_groups(fields: Fields) -> tuple[KvGroup, ...]:
    """The layers that hold a KV cache, grouped by what they hold, in the order of the layers. Raises GgufError."""
    if fields.architecture in NO_CACHE | RECURRENT:
        return ()
    if not any(_query_heads(fields)):
        raise GgufError("its metadata states no attention heads")
    heads, windows, widths = _heads(fields), _windows(fields), _widths(fields)
    recurrent = [False] * fields.layers if fields.architecture == FALCON_HYBRID else _recurrent(fields)
    groups = Counter(
        (heads[layer], *widths[windows[layer] is not None], windows[layer])
        for layer in range(min(fields.layers, _own_layers(fields)))
        if heads[layer] and not recurrent[layer]
    )
    return tuple(KvGroup(count, *group) for group, count in groups.items())


def state_bytes(fields: Fields) -> int:
    """Bytes that one request keeps in recurrent layers, whatever its length. Raises GgufError."""
    return 4 * _recurrent(fields).count(True) * _state_elements(fields)


def _heads(fields: Fields) -> list[int]:
    return fields.per_layer("attention.head_count_kv", _query_heads(fields))


def _query_heads(fields: Fields) -> list[int]:
    return fields.per_layer("attention.head_count", [0] * fields.layers)


def _widths(fields: Fields) -> tuple[tuple[int, int], tuple[int, int]]:
    """Widths of key and value: of layers that see everything, and of those with a window."""
    first = _query_heads(fields)[0]
    usual = fields.integer("embedding_length") // first if first else 0
    key, value = fields.integer("attention.key_length", usual), fields.integer("attention.value_length", usual)
    if not key or not value:
        raise GgufError("its metadata does not state how wide its attention heads are")
    full = (key, value)
    windowed = (fields.integer("attention.key_length_swa", key), fields.integer("attention.value_length_swa", value))
    if fields.integer("attention.key_length_mla", 0) and fields.integer("attention.value_length_mla", 0):
        # Latent attention: the values are computed from what is kept as keys.
        return (full[0], 0), (windowed[0], 0)
    return full, windowed


def _windows(fields: Fields) -> list[int | None]:
    """Every layer's window in tokens."""
    sliding = SLIDING.get(fields.architecture)
    if sliding is None or (fields.architecture == "exaone4" and fields.layers != 64):
        return [None] * fields.layers
    window = fields.integer("attention.sliding_window", sliding.default)
    if window == 0:
        return [None] * fields.layers
    flags = fields.flags("attention.sliding_window_pattern")
    if flags is None and sliding.period is None:
        return [None] * fields.layers
    if flags is None:
        flags = _periodic(fields, sliding)
    return [(sliding.fixed or window) if flag else None for flag in flags]


def _periodic(fields: Fields, sliding: Sliding) -> list[bool]:
    period = fields.integer("attention.sliding_window_pattern", sliding.period)
    full = 0 if sliding.dense_first else period - 1
    return [period == 0 or layer % period != full for layer in range(fields.layers)]


def _own_layers(fields: Fields) -> int:
    """The first so many layers have a cache of their own; later ones read those of earlier ones."""
    if fields.architecture == "gemma3n":
        return 20
    shared = fields.integer("attention.shared_kv_layers", 0) if fields.architecture == "gemma4" else 0
    return max(fields.blocks - shared, 0)


def _recurrent(fields: Fields) -> list[bool]:
    """Which layers are recurrent."""
    architecture = fields.architecture
    if architecture in RECURRENT or architecture == FALCON_HYBRID:
        return [True] * fields.layers
    if architecture in RECURRENT_BY_HEADS:
        # Nemotron-H has layers that are neither: a feed-forward network alone.
        neither = fields.per_layer("feed_forward_length", [0] * fields.layers)
        plain = architecture.startswith("nemotron_h")
        return [not heads and not (plain and width) for heads, width in zip(_heads(fields), neither, strict=True)]
    if architecture not in RECURRENT_BY_INTERVAL:
        return [False] * fields.layers
    listed = fields.flags("attention.recurrent_layers")
    if listed is not None:
        return listed
    interval = fields.integer("full_attention_interval", RECURRENT_BY_INTERVAL[architecture])
    if interval == 0:
        raise GgufError("its interval of layers with attention is 0")
    return [(layer + 1) % interval != 0 for layer in range(fields.layers)]


def _state_elements(fields: Fields) -> int:
    """llama.cpp's n_embd_r + n_embd_s of one layer; every element is a float."""
    width = fields.integer("embedding_length")
    if size := fields.integer("wkv.head_size", 0):
        return width * (fields.integer("token_shift_count", 2) + size)
    if length := fields.integer("shortconv.l_cache", 0):
        return width * (length - 1)
    heads, convolution = _query_heads(fields)[0], fields.integer("ssm.conv_kernel", 0)
    if size := fields.integer("kda.head_dim", 0):
        return (3 * (convolution - 1 if convolution else 3) + size) * heads * size
    if fields.architecture == "minimax-01":
        return _widths(fields)[0][0] ** 2 * heads
    inner, state = fields.integer("ssm.inner_size", 0), fields.integer("ssm.state_size", 0)
    return max(convolution - 1, 0) * (inner + 2 * fields.integer("ssm.group_count", 0) * state) + state * inner
