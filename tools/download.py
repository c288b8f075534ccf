"""Fetches a pinned file and checks its sha256 before anything uses it."""

import hashlib
import os
import urllib.error
import urllib.request
from pathlib import Path

from tools.steps import Heartbeat, Problems, problem

CONNECT_SECONDS = 10  # a host that is not reachable is given up after this; also the longest silence within a download
CHUNK = 1 << 20


class Unreachable(Exception):
    """The host can't be reached from here: another way may be open."""


def is_reachable(url: str) -> bool:
    """Whether the host of `url` answers at all."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=CONNECT_SECONDS).close()
    except urllib.error.HTTPError:
        return True
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return False
    return True


def fetch(url: str, sha256: str, target: Path) -> None:
    """Downloads `url` to `target`, which appears only when its sha256 is right.

    Raises Unreachable when the host can't be reached or refuses, Problems when the content is wrong.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        digest = _stream(url, partial)
        if digest != sha256:
            raise Problems(
                problem(
                    f"{url} has sha256 {digest} instead of the pinned {sha256}; it was not used.",
                    "try again; if it stays so, something between here and that host changes files.",
                )
            )
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _stream(url: str, target: Path) -> str:
    digest = hashlib.sha256()
    try:
        with (
            urllib.request.urlopen(url, timeout=CONNECT_SECONDS) as response,
            target.open("wb") as file,
            Heartbeat() as heartbeat,
        ):
            total = int(response.headers.get("Content-Length") or 0)
            while chunk := response.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
                heartbeat.now = f"{file.tell() >> 20} of {total >> 20} MiB"
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise Unreachable(f"{url}: {getattr(error, 'reason', error)}") from error
    return digest.hexdigest()
