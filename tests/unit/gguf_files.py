"""Makes GGUF files by hand, right or wrong, and reads them the way a careful test wants to."""

import struct
from collections.abc import Mapping, Sequence

from registry.gguf import Header, read_header
from registry.gguf_bytes import HEADER_LIMIT

Number = bool | int | float
Entry = Number | str | Sequence[Number] | Sequence[str]

# name, shape, type, offset among the weights
Placed = tuple[str, Sequence[int], int, int]


class Counted:
    """Reads from bytes and checks that nothing is read twice, beyond the end, or beyond the budget."""

    def __init__(self, content: bytes, size: int | None = None) -> None:
        self.content = content
        self.size = len(content) if size is None else size
        self.total = 0
        self._end = 0

    def read(self, offset: int, length: int) -> bytes:
        assert length > 0 and offset >= self._end and offset + length <= self.size
        self._end = offset + length
        self.total += length
        assert self.total <= HEADER_LIMIT
        # What the test did not write is nought.
        return self.content[offset : offset + length].ljust(length, b"\0")


def read(content: bytes, size: int | None = None) -> Header:
    counted = Counted(content, size)
    return read_header(counted.read, counted.size)


def u32(value: int) -> bytes:
    return struct.pack("<I", value)


def u64(value: int) -> bytes:
    return struct.pack("<Q", value)


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return u64(len(data)) + data


def entry(key: str, value: Entry) -> bytes:
    """A metadata entry: whole numbers are u32, others f32."""
    if isinstance(value, str):
        return text(key) + u32(8) + text(value)
    if isinstance(value, Sequence):
        kind = _kind(value[0]) if value else 4
        return text(key) + u32(9) + u32(kind) + u64(len(value)) + b"".join(_packed(kind, one) for one in value)
    return text(key) + u32(_kind(value)) + _packed(_kind(value), value)


def tensor(name: str | bytes, shape: Sequence[int], kind: int = 0, offset: int = 0) -> bytes:
    return text(name) + u32(len(shape)) + b"".join(map(u64, shape)) + u32(kind) + u64(offset)


def file(
    metadata: Mapping[str, Entry] | bytes = b"",
    tensors: Sequence[bytes] = (),
    *,
    entries: int | None = None,
    count: int | None = None,
    start: bytes = b"GGUF" + u32(3),
    weights: int = 0,
) -> bytes:
    """A file whose header states `entries` and `count` if given, with `weights` bytes after the padded header."""
    if isinstance(metadata, Mapping):
        entries = len(metadata) if entries is None else entries
        metadata = b"".join(entry(key, value) for key, value in metadata.items())
    count = len(tensors) if count is None else count
    header = (
        start + u64(count) + u64(1 if entries is None and metadata else entries or 0) + metadata + b"".join(tensors)
    )
    return header + bytes(-len(header) % 32) + bytes(weights)


def _kind(value: Number | str) -> int:
    return {bool: 7, int: 4, float: 6, str: 8}[type(value)]


def _packed(kind: int, value: Number | str) -> bytes:
    return text(value) if isinstance(value, str) else struct.pack({7: "<?", 4: "<I", 6: "<f"}[kind], value)
