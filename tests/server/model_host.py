"""A host of model files on this machine, which answers as it is told to."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast


@dataclass(frozen=True)
class Request:
    """What was asked of the host."""

    path: str
    bytes: str | None
    authorization: str | None


Answer = Callable[["_Handler"], None]


class ModelHost(ThreadingHTTPServer):
    """Answers a path with its answers in turn, the last one again and again; what it does not know with a 404."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[Request] = []
        self.answers: dict[str, list[Answer]] = {}
        self.sent = 0
        self.stopped = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def on(self, path: str, *answers: Answer) -> str:
        """Sets the answers of a path, and returns its address."""
        self.answers[path] = list(answers)
        return self.address + path

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that goes away is no error here."""


class _Handler(BaseHTTPRequestHandler):
    @property
    def host(self) -> ModelHost:
        return cast(ModelHost, self.server)

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.host.requests.append(Request(path, self.headers["Range"], self.headers["Authorization"]))
        answers = self.host.answers.get(path, [status(404)])
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def begin(self, code: int, headers: Mapping[str, str]) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def send(self, data: bytes) -> None:
        with suppress(OSError):
            self.wfile.write(data)
            self.host.sent += len(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Says nothing."""


@contextmanager
def model_host() -> Iterator[ModelHost]:
    with ModelHost() as host:
        thread = threading.Thread(target=host.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield host
        finally:
            host.stopped.set()
            host.shutdown()
            thread.join()


def status(code: int, **headers: str) -> Answer:
    """An answer without a body; `_` in a header's name stands for a hyphen."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.begin(code, {"Content-Length": "0"} | named)


def content(data: bytes, *, ranges: bool = True, headers: Mapping[str, str] | None = None) -> Answer:
    """A file, in the pieces that are asked for if the host knows ranges."""

    def answer(handler: _Handler) -> None:
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", handler.headers["Range"] or "")
        if not asked or not ranges:
            handler.begin(200, {"Content-Length": str(len(data))} | dict(headers or {}))
            handler.send(data)
            return
        first, last = int(asked[1]), min(int(asked[2]), len(data) - 1)
        part = {"Content-Range": f"bytes {first}-{last}/{len(data)}", "Content-Length": str(last + 1 - first)}
        handler.begin(206, part | dict(headers or {}))
        handler.send(data[first : last + 1])

    return answer


def raw(code: int, headers: Mapping[str, str], body: bytes = b"", *, wait: float = 0, every: float = 0) -> Answer:
    """Exactly that; it waits for seconds before the beginning, or sends a byte `every` so many seconds."""

    def answer(handler: _Handler) -> None:
        handler.host.stopped.wait(wait)
        handler.begin(code, headers)
        if not every:
            handler.send(body)
        for byte in body if every else b"":
            handler.send(bytes([byte]))
            if handler.host.stopped.wait(every):
                return

    return answer
