"""Makes GGUF files of a real model's shape and tensor types, whose weights are a hole in a sparse file.

They take no disk and no download, and llama-server runs them as it runs any model. What it keeps in memory depends on
shapes, types and the vocabulary, never on the weights' values.
"""

import itertools
import math
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from registry import gguf_types
from registry.records import Model, Shape

ALIGNMENT = 32
_NUMBERS = {name: number for number, (name, _) in gguf_types.VALUE_TYPES.items()}
_TENSOR_NUMBERS = {name: number for number, (name, _, _) in gguf_types.TENSOR_TYPES.items()}
# What llama-quantize falls back to when rows are no multiple of a block of 256.
_FALLBACK = {"Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0"}
_NORMAL, _CONTROL = 1, 3  # types of tokens

Entry = str | int | float | Sequence[str] | Sequence[int]
Tensor = tuple[str, tuple[int, ...]]


@dataclass(frozen=True)
class Architecture:
    """What a registry entry does not say. `tied`: the token embedding is also the output matrix."""

    name: str
    heads: int
    tied: bool


ARCHITECTURES = {
    "tinyllama-1.1b-chat": Architecture("llama", 32, tied=False),
    # Its published file holds the output matrix, though the model ties it.
    "qwen2.5-0.5b-instruct": Architecture("qwen2", 14, tied=False),
    "qwen3-0.6b": Architecture("qwen3", 16, tied=True),
    "llama-3.2-1b-instruct": Architecture("llama", 32, tied=True),
    "gemma-3-1b-it": Architecture("gemma3", 4, tied=True),
    "phi-3-mini": Architecture("phi3", 32, tied=False),
    "llama2-7b-chat": Architecture("llama", 32, tied=False),
    "llama-3.1-8b-instruct": Architecture("llama", 32, tied=False),
}


def write(name: str, model: Model, quantization: str, target: Path) -> None:
    """Writes the model of that name in Q4_0, Q4_K_M or Q8_0. `model` has a shape."""
    architecture, shape = ARCHITECTURES[name], model.shape
    assert shape
    metadata = _metadata(architecture, shape, model.context.trained)
    infos, offset = [], 0
    for tensor, size in _tensors(architecture, shape):
        kind = _TENSOR_NUMBERS[_tensor_type(architecture, shape, quantization, tensor, size)]
        _, elements, width = gguf_types.TENSOR_TYPES[kind]
        dimensions = b"".join(struct.pack("<Q", one) for one in reversed(size))
        infos.append(_text(tensor) + struct.pack("<I", len(size)) + dimensions + struct.pack("<IQ", kind, offset))
        offset = _padded(offset + math.prod(size) // elements * width)
    with target.open("wb") as file:
        file.write(b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(metadata)))
        file.writelines(_entry(key, value) for key, value in metadata.items())
        file.writelines(infos)
        file.truncate(_padded(file.tell()) + offset)


def _layers(shape: Shape) -> int:
    return sum(group.layers for group in shape.kv)


def _tensors(architecture: Architecture, shape: Shape) -> Iterator[Tensor]:
    """Names and shapes (rows, columns), in the order in which converters write them."""
    yield "token_embd.weight", (shape.vocabulary, shape.embedding)
    for layer in range(_layers(shape)):
        for tensor, size in _layer(architecture, shape):
            yield f"blk.{layer}.{tensor}", size
    yield "output_norm.weight", (shape.embedding,)
    if not architecture.tied:
        yield "output.weight", (shape.vocabulary, shape.embedding)


def _layer(architecture: Architecture, shape: Shape) -> Iterator[Tensor]:
    group, width, forward = shape.kv[0], shape.embedding, shape.feed_forward or 0
    query, key = architecture.heads * group.key_width, group.heads * group.key_width
    is_phi = architecture.name == "phi3"
    attention = {"qkv": query + 2 * key} if is_phi else {"q": query, "k": key, "v": key}
    yield "attn_norm.weight", (width,)
    for part, rows in attention.items():
        yield f"attn_{part}.weight", (rows, width)
        if architecture.name == "qwen2":
            yield f"attn_{part}.bias", (rows,)
    if architecture.name in ("qwen3", "gemma3"):
        yield "attn_q_norm.weight", (group.key_width,)
        yield "attn_k_norm.weight", (group.key_width,)
    yield "attn_output.weight", (width, query)
    yield "ffn_norm.weight", (width,)
    if not is_phi:
        yield "ffn_gate.weight", (forward, width)
    yield "ffn_up.weight", (2 * forward if is_phi else forward, width)
    yield "ffn_down.weight", (width, forward)
    if architecture.name == "gemma3":
        yield "post_attention_norm.weight", (width,)
        yield "post_ffw_norm.weight", (width,)


