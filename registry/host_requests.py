"""Asks a host for bytes of a file: redirects, who gets the token, what is tried again, and what a refusal means."""

import email.utils
import ipaddress
import logging
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TypeVar

import httpx

from registry.host_address import HostError, endpoint, follow, origin, page, parse, pinned, shown

# At INFO and DEBUG they write whole addresses, and a signature in a query would be in every log.
for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)

# Seconds; all but the first are the longest silence, not the time of a whole answer.
TIMEOUT = httpx.Timeout(30, connect=10)
ATTEMPTS = 4
LONGEST_WAIT = 60
_REDIRECTS = 8
_TOKEN = re.compile(r"[\x21-\x7e]+")
_SHA256 = re.compile(r'(?:W/)?"?([0-9a-f]{64})"?')
_SIZE = re.compile(r"[0-9]{1,18}")

Result = TypeVar("Result")


class Transient(Exception):
    """A problem that may be gone at the next attempt, in `wait` seconds if the host says so."""

    def __init__(self, message: str, wait: float | None = None) -> None:
        super().__init__(message)
        self.wait = wait


@dataclass(frozen=True)
class Claims:
    """What the first host says of a file before it sends us elsewhere for the bytes."""

    pinned: httpx.URL | None = None
    size: int | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Answer:
    """The answer that has the bytes, not read yet, and the first host's claims."""

    response: httpx.Response
    claims: Claims

    @property
    def shown(self) -> str:
        return shown(self.response.url)


def patiently(action: Callable[[], Result]) -> Result:
    """What `action` returns, after further attempts when it raises Transient. Raises HostError after the last one."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return action()
        except Transient as problem:
            wait = 2.0 ** (attempt - 1) if problem.wait is None else problem.wait
            if wait > LONGEST_WAIT:
                raise HostError(f"{problem}; it asks to come back in {wait:.0f} seconds") from None
            if attempt == ATTEMPTS:
                raise HostError(f"{problem}, {ATTEMPTS} times") from None
        time.sleep(wait)
    raise AssertionError("unreachable")


@contextmanager
def opened(url: str, token: str | None, first: int, last: int) -> Iterator[Answer]:
    """Asks for the bytes `first` to `last`. Raises Transient and HostError, also while they are read."""
    address = parse(url)
    if token is not None:
        _check_token(token, address)
    with httpx.Client(timeout=TIMEOUT, headers={"Accept-Encoding": "identity", "User-Agent": "paddock"}) as client:
        try:
            answer = _followed(client, address, token, f"bytes={first}-{last}")
            with closing(answer.response):
                yield answer
        except httpx.TimeoutException:
            raise Transient(f"{address.host} does not answer in time") from None
        except httpx.HTTPError as error:
            # httpx looks at a redirect's address even where it does not follow it.
            if "location header" in str(error):
                raise HostError(f"{address.host} redirects to something that is no address") from None
            raise Transient(f"{address.host} can't be reached or broke off: {_reason(error)}") from None
        except httpx.InvalidURL:
            raise HostError(f"{shown(address)} leads to something that is no address") from None


def digits(text: str | None) -> int | None:
    """A header's number of bytes, None when it is none."""
    return int(text) if text is not None and _SIZE.fullmatch(text) else None


def _reason(error: httpx.HTTPError) -> str:
    # Other errors may quote what was sent or received.
    told = str(error) if isinstance(error, httpx.NetworkError | httpx.ProxyError) else ""
    return told or type(error).__name__


def _check_token(token: str, address: httpx.URL) -> None:
    if not _TOKEN.fullmatch(token):
        raise HostError("the token is empty or holds a blank or a character that no token has")
    if (
        address.scheme != "https"
        and not _is_this_machine(address.host)
        and origin(address) != origin(parse(endpoint()))
    ):
        raise HostError(f"{shown(address)} is not encrypted, so it is not given the token; use https://")


def _is_this_machine(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _followed(client: httpx.Client, address: httpx.URL, token: str | None, wanted: str) -> Answer:
    start, at_home, claims = origin(address), True, Claims()
    for _ in range(_REDIRECTS):
        # Once away, a redirect back is someone else's request, and gets no token.
        at_home = at_home and origin(address) == start
        headers = {"Range": wanted} | ({"Authorization": f"Bearer {token}"} if token and at_home else {})
        response = client.send(client.build_request("GET", address, headers=headers), stream=True)
        try:
            if at_home:
                claims = _claims(claims, response)
            if response.has_redirect_location:
                address = follow(address, response.headers["Location"])
                response.close()
                continue
            _check(response, token is not None and at_home, at_home)
        except BaseException:
            response.close()
            raise
        return Answer(response, claims)
    raise HostError(f"{shown(address)} was reached after {_REDIRECTS} redirects, and there was one more")


def _claims(claims: Claims, response: httpx.Response) -> Claims:
    headers = response.headers
    commit = pinned(response.url, headers.get("X-Repo-Commit", ""))
    digest = _SHA256.fullmatch(headers.get("X-Linked-Etag", ""))
    size = digits(headers.get("X-Linked-Size"))
    claims = claims if commit is None else replace(claims, pinned=commit)
    claims = claims if digest is None else replace(claims, sha256=digest[1])
    return claims if size is None else replace(claims, size=size)


def _check(response: httpx.Response, with_token: bool, at_home: bool) -> None:
    """Raises unless the answer has bytes of a file."""
    status, where = response.status_code, shown(response.url)
    if status == 429 or status >= 500:
        raise Transient(f"{where} answers HTTP {status}", _retry_after(response.headers.get("Retry-After")))
    if status == 403 and not at_home:
        # An address that was signed for a short time; the first host signs another one.
        raise Transient(f"{where} refuses the address that it was asked with")
    if status not in (200, 206):
        raise HostError(_refusal(response, with_token))
    if response.headers.get("Content-Type", "").lower().startswith(("text/html", "application/xhtml")):
        raise HostError(f"{where} answers with a web page instead of the file; open it to see what it asks for")
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise HostError(f"{where} answers with a compressed copy, whose size says nothing of the file")


def _refusal(response: httpx.Response, with_token: bool) -> str:
    status, where, there = response.status_code, shown(response.url), page(response.url)
    tokens = f"{endpoint()}/settings/tokens" if there.startswith(endpoint()) else response.url.host
    if status in (401, 403) and response.headers.get("X-Error-Code") == "GatedRepo":
        return f"{there} is gated: accept its terms on that page, then give a token of the same account from {tokens}"
    if status == 401 and with_token:
        return f"{where} does not take the token: make one with read access at {tokens} and give that"
    if status == 401:
        return f"{where} asks for a token: give one with read access from {tokens}, and check the name at {there}"
    if status == 403 and with_token:
        return (
            f"{where} is not open to this token: ask for access at {there}, or give a token of an account that has it"
        )
    if status == 403:
        return f"{where} does not let us read it: see {there}, and give a token with read access from {tokens}"
    if status in (404, 410):
        return f"{where} does not exist: look for the file's name and revision at {there}"
    if status == 416:
        return f"{where} is empty or shorter than it was said to be"
    return f"{where} answers HTTP {status} instead of the file"


def _retry_after(value: str | None) -> float | None:
    """Seconds from now, of a number or a date."""
    if value is None:
        return None
    if (seconds := digits(value.strip())) is not None:
        return float(seconds)
    try:
        date = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max((date.replace(tzinfo=date.tzinfo or UTC) - datetime.now(UTC)).total_seconds(), 0)
