"""From the manifest to ready, and to the end."""

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from tests import demo
from tests.server.running import ROOT, server, terminate


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    """A plain HTTP host that serves the folder `files` of the test; its origin."""
    (tmp_path / "files").mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *_: object) -> None:  # noqa: A002
            pass

    handler = partial(Handler, directory=str(tmp_path / "files"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def with_file(**changes: object) -> dict[str, object]:
    file = {"name": "m.gguf", "url": demo.MODEL.as_uri(), "size": demo.SIZE, "sha256": demo.SHA256}
    return demo.manifest(files=[file | changes])


def test_a_model_is_fetched_over_http_and_lies_at_its_place(tmp_path: Path, host: str) -> None:
    (tmp_path / "files" / "m.gguf").write_bytes(demo.MODEL.read_bytes())
    with server(tmp_path, with_file(url=f"{host}/m.gguf")) as running:
        running.wait_for("ready")
        assert (tmp_path / "models" / "paddock-demo" / "m.gguf").read_bytes() == demo.MODEL.read_bytes()
        assert httpx.get(f"{running.admin}/startupz").json()["bytes"] == demo.SIZE


def test_a_second_start_needs_no_host(tmp_path: Path, host: str) -> None:
    (tmp_path / "files" / "m.gguf").write_bytes(demo.MODEL.read_bytes())
    with server(tmp_path, with_file(url=f"{host}/m.gguf")) as running:
        running.wait_for("ready")
    (tmp_path / "files" / "m.gguf").unlink()
    with server(tmp_path, with_file(url=f"{host}/m.gguf")) as running:
        running.wait_for("ready")


def test_a_damaged_file_is_found_and_fetched_again(tmp_path: Path) -> None:
    kept = tmp_path / "models" / "paddock-demo" / "m.gguf"
    kept.parent.mkdir(parents=True)
    content = bytearray(demo.MODEL.read_bytes())
    content[1_000_000] ^= 1
    kept.write_bytes(content)
    with server(tmp_path, with_file()) as running:
        running.wait_for("ready")
        assert kept.read_bytes() == demo.MODEL.read_bytes()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"sha256": "0" * 64}, demo.SHA256),
        ({"size": 5}, str(demo.SIZE)),
        ({"url": "file:///nonesuch/m.gguf"}, "can't be read"),
    ],
)
def test_a_final_error_ends_with_exit_1_and_one_sentence(
    tmp_path: Path, changes: dict[str, object], sentence: str
) -> None:
    with server(tmp_path, with_file(**changes)) as running:
        assert running.wait() == 1
        assert sentence in running.text().splitlines()[-1]
        assert "Traceback" not in running.text()
        assert not list((tmp_path / "models").rglob("*.gguf")), "something unverified was published"


def test_a_download_that_breaks_off_is_tried_again_and_never_taken_for_the_file(tmp_path: Path) -> None:
    """Without size and hash only the host's Content-Length tells that bytes are missing."""
    content, asked = demo.MODEL.read_bytes(), []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content if len(asked) > 1 else content[:1000])

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        file = {"name": "m.gguf", "url": f"http://127.0.0.1:{listening.server_port}/m.gguf"}
        with server(tmp_path, demo.manifest(files=[file])) as running:
            running.wait_for("ready")
        listening.shutdown()
    assert len(asked) == 2
    assert (tmp_path / "models" / "paddock-demo" / "m.gguf").read_bytes() == content


@pytest.mark.parametrize(
    "url", ["file:///dev/zero", "file:///a%00b", "https://[bad/x", f"https://{'a' * 80}.example/x"]
)
def test_a_hostile_address_is_one_sentence_and_leaves_nothing(tmp_path: Path, url: str) -> None:
    with server(tmp_path, with_file(url=url, size=1000)) as running:
        assert running.wait() == 1
        assert "Traceback" not in running.text()
        assert not [path for path in (tmp_path / "models").rglob("*") if path.is_file()]


def test_a_context_above_the_trained_length_is_final(tmp_path: Path) -> None:
    with server(tmp_path, demo.manifest(context=4096, parallel=1)) as running:
        assert running.wait() == 1
        assert "was trained with 2048 tokens" in running.text().splitlines()[-1]


