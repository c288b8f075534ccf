"""Talks to the hosts of model files: what a file is before it is fetched, and pieces of it."""

import re
import time
from dataclasses import dataclass, field

from registry.gguf_bytes import MIB, Read
from registry.host_address import HostError, parse, shown
from registry.host_requests import Answer, Transient, digits, opened, patiently

__all__ = ["HostError", "Remote", "ranged_reader", "resolve"]

FIRST_BLOCK = MIB
LARGEST_BLOCK = 4 * MIB
# Seconds for a block; a host that sends a byte now and then never falls silent.
BLOCK_SECONDS = 120
_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")


@dataclass(frozen=True)
class Remote:
    """A file on a host: `size` in bytes, `sha256` where the host states it, and the host that has the bytes.

    `url` is pinned to a commit where the host tells one. It may hold a signature: show `shown`.
    """

    url: str = field(repr=False)
    size: int
    sha256: str | None
    accept_ranges: bool
    host: str

    @property
    def shown(self) -> str:
        return shown(parse(self.url))


def resolve(url: str, token: str | None = None) -> Remote:
    """What and where the file of `url` is. `hf://owner/repository/file@revision` and the hub's pages are understood.

    The token goes to the first host only. Raises HostError.
    """
    return patiently(lambda: _resolved(url, token))


def ranged_reader(remote: Remote, token: str | None = None) -> Read:
    """Reads pieces of a file: `read(offset, length)`, shorter at the file's end. It keeps one block of at most 4 MiB,
    or of `length`. Raises HostError when it is called.
    """
    return _Blocks(remote, token).read


def _resolved(url: str, token: str | None) -> Remote:
    with opened(url, token, 0, 0) as answer:
        total, claimed = _total(answer), answer.claims.size
        if claimed is not None and total is not None and claimed != total:
            raise HostError(f"{answer.shown} has {total} bytes, but {parse(url).host} says that the file has {claimed}")
        size = total if claimed is None else claimed
        if size is None:
            raise HostError(f"{answer.shown} does not say how large the file is")
        if size == 0:
            raise HostError(f"{answer.shown} is empty")
        return Remote(
            url=str(answer.claims.pinned or parse(url)),
            size=size,
            sha256=answer.claims.sha256,
            accept_ranges=answer.response.status_code == 206,
            host=answer.response.url.host,
        )


def _total(answer: Answer) -> int | None:
    """The whole file's bytes as the last host states them."""
    if answer.response.status_code == 200:
        return digits(answer.response.headers.get("Content-Length"))
    return _range(answer)[1]


def _range(answer: Answer) -> tuple[int, int | None]:
    """Where the bytes of a 206 begin, and the whole file's bytes."""
    match = _CONTENT_RANGE.fullmatch(answer.response.headers.get("Content-Range", ""))
    if match is None:
        raise HostError(f"{answer.shown} gives a part of the file and does not say which")
    return int(match[1]), digits(match[3])


class _Blocks:
    """The last block that was fetched; the next one is twice as large."""

    def __init__(self, remote: Remote, token: str | None) -> None:
        self._remote = remote
        self._token = token
        self._start = 0
        self._block = b""
        self._next = FIRST_BLOCK

    def read(self, offset: int, length: int) -> bytes:
        length = max(min(length, self._remote.size - offset), 0)
        if length == 0:
            return b""
        begin = offset - self._start
        if begin < 0 or begin + length > len(self._block):
            wanted = min(max(length, self._next), self._remote.size - offset)
            self._block = b""
            self._block = patiently(lambda: _fetched(self._remote, self._token, offset, wanted))
            self._start, begin = offset, 0
            self._next = min(2 * self._next, LARGEST_BLOCK)
        return self._block[begin : begin + length]


def _fetched(remote: Remote, token: str | None, offset: int, length: int) -> bytes:
    """Exactly those bytes. A host that sends the whole file is read up to their end."""
    with opened(remote.url, token, offset, offset + length - 1) as answer:
        total, ahead = _total(answer), offset
        if total is not None and total != remote.size:
            raise HostError(f"{answer.shown} has {total} bytes now, and had {remote.size} before")
        if answer.response.status_code == 206:
            start, _ = _range(answer)
            if start != offset:
                raise HostError(f"{answer.shown} gives bytes from {start} instead of those from {offset}")
            ahead = 0
        return _body(answer, ahead, length)


def _body(answer: Answer, ahead: int, length: int) -> bytes:
    data = bytearray()
    deadline = time.monotonic() + BLOCK_SECONDS
    for chunk in answer.response.iter_raw():
        data += chunk[ahead:]
        ahead = max(ahead - len(chunk), 0)
        if len(data) >= length:
            return bytes(data[:length])
        if time.monotonic() > deadline:
            raise Transient(f"{answer.shown} is too slow: {len(data)} of {length} bytes in {BLOCK_SECONDS} seconds")
    raise Transient(f"{answer.shown} broke off after {len(data)} of {length} bytes")