def _tensor_type(architecture: Architecture, shape: Shape, quantization: str, tensor: str, size: Sequence[int]) -> str:
    """The type that llama-quantize gives (src/llama-quant.cpp, llama_tensor_get_type)."""
    if len(size) == 1:
        return "F32"
    if quantization == "Q8_0":
        return "Q8_0"
    kind = {"Q4_0": "Q4_0", "Q4_K_M": "Q4_K"}[quantization]
    if tensor == ("token_embd.weight" if architecture.tied else "output.weight"):
        kind = "Q6_K"
    elif quantization == "Q4_K_M" and tensor.startswith("blk."):
        layer, layers = int(tensor.split(".")[1]), _layers(shape)
        more_bits = layer < layers // 8 or layer >= 7 * layers // 8 or (layer - layers // 8) % 3 == 2
        if "attn_qkv" in tensor:
            kind = "Q5_K"
        elif more_bits and ("attn_v" in tensor or "ffn_down" in tensor):
            kind = "Q6_K"
    return _FALLBACK.get(kind, kind) if size[1] % 256 else kind


def _metadata(architecture: Architecture, shape: Shape, context: int) -> dict[str, Entry]:
    group, vocabulary = shape.kv[0], shape.vocabulary
    window = next((one.window for one in shape.kv if one.window), None)
    own: dict[str, Entry] = {
        "context_length": context,
        "embedding_length": shape.embedding,
        "block_count": _layers(shape),
        "feed_forward_length": shape.feed_forward or 0,
        "attention.head_count": architecture.heads,
        "attention.head_count_kv": group.heads,
        "attention.key_length": group.key_width,
        "attention.value_length": group.value_width,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.dimension_count": group.key_width,
        "rope.scaling.original_context_length": context,
        **({"attention.sliding_window": window} if window else {}),
    }
    tokens, merges = _vocabulary(vocabulary)
    return {"general.architecture": architecture.name, "general.alignment": ALIGNMENT} | {
        **{f"{architecture.name}.{key}": value for key, value in own.items()},
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "default",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [_NORMAL] * (vocabulary - 1) + [_CONTROL],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": vocabulary - 1,
    }


def _vocabulary(size: int) -> tuple[list[str], list[str]]:
    """A byte-pair vocabulary of that many words: every byte, every pair of them, pairs with a third; and its merges."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    # GPT-2 writes a byte that is not printable as the next character from 256 on.
    others = 256 - len(printable)
    letters = [chr(byte) for byte in printable] + [chr(256 + number) for number in range(others)]
    pairs = list(itertools.product(letters, letters))
    triples = ((first + second, third) for first, second in pairs for third in letters)
    joined = list(itertools.islice(itertools.chain(pairs, triples), size - len(letters) - 1))
    tokens = [*letters, *(left + right for left, right in joined), "<|end|>"]
    return tokens, [f"{left} {right}" for left, right in joined]


def _entry(key: str, value: Entry) -> bytes:
    if isinstance(value, str):
        return _text(key) + struct.pack("<I", gguf_types.STRING) + _text(value)
    if isinstance(value, float):
        return _text(key) + struct.pack("<If", _NUMBERS["f32"], value)
    if isinstance(value, int):
        return _text(key) + struct.pack("<II", _NUMBERS["u32"], value)
    kind = gguf_types.STRING if isinstance(value[0], str) else _NUMBERS["i32"]
    packed = b"".join(_text(one) if isinstance(one, str) else struct.pack("<i", one) for one in value)
    return _text(key) + struct.pack("<IIQ", gguf_types.ARRAY, kind, len(value)) + packed


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(number: int) -> int:
    return -(-number // ALIGNMENT) * ALIGNMENT
