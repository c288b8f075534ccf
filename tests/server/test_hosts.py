"""Talking to the hosts of model files, with hosts on this machine that do right and wrong."""

import email.utils
import itertools
import logging
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import httpx
import pytest

from registry import host_address, host_requests, hosts
from registry.gguf import read_header
from registry.hosts import HostError, Remote, ranged_reader, resolve
from tests import demo, ports
from tests.server.model_host import Answer, ModelHost, content, model_host, raw, status

COMMIT = "0123456789abcdef0123456789abcdef01234567"
SHA256 = "a" * 64
PATH = "/owner/repo/resolve/main/model.gguf"
PINNED = f"/owner/repo/resolve/{COMMIT}/model.gguf"
FILE = bytes(range(256)) * 16
SIGNATURE = "X-Signature=topsecret"


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that would have been waited between attempts."""
    waited: list[float] = []
    monkeypatch.setattr(host_requests, "time", SimpleNamespace(sleep=waited.append))
    return waited


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHost]:
    with model_host() as host:
        monkeypatch.setenv("HF_ENDPOINT", host.address + "/")
        yield host


@pytest.fixture
def cdn() -> Iterator[ModelHost]:
    with model_host() as host:
        yield host


def linked(location: str, *, size: int = len(FILE), sha256: str = SHA256) -> Answer:
    """How the hub sends us to where the bytes are."""
    return status(
        302,
        Location=location,
        X_Repo_Commit=COMMIT,
        X_Linked_Size=str(size),
        X_Linked_Etag=f'"{sha256}"',
    )


def refused(url: str, token: str | None = None) -> str:
    with pytest.raises(HostError) as caught:
        resolve(url, token)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_of_the_hub_has_its_commit_size_and_hash_before_a_byte_is_fetched(
    hub: ModelHost, cdn: ModelHost
) -> None:
    hub.on(PATH, linked(cdn.on("/blob", content(FILE)) + "?" + SIGNATURE))
    remote = resolve("hf://owner/repo/model.gguf")
    assert remote == Remote(hub.address + PINNED, len(FILE), SHA256, True, "127.0.0.1")
    assert remote.shown == hub.address + PINNED
    assert cdn.sent <= 1


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("hf://owner/repo/model.gguf", PATH),
        ("hf://owner/repo/model.gguf@v1.0", "/owner/repo/resolve/v1.0/model.gguf"),
        ("hf://owner/repo/a/b/model.gguf@refs/pr/1", "/owner/repo/resolve/refs%2Fpr%2F1/a/b/model.gguf"),
        ("https://huggingface.co/owner/repo/resolve/main/model.gguf", PATH),
        ("https://huggingface.co/owner/repo/resolve/main/model.gguf?download=true", PATH),
        ("https://huggingface.co/owner/repo/blob/main/model.gguf", PATH),
        (f"https://huggingface.co/owner/repo/blob/{COMMIT}/a/model.gguf", f"/owner/repo/resolve/{COMMIT}/a/model.gguf"),
    ],
)
def test_every_way_to_write_a_file_of_the_hub_is_understood(hub: ModelHost, address: str, path: str) -> None:
    hub.on(path, content(FILE))
    assert resolve(address).url == hub.address + path
    assert [request.path for request in hub.requests] == [path]


def test_without_hf_endpoint_the_hub_is_hugging_face(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_ENDPOINT", raising=False)
    assert str(host_address.parse("hf://o/r/f.gguf@v1")) == "https://huggingface.co/o/r/resolve/v1/f.gguf"


def test_a_mirror_may_have_a_path_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "https://mirror.test/api/hub")
    address = host_address.parse("https://huggingface.co/o/r/blob/main/f.gguf")
    assert str(address) == "https://mirror.test/api/hub/o/r/resolve/main/f.gguf"
    assert host_address.page(address) == "https://mirror.test/api/hub/o/r"


@pytest.mark.parametrize(
    "address",
    [
        "",
        "model.gguf",
        "ftp://h/f",
        "file:///etc/passwd",
        "https://",
        "http://[::1",
        "hf://repo",
        "hf://o/r",
        "hf://o/r/f@",
    ],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    assert "no address" in refused(address) or "does not have the form" in refused(address)


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    told = refused("https://user:topsecret@host.test/f.gguf")
    assert "topsecret" not in told and "give a token instead" in told
    assert "topsecret" not in refused("https://user:topsecret@host.test:port/f.gguf")


def test_the_token_goes_to_the_first_host_only(hub: ModelHost, cdn: ModelHost) -> None:
    back = hub.on("/back", content(FILE))
    hub.on(PATH, status(307, Location="/moved"))
    hub.on("/moved", linked(cdn.on("/blob", status(302, Location=back))))
    resolve("hf://owner/repo/model.gguf", "hf_token")
    assert [(one.path, one.authorization) for one in hub.requests] == [
        (PATH, "Bearer hf_token"),
        ("/moved", "Bearer hf_token"),
        ("/back", None),
    ]
    assert [one.authorization for one in cdn.requests] == [None]


def test_only_the_first_host_says_what_the_file_is(hub: ModelHost, cdn: ModelHost) -> None:
    lies = {"X-Linked-Size": "1", "X-Linked-Etag": f'"{"b" * 64}"', "X-Repo-Commit": "f" * 40}
    hub.on(PATH, linked(cdn.on("/a/b/resolve/main/f", content(FILE, headers=lies))))
    remote = resolve("hf://owner/repo/model.gguf")
    assert (remote.url, remote.size, remote.sha256) == (hub.address + PINNED, len(FILE), SHA256)


def test_a_repository_that_was_renamed_is_pinned_under_its_new_name(hub: ModelHost) -> None:
    new = "/new/repo/resolve/main/model.gguf"
    hub.on(PATH, status(307, Location=new))
    hub.on(new, content(FILE, headers={"X-Repo-Commit": COMMIT}))
    assert resolve("hf://owner/repo/model.gguf").url == f"{hub.address}/new/repo/resolve/{COMMIT}/model.gguf"


def test_the_file_of_another_commit_is_refused(hub: ModelHost) -> None:
    hub.on(PINNED, content(FILE, headers={"X-Repo-Commit": "f" * 40}))
    assert "another commit" in refused(f"hf://owner/repo/model.gguf@{COMMIT}")


@pytest.mark.parametrize("etag", [f'"{"a" * 40}"', '"abc"', "", f'"{"A" * 64}"'])
def test_what_is_no_sha256_is_not_taken_for_one(hub: ModelHost, etag: str) -> None:
    hub.on(PATH, content(FILE, headers={"X-Linked-Etag": etag}))
    assert resolve("hf://owner/repo/model.gguf").sha256 is None


@pytest.mark.parametrize("ranges", [True, False])
def test_a_plain_host_says_the_size_itself(cdn: ModelHost, ranges: bool) -> None:
    url = cdn.on("/f.gguf", content(FILE, ranges=ranges)) + "?" + SIGNATURE
    assert resolve(url) == Remote(url, len(FILE), None, ranges, "127.0.0.1")


def test_a_hub_that_says_another_size_than_the_host_of_the_bytes_is_refused(hub: ModelHost, cdn: ModelHost) -> None:
    hub.on(PATH, linked(cdn.on("/blob", content(FILE)), size=len(FILE) + 1))
    assert f"has {len(FILE)} bytes" in refused("hf://owner/repo/model.gguf")


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (content(b"<html>", headers={"Content-Type": "text/html; charset=utf-8"}), "web page"),
        (content(b"<html>", ranges=False, headers={"Content-Type": "Text/HTML"}), "web page"),
        (content(FILE, headers={"Content-Encoding": "gzip"}), "compressed"),
        (raw(200, {}, FILE), "how large"),
        (raw(200, {"Content-Length": "0"}), "empty"),
        (raw(206, {"Content-Length": "1"}, b"x"), "does not say which"),
        (raw(206, {"Content-Length": "1", "Content-Range": "bytes 0-0/*"}, b"x"), "how large"),
        (status(416), "empty or shorter"),
        (status(418), "HTTP 418"),
        (status(304), "HTTP 304"),
        (status(302, Location="file:///etc/passwd"), "no web address"),
        (status(302, Location="http://[::1"), "no address"),
        (status(302, Location="/f.gguf"), "one more"),
    ],
)
def test_what_is_not_the_file_is_refused_at_once(
    cdn: ModelHost, waits: list[float], answer: Answer, message: str
) -> None:
    assert message in refused(cdn.on("/f.gguf", answer) + "?" + SIGNATURE)
    assert waits == []


@pytest.mark.parametrize(
    ("answer", "token", "message"),
    [
        (status(401), None, "asks for a token: give one with read access from {hub}/settings/tokens"),
        (status(401), "hf_x", "does not take the token: make one with read access at {hub}/settings/tokens"),
        (status(403), None, "see {hub}/owner/repo, and give a token"),
        (status(403), "hf_x", "ask for access at {hub}/owner/repo"),
        (status(401, X_Error_Code="GatedRepo"), None, "{hub}/owner/repo is gated: accept its terms on that page"),
        (status(403, X_Error_Code="GatedRepo"), "hf_x", "{hub}/owner/repo is gated: accept its terms on that page"),
        (status(404, X_Error_Code="EntryNotFound"), None, "look for the file's name and revision at {hub}/owner/repo"),
        (status(410), None, "does not exist"),
    ],
)
def test_a_refusal_is_final_and_says_what_to_do(
    hub: ModelHost, waits: list[float], answer: Answer, token: str | None, message: str
) -> None:
    hub.on(PATH, answer)
    told = refused("hf://owner/repo/model.gguf", token)
    assert message.format(hub=hub.address) in told
    assert (len(hub.requests), waits) == (1, [])
    assert token is None or token not in told


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_a_host_that_is_busy_is_asked_again(cdn: ModelHost, waits: list[float], code: int) -> None:
    url = cdn.on("/f.gguf", status(code), status(code), content(FILE))
    assert resolve(url).size == len(FILE)
    assert waits == [1, 2]


def test_a_host_that_stays_busy_is_given_up(cdn: ModelHost, waits: list[float]) -> None:
    assert "answers HTTP 503, 4 times" in refused(cdn.on("/f.gguf", status(503)))
    assert (len(cdn.requests), waits) == (4, [1, 2, 4])


def test_a_host_says_itself_when_to_come_back(cdn: ModelHost, waits: list[float]) -> None:
    soon = email.utils.format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    past = email.utils.format_datetime(datetime.now(UTC) - timedelta(seconds=30), usegmt=True)
    resolve(cdn.on("/a", status(429, Retry_After="7"), status(503, Retry_After=soon), content(FILE)))
    assert waits[0] == 7 and 25 < waits[1] <= 30
    resolve(cdn.on("/b", status(429, Retry_After=past), status(429, Retry_After="soon"), content(FILE)))
    assert waits[2:] == [0, 2]


def test_a_host_that_wants_a_long_wait_is_given_up_at_once(cdn: ModelHost, waits: list[float]) -> None:
    assert "come back in 3600 seconds" in refused(cdn.on("/f.gguf", status(429, Retry_After="3600")))
    assert waits == []


def test_an_address_that_has_expired_is_asked_for_again(hub: ModelHost, cdn: ModelHost) -> None:
    hub.on(PATH, linked(cdn.on("/blob", status(403), content(FILE)) + "?" + SIGNATURE))
    assert resolve("hf://owner/repo/model.gguf").size == len(FILE)
    assert len(hub.requests) == 2


def test_a_host_that_is_not_there_is_named(waits: list[float]) -> None:
    [port] = ports.free(1)
    told = refused(f"http://127.0.0.1:{port}/f.gguf?{SIGNATURE}")
    assert "127.0.0.1 can't be reached" in told and "refused" in told
    assert len(waits) == 3


def test_a_host_that_says_nothing_is_given_up(cdn: ModelHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_requests, "TIMEOUT", httpx.Timeout(0.1))
    assert "does not answer in time" in refused(cdn.on("/f.gguf", raw(200, {}, wait=5)))


def test_https_does_not_lead_to_http() -> None:
    with pytest.raises(HostError, match="not encrypted"):
        host_address.follow(httpx.URL("https://a.test/f"), "http://a.test/f")


def test_the_token_is_not_sent_unencrypted_over_a_network() -> None:
    assert "not encrypted" in refused("http://host.test/f.gguf", "hf_token")


@pytest.mark.parametrize("token", ["", " ", "hf_top\nsecret", "hf_topsecret\n", "hf_töpsecret"])
def test_a_token_that_can_not_be_one_is_refused_and_not_shown(cdn: ModelHost, token: str) -> None:
    told = refused(cdn.on("/f.gguf", content(FILE)), token)
    assert "token" in told and "secret" not in told
    assert cdn.requests == []


def test_a_signature_is_in_no_log_no_error_and_no_representation(
    hub: ModelHost, cdn: ModelHost, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    hub.on(PATH, linked(cdn.on("/blob", content(FILE)) + "?" + SIGNATURE))
    remote = resolve(f"{cdn.address}/blob?{SIGNATURE}")
    assert resolve("hf://owner/repo/model.gguf").size == len(FILE)
    assert ranged_reader(remote)(0, 4) == FILE[:4]
    for answer in (status(404), status(503), content(b"", headers={"Content-Type": "text/html"}), content(FILE + b"x")):
        cdn.on("/blob", answer)
        with pytest.raises(HostError) as caught:
            ranged_reader(remote)(0, 4)
        assert SIGNATURE not in str(caught.value) and "/blob" in str(caught.value)
        assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert SIGNATURE not in repr(remote) + remote.shown + caplog.text


def remote_of(url: str, size: int) -> Remote:
    return Remote(url, size, None, True, "127.0.0.1")


def test_a_header_is_read_through_a_redirect_without_the_weights(hub: ModelHost, cdn: ModelHost) -> None:
    data = demo.MODEL.read_bytes()
    hub.on(PATH, linked(cdn.on("/blob", content(data)), size=len(data)))
    hub.on(PINNED, linked(cdn.address + "/blob", size=len(data)))
    remote = resolve("hf://owner/repo/model.gguf", "hf_token")
    header = read_header(ranged_reader(remote, "hf_token"), remote.size)
    assert header.metadata["general.architecture"] == "llama"
    assert [one.bytes for one in cdn.requests] == ["bytes=0-0", "bytes=0-1048575"]
    assert {one.authorization for one in cdn.requests} == {None}


def test_blocks_grow_and_end_with_the_file(cdn: ModelHost) -> None:
    size = 12 * 2**20 + 5
    data = bytes(size)
    read = ranged_reader(remote_of(cdn.on("/f", content(data)), size))
    for offset in range(0, size, 2**18):
        assert read(offset, 2**18) == data[offset : offset + 2**18]
    mib = 2**20
    asked = [0, mib, 3 * mib, 7 * mib, 11 * mib, size]
    assert [one.bytes for one in cdn.requests] == [
        f"bytes={start}-{end - 1}" for start, end in itertools.pairwise(asked)
    ]


def test_reading_at_the_end_gives_what_there_is(cdn: ModelHost) -> None:
    read = ranged_reader(remote_of(cdn.on("/f", content(FILE)), len(FILE)))
    assert read(len(FILE) - 3, 10) == FILE[-3:]
    assert (read(len(FILE), 10), read(len(FILE) + 9, 10)) == (b"", b"")
    assert (read(0, 2), read(5, 0)) == (FILE[:2], b"")


def test_a_host_that_ignores_ranges_is_read_no_further_than_asked(cdn: ModelHost) -> None:
    data = bytes(range(256)) * 2**18
    read = ranged_reader(remote_of(cdn.on("/f", content(data, ranges=False)), len(data)))
    assert read(3 * 2**20 + 7, 1000) == data[3 * 2**20 + 7 :][:1000]
    # The machine's own buffers hold a few more.
    assert cdn.sent < len(data) // 2


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (content(FILE + b"x"), "bytes now"),
        (content(FILE[:-1], ranges=False), "bytes now"),
        (raw(206, {"Content-Range": f"bytes 1-3/{len(FILE)}"}, b"abc"), "bytes from 1"),
        (raw(206, {"Content-Length": "3"}, b"abc"), "does not say which"),
        (raw(206, {"Content-Range": f"bytes 0-3/{len(FILE)}"}, b"abc"), "broke off after 3"),
        (raw(206, {"Content-Range": f"bytes 0-9/{len(FILE)}", "Content-Length": "9"}, b"abc"), "broke off"),
        (content(b"<html>", headers={"Content-Type": "text/html"}), "web page"),
        (status(416), "shorter"),
    ],
)
def test_bytes_that_are_not_those_of_the_file_are_refused(cdn: ModelHost, answer: Answer, message: str) -> None:
    with pytest.raises(HostError, match=message):
        ranged_reader(remote_of(cdn.on("/f", answer), len(FILE)))(0, 4)


def test_more_bytes_than_asked_are_not_taken(cdn: ModelHost) -> None:
    answer = raw(206, {"Content-Range": f"bytes 0-{len(FILE) - 1}/{len(FILE)}"}, FILE + b"more")
    assert ranged_reader(remote_of(cdn.on("/f", answer), len(FILE)))(0, len(FILE)) == FILE


def test_a_block_that_breaks_off_is_fetched_again(cdn: ModelHost) -> None:
    broken = raw(206, {"Content-Range": f"bytes 0-9/{len(FILE)}"}, FILE[:9])
    assert ranged_reader(remote_of(cdn.on("/f", broken, content(FILE)), len(FILE)))(0, 20) == FILE[:20]


def test_a_host_that_sends_a_byte_now_and_then_is_given_up(
    cdn: ModelHost, monkeypatch: pytest.MonkeyPatch, waits: list[float]
) -> None:
    monkeypatch.setattr(hosts, "BLOCK_SECONDS", 0.2)
    answer = raw(206, {"Content-Range": f"bytes 0-{len(FILE) - 1}/{len(FILE)}"}, FILE, every=0.02)
    started = time.monotonic()
    with pytest.raises(HostError, match="too slow"):
        ranged_reader(remote_of(cdn.on("/f", answer), len(FILE)))(0, 4)
    assert time.monotonic() - started < 5 and len(waits) == 3
