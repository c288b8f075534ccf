"""Reads a GGUF header's bytes in order, each at most once, and never more of them than a limit."""

import struct
from collections.abc import Callable

from registry.gguf_types import VALUE_TYPES

# Gives `length` bytes at `offset` of a file.
Read = Callable[[int, int], bytes]

MIB = 2**20
HEADER_LIMIT = 64 * MIB
# What is kept of the header: text counts its bytes, a number eight.
KEPT_LIMIT = 8 * MIB
_BLOCK = 256 * 1024
_LENGTH = struct.Struct("<Q")


class GgufError(Exception):
    """What is wrong with a GGUF file, in one sentence that a file's name can precede."""


class HeaderBytes:
    """A header of a file of `size` bytes, read from its start. Every method raises GgufError where the header ends."""

    def __init__(self, read: Read, size: int) -> None:
        self._read = read
        self._size = size
        self._end = min(size, HEADER_LIMIT)
        self._block = b""
        self._start = 0
        self._kept = 0
        self.position = 0

    @property
    def left(self) -> int:
        """Bytes that the rest of the header may have."""
        return self._end - self.position

    def take(self, length: int) -> bytes:
        """The next `length` bytes."""
        self._require(length)
        begin = self.position - self._start
        if begin + length > len(self._block):
            self._fetch(length)
            begin = 0
        self.position += length
        return self._block[begin : begin + length]

    def skip(self, length: int) -> None:
        """Passes over `length` bytes; those that no block holds yet are never read."""
        self._require(length)
        self.position += length

    def skip_strings(self, count: int) -> None:
        """Passes over `count` strings."""
        self._require(count * _LENGTH.size)
        while count:
            count -= self._skip_strings_of_block(count)
            if count:
                self.skip(self.u64())
                count -= 1

    def u32(self) -> int:
        return int.from_bytes(self.take(4), "little")

    def u64(self) -> int:
        return int.from_bytes(self.take(8), "little")

    def numbers(self, value_type: int, count: int) -> tuple[int | float, ...]:
        """The next `count` values of a numeric type of VALUE_TYPES; they are kept."""
        pattern = struct.Struct(f"<{count}{VALUE_TYPES[value_type][1]}")
        self._keep(8 * count)
        return pattern.unpack(self.take(pattern.size))

    def text(self, what: str) -> str:
        """The next string, which is kept; `what` names it in an error."""
        length = self.u64()
        self._require(length)
        self._keep(length)
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise GgufError(f"{what} is not UTF-8 text") from None

    def _skip_strings_of_block(self, most: int) -> int:
        """Passes over strings whose lengths are in the block, and says how many; a vocabulary has a million."""
        block, begin, last = self._block, self.position - self._start, len(self._block) - _LENGTH.size
        passed = 0
        while passed < most and 0 <= begin <= last:
            (length,) = _LENGTH.unpack_from(block, begin)
            begin += _LENGTH.size + length
            passed += 1
        self.skip(self._start + begin - self.position)
        return passed

    def _keep(self, amount: int) -> None:
        self._kept += amount
        if self._kept > KEPT_LIMIT:
            raise GgufError(
                f"its header holds more than {KEPT_LIMIT // MIB} MiB beside its lists, which no model needs"
            )

    def _require(self, length: int) -> None:
        if length <= self.left:
            return
        if self._end < self._size:
            raise GgufError(f"its header is longer than {HEADER_LIMIT // MIB} MiB, which no model needs")
        raise GgufError(
            f"it is cut off: at byte {self.position} its header goes on for {length} bytes, {self.left} are left"
        )

    def _fetch(self, length: int) -> None:
        rest = self._block[self.position - self._start :]
        offset = self.position + len(rest)
        wanted = min(max(length - len(rest), _BLOCK), self._end - offset)
        data = self._read(offset, wanted)
        if len(data) != wanted:
            raise GgufError(f"it is cut off: {wanted} bytes were asked for at byte {offset}, {len(data)} came")
        self._block = rest + data
        self._start = self.position
