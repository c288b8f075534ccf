"""Reads the header of a GGUF file: its metadata and where its tensors are, not the weights. The file is not trusted.

What llama.cpp's ggml/src/gguf.cpp refuses is refused here too, and so is what no model needs.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from registry.gguf_bytes import GgufError, HeaderBytes, Read
from registry.gguf_types import ARRAY, STRING, TENSOR_TYPES, VALUE_TYPES

__all__ = ["GgufError", "Header", "Read", "Tensor", "Value", "read_header"]

Value = bool | int | float | str | tuple[bool | int | float, ...]

# Lists longer than this are vocabularies; shorter ones are per layer.
KEPT_ENTRIES = 4096
# Far more than any model has; what a hostile file may make us keep.
_ITEM_LIMIT = 65_536
_VERSIONS = (2, 3)
_DIMENSIONS = 4
_NAME_BYTES = 63
_LARGEST = 2**63 - 1
_ALIGNMENT_KEY = "general.alignment"


@dataclass(frozen=True)
class Tensor:
    """A tensor: `shape` in elements, the first dimension being a row; `offset` from the file's start and `bytes`."""

    name: str
    shape: tuple[int, ...]
    type: str
    offset: int
    bytes: int

    @property
    def elements(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True)
class Header:
    """A file's header. `metadata` lacks lists of text and of more than 4096 numbers; `array_lengths` and `array_types`
    have every list."""

    version: int
    metadata: Mapping[str, Value]
    array_lengths: Mapping[str, int]
    array_types: Mapping[str, str]
    tensors: tuple[Tensor, ...]


def read_header(read: Read, size: int) -> Header:
    """The header of a file of `size` bytes. Asks `read` for at most 64 MiB, in order. Raises GgufError."""
    source = HeaderBytes(read, size)
    version = _version(source)
    tensors, entries = source.u64(), source.u64()
    for count, what in ((tensors, "tensors"), (entries, "metadata entries")):
        if count > _ITEM_LIMIT:
            raise GgufError(f"it states {count} {what}; more than {_ITEM_LIMIT} are not believed")
    metadata, lengths, types = _metadata(source, entries)
    return Header(
        version=version,
        metadata=MappingProxyType(metadata),
        array_lengths=MappingProxyType(lengths),
        array_types=MappingProxyType(types),
        tensors=_tensors(source, tensors, _alignment(metadata), size),
    )


def _version(source: HeaderBytes) -> int:
    magic = source.take(4)
    if magic != b"GGUF":
        raise GgufError(f"it is not a GGUF file: it begins with {magic!r}")
    version = source.u32()
    if version & 0xFFFF == 0:
        raise GgufError("it is a GGUF file for big-endian machines, which Paddock does not run on")
    if version not in _VERSIONS:
        raise GgufError(f"it is of GGUF version {version}; versions 2 and 3 are known")
    return version


def _metadata(source: HeaderBytes, entries: int) -> tuple[dict[str, Value], dict[str, int], dict[str, str]]:
    metadata: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    types: dict[str, str] = {}
    for number in range(entries):
        key = source.text(f"the name of metadata entry {number}")
        if not key or key in metadata or key in lengths:
            raise GgufError(f"its metadata has {_shown(key)} twice" if key else f"metadata entry {number} has no name")
        value_type = source.u32()
        if value_type == ARRAY:
            types[key], lengths[key], kept = _array(source, key)
            if kept is not None:
                metadata[key] = kept
        elif value_type == STRING:
            metadata[key] = source.text(f"metadata {_shown(key)}")
        elif value_type in VALUE_TYPES:
            [metadata[key]] = source.numbers(value_type, 1)
        else:
            raise GgufError(f"metadata {_shown(key)} is of the unknown type {value_type}")
    return metadata, lengths, types


