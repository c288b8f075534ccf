"""Addresses of model files: which are understood, how a commit is pinned, and how they are shown without secrets."""

import os
import re
import urllib.parse

import httpx

_HUB = "https://huggingface.co"
# The hub's addresses of a file; a mirror may have a path of its own before the repository.
_FILE = re.compile(r"(?P<page>/.+?)/(?:resolve|blob)/(?P<revision>[^/]+)/(?P<file>.+)")
_HF = re.compile(r"hf://(?P<repository>[^/@\s]+/[^/@\s]+)/(?P<file>[^@\s]+)(?:@(?P<revision>[^@\s]+))?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


class HostError(Exception):
    """Why a host does not give a file, and what to do about it, in one sentence without secrets."""


def endpoint() -> str:
    """Where the hub is: HF_ENDPOINT or huggingface.co, without a slash at its end."""
    return (os.environ.get("HF_ENDPOINT") or _HUB).rstrip("/")


def parse(url: str) -> httpx.URL:
    """The https address of `hf://owner/repository/file@revision`, of a page of the hub, or of a plain http(s) address.

    Raises HostError.
    """
    if url.startswith("hf://"):
        return _of_repository(url)
    if url.startswith(f"{_HUB}/"):
        url = endpoint() + url.removeprefix(_HUB)
    address = _checked(url)
    if origin(address) == origin(_checked(endpoint())) and (match := _match(address)):
        return address.copy_with(raw_path=_path(match, match["revision"]), fragment=None)
    return address.copy_with(fragment=None)


def follow(address: httpx.URL, location: str) -> httpx.URL:
    """Where a redirect leads. Raises HostError when that is no place to go to."""
    try:
        target = address.join(location)
    except httpx.InvalidURL:
        raise HostError(f"{shown(address)} redirects to something that is no address") from None
    if target.scheme not in ("http", "https") or not target.host:
        raise HostError(f"{shown(address)} redirects to something that is no web address")
    if address.scheme == "https" and target.scheme == "http":
        raise HostError(f"{shown(address)} redirects to {shown(target)}, which is not encrypted")
    return target


def pinned(address: httpx.URL, commit: str) -> httpx.URL | None:
    """The address of the same file at a commit, or None where an address holds no revision. Raises HostError."""
    match = _match(address)
    if match is None or not _COMMIT.fullmatch(commit):
        return None
    if _COMMIT.fullmatch(match["revision"]) and match["revision"] != commit:
        raise HostError(f"{shown(address)} was answered with the file of another commit, {commit}")
    return address.copy_with(raw_path=_path(match, commit), fragment=None)


def page(address: httpx.URL) -> str:
    """Where a person can look for the file: the repository's page, or else the host."""
    match = _match(address)
    return shown(address.copy_with(raw_path=match["page"].encode() if match else b"/"))


def origin(address: httpx.URL) -> tuple[str, str, int | None]:
    """What must be the same for a token to be sent."""
    return address.scheme, address.host, address.port


def shown(address: httpx.URL) -> str:
    """The address without its query, which may hold a signature."""
    return str(address.copy_with(query=None, fragment=None))


def _of_repository(url: str) -> httpx.URL:
    match = _HF.fullmatch(url)
    if match is None:
        raise HostError(f"{url.partition('?')[0]!a} does not have the form hf://owner/repository/file@revision")
    revision = urllib.parse.quote(match["revision"] or "main", safe="")
    return _checked(f"{endpoint()}/{match['repository']}/resolve/{revision}/{urllib.parse.quote(match['file'])}")


def _checked(url: str) -> httpx.URL:
    # What can't be read is shown without what may be a password or a signature.
    plain = ascii(url.partition("?")[0].rpartition("@")[2])
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        raise HostError(f"{plain} is no address") from None
    if address.scheme not in ("http", "https") or not address.host:
        raise HostError(f"{plain} is no address that begins with https://, http:// or hf://")
    if address.userinfo:
        raise HostError(f"{plain} holds a user name or password; give a token instead")
    return address


def _match(address: httpx.URL) -> re.Match[str] | None:
    return _FILE.fullmatch(address.raw_path.partition(b"?")[0].decode("ascii"))


def _path(match: re.Match[str], revision: str) -> bytes:
    return f"{match['page']}/resolve/{revision}/{match['file']}".encode()
