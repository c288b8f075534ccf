"""The header of a GGUF file: real ones, and those that someone made to do harm."""

import struct
import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.gguf import GgufError, read_header
from registry.gguf_bytes import HEADER_LIMIT
from registry.gguf_description import describe
from tests import demo
from tests.unit.gguf_files import Counted, entry, file, read, tensor, text, u32, u64

DEMO = demo.MODEL.read_bytes()
# The demo's header ends before this byte: what is changed after it is weights.
DEMO_HEADER = 40_000
ENDLESS = 2**63 - 1


def test_the_demo_is_read_without_its_weights() -> None:
    counted = Counted(DEMO)
    header = read_header(counted.read, counted.size)
    assert counted.total <= 256 * 1024
    assert (header.version, header.metadata["llama.block_count"], len(header.tensors)) == (3, 4, 38)
    assert header.array_lengths["tokenizer.ggml.tokens"] == 1024
    assert header.array_types["tokenizer.ggml.tokens"] == "string"
    assert "tokenizer.ggml.tokens" not in header.metadata
    last = header.tensors[-1]
    assert last.offset + last.bytes <= demo.SIZE < last.offset + last.bytes + 32


def test_a_tensor_has_its_place_in_the_file() -> None:
    header = read(file({}, [tensor("a", [32, 3], 8), tensor("b", [5], 0, 128)], weights=148))
    a, b = header.tensors
    assert (a.name, a.shape, a.type, a.bytes, a.elements) == ("a", (32, 3), "Q8_0", 102, 96)
    assert (b.type, b.bytes, b.offset - a.offset) == ("F32", 20, 128)
    assert a.offset % 32 == 0


@pytest.mark.parametrize(
    ("kind", "packed", "expected"),
    [
        (0, b"\xff", 255),
        (1, b"\xff", -1),
        (2, b"\xff\xff", 65535),
        (3, b"\xff\xff", -1),
        (4, b"\xff\xff\xff\xff", 2**32 - 1),
        (5, b"\xff\xff\xff\xff", -1),
        (6, struct.pack("<f", 0.5), 0.5),
        (7, b"\x02", True),
        (8, text("é"), "é"),
        (10, b"\xff" * 8, 2**64 - 1),
        (11, b"\xff" * 8, -1),
        (12, struct.pack("<d", 0.1), 0.1),
    ],
)
def test_every_type_of_value_is_read(kind: int, packed: bytes, expected: object) -> None:
    metadata = read(file(text("key") + u32(kind) + packed)).metadata
    assert metadata == {"key": expected} and type(metadata["key"]) is type(expected)


def test_a_list_of_few_numbers_is_kept_and_a_long_one_only_counted() -> None:
    header = read(file({"few": [1, 0, 2], "flags": [True, False], "long": [7] * 4097, "words": ["a", "b"], "end": 1}))
    assert header.metadata == {"few": (1, 0, 2), "flags": (True, False), "end": 1}
    assert header.array_lengths == {"few": 3, "flags": 2, "long": 4097, "words": 2}
    assert header.array_types == {"few": "u32", "flags": "bool", "long": "u32", "words": "string"}


def test_a_long_list_of_numbers_is_passed_over_without_being_read() -> None:
    content = text("long") + u32(9) + u32(12) + u64(4_000_000) + bytes(32_000_000) + entry("end", 1)
    counted = Counted(file(content, entries=2))
    assert read_header(counted.read, counted.size).metadata == {"end": 1}
    assert counted.total < 1_000_000


