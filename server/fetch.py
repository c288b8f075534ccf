"""Brings the manifest's files to this machine's disk, each checked by size and sha256 before it has its name."""

import hashlib
import os
import shutil
import stat
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO

from server.manifest import File, Manifest
from server.status import FinalError, State, Status

_CHUNK = 1 << 20
_SILENCE_SECONDS = 30
_FINAL = {401: "asks for a token", 403: "does not let us read it", 404: "does not have it", 410: "has it no more"}
_ATTEMPTS = 5


def fetch(manifest: Manifest, models: Path, status: Status) -> list[Path]:
    """The manifest's files at `models/<model>/<name>`, fetched where they are missing. Raises FinalError."""
    folder = models / manifest.model
    try:
        folder.mkdir(parents=True, exist_ok=True)
        status.total = sum(file.size or 0 for file in manifest.files)
        return [_ensure(file, folder / file.name, status) for file in manifest.files]
    except OSError as error:
        raise FinalError(f"{folder} can't be written: {error.strerror}") from error


def _ensure(file: File, target: Path, status: Status) -> Path:
    status.state = State.VERIFYING
    if target.is_file() and _digest(target) == (target.stat().st_size if file.size is None else file.size, file.sha256):
        status.bytes += target.stat().st_size
        return target
    status.state = State.DOWNLOADING
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    before = status.bytes
    reason = ""
    for attempt in range(_ATTEMPTS):
        try:
            _copy(file, partial, status)
            break
        except ValueError as error:  # an address that Python can't read: a host name too long, a NUL in a path
            raise FinalError(f"{file.name}: {_shown(file.url)} is no address: {error}") from error
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
            _reject_final(file, error)
            reason = str(getattr(error, "reason", error)) or type(error).__name__
            status.retries += 1
            status.bytes = before
            time.sleep(min(2**attempt, 30))
    else:
        raise FinalError(f"{file.name} could not be fetched from {_shown(file.url)}: {reason}, {_ATTEMPTS} times")
    status.state = State.VERIFYING
    _publish(file, partial, target)
    return target


def _copy(file: File, partial: Path, status: Status) -> None:
    try:
        with _opened(file) as (source, length), partial.open("wb") as output:
            if None not in (length, file.size) and length != file.size:
                raise FinalError(_other_size(file, str(length)))
            # A host that tells no length may send for ever: half of what is free is left to others.
            most = file.size or shutil.disk_usage(partial.parent).free // 2
            started = time.monotonic()
            while chunk := source.read(_CHUNK):
                output.write(chunk)
                status.bytes += len(chunk)
                status.rate = output.tell() / max(time.monotonic() - started, 1e-6)
                status.eta = max(status.total - status.bytes, 0) / status.rate
                if length is None and output.tell() > most:
                    raise FinalError(f"{file.name} from {_shown(file.url)} does not end within {most} bytes")
            if length is not None and output.tell() < length:
                raise ConnectionError(f"broke off after {output.tell()} of {length} bytes")
            output.flush()
            os.fsync(output.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _other_size(file: File, size: str) -> str:
    return f"{file.name} from {_shown(file.url)} has {size} bytes; the manifest says {file.size}"


@contextmanager
def _opened(file: File) -> Iterator[tuple[BinaryIO, int | None]]:
    """The file's content, and its length where the host tells it."""
    if file.url.startswith("hf://"):
        raise FinalError(f"{file.name}: hf:// is not available in this version; name the file's https:// address")
    if file.url.startswith("file://"):
        path = Path(urllib.request.url2pathname(file.url.removeprefix("file://")))
        try:
            with path.open("rb") as source:
                regular = stat.S_ISREG(os.fstat(source.fileno()).st_mode)
                yield source, os.fstat(source.fileno()).st_size if regular else None
        except OSError as error:
            raise FinalError(f"{path} can't be read: {error.strerror}") from error
        return
    with urllib.request.urlopen(file.url, timeout=_SILENCE_SECONDS) as response:
        yield response, response.length


def _reject_final(file: File, error: Exception) -> None:
    if isinstance(error, urllib.error.HTTPError) and error.code in _FINAL:
        raise FinalError(f"{file.name}: {_shown(file.url)} {_FINAL[error.code]} (HTTP {error.code})") from error


def _publish(file: File, partial: Path, target: Path) -> None:
    size, digest = _digest(partial)
    wanted = (file.size or size, file.sha256 or digest)
    if (size, digest) != wanted:
        partial.unlink()
        raise FinalError(
            f"{file.name} from {_shown(file.url)} has {size} bytes and sha256 {digest}; "
            f"the manifest says {wanted[0]} bytes and sha256 {wanted[1]}"
        )
    partial.replace(target)
    folder = os.open(target.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _shown(url: str) -> str:
    """The URL without its query and its user, which may be secrets."""
    scheme, _, rest = url.partition("?")[0].partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