def test_a_file_that_is_no_model_is_final_at_once(tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_bytes(b"not a model" * 1000)
    file = {"name": "no.gguf", "url": (tmp_path / "no.gguf").as_uri()}
    with server(tmp_path, demo.manifest(files=[file])) as running:
        assert running.wait() == 1
        assert "can't load no.gguf" in running.text().splitlines()[-1]


def test_a_file_that_the_host_does_not_have_is_final(tmp_path: Path, host: str) -> None:
    with server(tmp_path, with_file(url=f"{host}/m.gguf?signature=secret")) as running:
        assert running.wait() == 1
        assert "does not have it (HTTP 404)" in running.text()
        assert "signature" not in running.text()


@pytest.mark.parametrize(
    ("manifest", "arguments"),
    [("{", ()), ("{}", ()), ('{"schema": 1}', ()), (None, ("--port", "99999")), (None, ("--nonesuch",))],
)
def test_a_bad_manifest_or_argument_is_exit_2_without_a_traceback(
    tmp_path: Path, manifest: str | None, arguments: tuple[str, ...]
) -> None:
    with server(tmp_path, manifest or demo.manifest(), *arguments) as running:
        assert running.wait() == 2
        assert "Traceback" not in running.text()


def test_a_busy_port_is_exit_1_and_names_it(tmp_path: Path) -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        with server(tmp_path, demo.manifest(), "--port", str(port)) as running:
            assert running.wait() == 1
            assert f"port {port}" in running.text()
            assert "Traceback" not in running.text()


def test_before_it_is_ready_it_lives_and_says_where_it_stands(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with server(tmp_path, with_file(url=f"http://127.0.0.1:{silent.getsockname()[1]}/m.gguf")) as running:
            running.wait_for("downloading")
            assert httpx.get(f"{running.admin}/livez").status_code == 200
            assert httpx.get(f"{running.admin}/readyz").status_code == 503
            answer = httpx.post(f"{running.api}/v1/chat/completions", json={})
            assert answer.status_code == 503
            assert answer.headers["retry-after"].isdigit()
            assert "downloading" in answer.json()["error"]["message"]
            assert "downloading" in httpx.get(f"{running.api}/").text
            started = time.monotonic()
            assert terminate(running) == 0
            assert time.monotonic() - started < 2


def test_sigterm_ends_with_exit_0_and_no_engine(tmp_path: Path) -> None:
    with server(tmp_path, demo.manifest()) as running:
        running.wait_for("ready")
        [engine] = running.engines()
        assert terminate(running) == 0
        assert not Path(f"/proc/{engine}").exists()


def test_a_dead_engine_is_started_again(tmp_path: Path) -> None:
    with server(tmp_path, demo.manifest()) as running:
        running.wait_for("ready")
        [engine] = running.engines()
        os.kill(engine, signal.SIGKILL)
        time.sleep(0.3)
        running.wait_for("ready")
        assert running.engines() != [engine]
        assert "paddock_engine_restarts_total 1.0" in httpx.get(f"{running.admin}/metrics").text


def test_kill_9_of_the_supervisor_leaves_no_engine(tmp_path: Path) -> None:
    with server(tmp_path, demo.manifest()) as running:
        running.wait_for("ready")
        [engine] = running.engines()
        running.process.kill()
        deadline = time.monotonic() + 5
        while _runs(engine) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not _runs(engine)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def test_a_client_that_leaves_a_stream_frees_its_slot_within_a_second(tmp_path: Path) -> None:
    with server(tmp_path, demo.manifest(parallel=1)) as running:
        running.wait_for("ready")
        body = {"prompt": "Tell me", "stream": True, "max_tokens": 2000, "ignore_eos": True}
        with httpx.stream("POST", f"{running.api}/v1/completions", json=body) as answer:
            next(answer.iter_lines())
        time.sleep(1)
        assert "llamacpp:requests_processing 0" in httpx.get(f"{running.admin}/metrics").text


def test_help_names_every_argument() -> None:
    answer = subprocess.run([sys.executable, "-m", "server", "--help"], cwd=ROOT, capture_output=True, text=True)
    assert answer.returncode == 0
    for argument in ("--manifest", "--models", "--host", "--port", "--admin-port"):
        assert argument in answer.stdout


LONG = {"prompt": "Tell me", "max_tokens": 2000, "ignore_eos": True}


def test_an_engine_that_dies_in_an_answer_is_a_502_in_openai_s_shape(tmp_path: Path) -> None:
    with server(tmp_path, demo.manifest(context=2048, parallel=1)) as running:
        running.wait_for("ready")
        [engine] = running.engines()
        os.kill(engine, signal.SIGSTOP)
        answers: list[httpx.Response] = []
        asking = threading.Thread(
            target=lambda: answers.append(httpx.post(f"{running.api}/v1/completions", json=LONG, timeout=30))
        )
        asking.start()
        time.sleep(0.5)
        os.kill(engine, signal.SIGKILL)
        asking.join()
        assert answers[0].status_code == 502
        assert "engine" in answers[0].json()["error"]["message"]
        assert "Traceback" not in running.text()


def test_an_engine_that_dies_in_a_stream_ends_it_with_an_error_and_done(tmp_path: Path) -> None:
    with server(tmp_path, demo.manifest(parallel=1)) as running:
        running.wait_for("ready")
        [engine] = running.engines()
        with httpx.stream("POST", f"{running.api}/v1/completions", json=LONG | {"stream": True}, timeout=30) as answer:
            lines = answer.iter_lines()
            next(lines)
            os.kill(engine, signal.SIGKILL)
            rest = [line for line in lines if line]
        assert rest[-1] == "data: [DONE]"
        assert '"error"' in rest[-2]