def test_a_large_vocabulary_takes_little_memory() -> None:
    content = file({"tokens": ["x" * 1000] * 16_000})
    tracemalloc.start()
    read(content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2_000_000


HOSTILE = {
    "nothing": (b"", "cut off"),
    "too short": (b"GGUF\3", "cut off"),
    "another format": (b"PK\3\4" + bytes(40), "not a GGUF file"),
    "a web page": (b"<!doctype html>" + bytes(40), "not a GGUF file"),
    "version 0": (file(start=b"GGUF" + u32(0)), "big-endian"),
    "version 1": (file(start=b"GGUF" + u32(1)), "version 1"),
    "version 4": (file(start=b"GGUF" + u32(4)), "version 4"),
    "big-endian": (file(start=b"GGUF" + struct.pack(">I", 3)), "big-endian"),
    "endless metadata": (file(entries=ENDLESS), "metadata entries"),
    "endless tensors": (file(count=2**64 - 1), "tensors"),
    "more metadata than it has": (file({"a": 1}, entries=9)[:40], "cut off"),
    "more tensors than it has": (file({"a": 1}, count=9), "cut off"),
    "an endless key": (file(u64(ENDLESS) + b"a"), "cut off"),
    "a key that is not text": (file(text(b"\xff\xfe") + u32(4) + u32(1)), "UTF-8"),
    "a key without a name": (file({"": 1}), "no name"),
    "a key twice": (file(entry("a", 1) + entry("a", 2), entries=2), "twice"),
    "a list twice": (file(entry("a", ["x"]) + entry("a", 2), entries=2), "twice"),
    "an endless text": (file(text("a") + u32(8) + u64(2**63)), "cut off"),
    "a text that is not text": (file(text("a") + u32(8) + text(b"\xc3\x28")), "UTF-8"),
    "an unknown type": (file(text("a") + u32(13) + u64(1)), "unknown type 13"),
    "an endless list of numbers": (file(text("a") + u32(9) + u32(4) + u64(2**62)), "cut off"),
    "an endless list of texts": (file(text("a") + u32(9) + u32(8) + u64(2**61)), "cut off"),
    "a list with an endless text": (file(text("a") + u32(9) + u32(8) + u64(1) + u64(2**64 - 1)), "cut off"),
    "a list of lists": (file(text("a") + u32(9) + u32(9) + u64(1)), "nested"),
    "an alignment of 0": (file({"general.alignment": 0}), "power of two"),
    "an alignment of 24": (file({"general.alignment": 24}), "power of two"),
    "an alignment in words": (file({"general.alignment": "32"}), "power of two"),
    "a tensor twice": (file({}, [tensor("a", [8]), tensor("a", [8], 0, 32)], weights=64), "twice"),
    "a tensor with a long name": (file({}, [tensor("a" * 64, [8])], weights=32), "name of more than"),
    "a tensor with a name that is not text": (file({}, [tensor(b"\xff", [8])], weights=32), "UTF-8"),
    "a tensor of five dimensions": (file({}, [tensor("a", [1] * 5)], weights=32), "5 dimensions"),
    "a tensor of endless dimensions": (file({}, [text("a") + u32(2**32 - 1)]), "dimensions"),
    "a tensor that overflows": (file({}, [tensor("a", [2**32, 2**32])], weights=32), "larger than any file"),
    "a tensor that overflows to 0": (file({}, [tensor("a", [2**63, 2])], weights=32), "larger than any file"),
    "a tensor that hides its size": (file({}, [tensor("a", [2**62, 2**62, 0])], weights=32), "larger than any file"),
    "a tensor of an unknown type": (file({}, [tensor("a", [8], 4)], weights=32), "unknown type 4"),
    "a tensor with a broken row": (file({}, [tensor("a", [33], 8)], weights=64), "blocks of 32"),
    "a tensor beyond the file": (file({}, [tensor("a", [64])], weights=255), "cut off"),
    "a tensor that begins late": (file({}, [tensor("a", [8], 0, 32)], weights=64), "llama.cpp refuses"),
    "a tensor far beyond": (file({}, [tensor("a", [8], 0, 2**63)], weights=64), "llama.cpp refuses"),
    "a tensor off its alignment": (file({}, [tensor("a", [8]), tensor("b", [8], 0, 33)], weights=96), "multiple of 32"),
    "tensors that overlap": (file({}, [tensor("a", [16]), tensor("b", [8], 0, 32)], weights=96), "overlaps"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_is_said(name: str) -> None:
    content, message = HOSTILE[name]
    with pytest.raises(GgufError, match=message) as caught:
        read(content)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_what_a_stranger_named_is_shown_short_and_printable() -> None:
    with pytest.raises(GgufError) as caught:
        read(file(text("\x1b[31m\n" + "é" * 500) + u32(99)))
    assert str(caught.value).isascii() and str(caught.value).isprintable() and len(str(caught.value)) < 500


def test_a_host_that_gives_less_than_asked_is_found_out() -> None:
    with pytest.raises(GgufError, match="cut off"):
        read_header(lambda offset, length: DEMO[offset : offset + length - 1], demo.SIZE)


def test_a_header_of_64_mib_ends_the_reading() -> None:
    content = text("a") + u32(9) + u32(8) + u64(70_000) + text("x" * 1016) * 66_000
    counted = Counted(file(content), 2**40)
    with pytest.raises(GgufError, match="longer than 64 MiB"):
        read_header(counted.read, counted.size)
    assert HEADER_LIMIT - 1024 <= counted.total <= HEADER_LIMIT


@pytest.mark.parametrize("content", [text("a") + u32(9) + u32(8) + u64(2**50), text("a") + u32(8) + u64(2**30)])
def test_what_could_not_fit_into_64_mib_is_not_even_begun(content: bytes) -> None:
    counted = Counted(file(content), 2**60)
    with pytest.raises(GgufError, match="longer than 64 MiB"):
        read_header(counted.read, counted.size)
    assert counted.total <= 256 * 1024


def test_more_text_than_any_model_has_is_not_kept() -> None:
    with pytest.raises(GgufError, match="more than 8 MiB"):
        read(file({str(number): "x" * 1_000_000 for number in range(9)}))


def test_more_numbers_than_any_model_has_are_not_kept() -> None:
    entries = b"".join(text(str(number)) + u32(9) + u32(0) + u64(4096) + bytes(4096) for number in range(300))
    with pytest.raises(GgufError, match="more than 8 MiB"):
        read(file(entries, entries=300))


def examine(content: bytes, size: int | None = None) -> None:
    """Reads and describes what may be anything: GgufError is the only error that may come."""
    with suppress(GgufError):
        describe(read(content, size))


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(GgufError):
        read(content)


@given(st.binary(max_size=400))
def test_random_bytes_after_a_right_beginning_do_no_harm(content: bytes) -> None:
    examine(b"GGUF" + u32(3) + u64(1) + u64(2) + content)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(0, DEMO_HEADER - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_a_damaged_header_does_no_harm(changes: list[tuple[int, int]]) -> None:
    content = bytearray(DEMO[:DEMO_HEADER])
    for position, value in changes:
        content[position] = value
    examine(bytes(content), demo.SIZE)


@given(st.integers(0, 1500), st.sampled_from([0, 1, 2**31, 2**32 - 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1]))
def test_a_length_that_lies_does_no_harm(position: int, length: int) -> None:
    examine(DEMO[:position] + u64(length) + DEMO[position + 8 :])


@given(st.integers(0, demo.SIZE - 1))
def test_a_file_that_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises(GgufError, match="cut off"):
        read(DEMO[:size])