def _array(source: HeaderBytes, key: str) -> tuple[str, int, tuple[int | float, ...] | None]:
    """Type, length, and the entries if they are few numbers."""
    value_type, length = source.u32(), source.u64()
    if value_type == STRING:
        source.skip_strings(length)
        return "string", length, None
    if value_type not in VALUE_TYPES:
        raise GgufError(f"metadata {_shown(key)} is a list of the unknown or nested type {value_type}")
    name, pattern = VALUE_TYPES[value_type]
    if length <= KEPT_ENTRIES:
        return name, length, source.numbers(value_type, length)
    source.skip(length * struct.calcsize(f"<{pattern}"))
    return name, length, None


def _alignment(metadata: Mapping[str, Value]) -> int:
    value = metadata.get(_ALIGNMENT_KEY, 32)
    if isinstance(value, bool) or not isinstance(value, int) or value <= 0 or value & (value - 1) or value >= 2**32:
        raise GgufError(f"{_ALIGNMENT_KEY} is not a power of two")
    return value


def _tensors(source: HeaderBytes, count: int, alignment: int, size: int) -> tuple[Tensor, ...]:
    names: set[str] = set()
    tensors: list[Tensor] = []
    expected = 0
    for number in range(count):
        tensor = _tensor(source, number)
        shown = f"tensor {_shown(tensor.name)}"
        if tensor.name in names:
            raise GgufError(f"it has {shown} twice")
        if tensor.offset != expected:
            raise GgufError(_misplaced(shown, tensor.offset, expected, alignment))
        names.add(tensor.name)
        tensors.append(tensor)
        expected = _padded(tensor.offset + tensor.bytes, alignment)
    start = _padded(source.position, alignment)
    placed = tuple(Tensor(one.name, one.shape, one.type, start + one.offset, one.bytes) for one in tensors)
    if placed and (end := placed[-1].offset + placed[-1].bytes) > size:
        raise GgufError(f"it is cut off: its tensors end at byte {end}, the file at {size}")
    return placed


def _tensor(source: HeaderBytes, number: int) -> Tensor:
    """The next tensor, its offset still from where the weights begin."""
    name = source.text(f"the name of tensor {number}")
    shown = f"tensor {_shown(name)}"
    if len(name.encode()) > _NAME_BYTES:
        raise GgufError(f"{shown} has a name of more than {_NAME_BYTES} bytes")
    dimensions = source.u32()
    if dimensions > _DIMENSIONS:
        raise GgufError(f"{shown} has {dimensions} dimensions; at most {_DIMENSIONS} are known")
    shape = tuple(source.u64() for _ in range(dimensions))
    tensor_type, offset = source.u32(), source.u64()
    if tensor_type not in TENSOR_TYPES:
        raise GgufError(f"{shown} is of the unknown type {tensor_type}")
    type_name, block, block_bytes = TENSOR_TYPES[tensor_type]
    # One dimension of nought must not hide the others.
    if math.prod(max(length, 1) for length in shape) * block_bytes > _LARGEST:
        raise GgufError(f"{shown} is larger than any file")
    if (shape[0] if shape else 1) % block:
        raise GgufError(
            f"{shown} has rows of {shape[0] if shape else 1}, which {type_name} can't hold in blocks of {block}"
        )
    return Tensor(name, shape, type_name, offset, math.prod(shape) // block * block_bytes)


def _misplaced(shown: str, offset: int, expected: int, alignment: int) -> str:
    if offset % alignment:
        return f"{shown} begins at {offset}, which is not a multiple of {alignment}"
    if offset < expected:
        return f"{shown} begins at {offset} and overlaps the tensor before it, which ends at {expected}"
    return f"{shown} begins at {offset}, not at {expected} where the tensor before it ends; llama.cpp refuses that"


def _padded(length: int, alignment: int) -> int:
    return -(-length // alignment) * alignment


def _shown(name: str) -> str:
    """A name that a stranger chose, short and printable."""
    return ascii(name if len(name) <= _NAME_BYTES else f"{name[:_NAME_BYTES]}...")
