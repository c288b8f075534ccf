"""Set-up: what it takes, what it refuses, and what it says."""

import hashlib
import http.server
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tools import download, llama_server, paths, preflight, pulumi_cli, python_environment
from tools.lock import alone
from tools.steps import Problems, run


@pytest.fixture
def host(tmp_path: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *_: object) -> None:  # noqa: A002
            pass

    handler = partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


def test_a_download_with_the_pinned_hash_is_kept(tmp_path: Path, host: str) -> None:
    (tmp_path / "a").write_bytes(b"content")
    download.fetch(f"{host}/a", hashlib.sha256(b"content").hexdigest(), tmp_path / "new" / "b")
    assert (tmp_path / "new" / "b").read_bytes() == b"content"


def test_a_download_with_another_hash_is_refused_and_nothing_is_left(tmp_path: Path, host: str) -> None:
    (tmp_path / "a").write_bytes(b"changed")
    with pytest.raises(Problems, match="instead of the pinned"):
        download.fetch(f"{host}/a", hashlib.sha256(b"content").hexdigest(), tmp_path / "new" / "b")
    assert list((tmp_path / "new").iterdir()) == []


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/a", "https://host.invalid/a"])
def test_a_host_that_is_not_there_is_told_apart_from_a_wrong_file(tmp_path: Path, url: str) -> None:
    with pytest.raises(download.Unreachable):
        download.fetch(url, "0" * 64, tmp_path / "b")


def program(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(f"#!/bin/sh\n{text}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("version", "with_host", "suitable"),
    [
        (f"v{pulumi_cli.VERSION}", True, True),
        ("v3.999.1-dev.0", True, True),
        (f"v{pulumi_cli.VERSION}", False, False),
        ("v3.1.0", True, False),
        ("v4.0.0", True, False),
        ("rubbish", True, False),
    ],
)
def test_a_pulumi_on_path_is_used_when_it_is_suitable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, with_host: bool, suitable: bool
) -> None:
    program(tmp_path, "pulumi", f"echo {version}")
    if with_host:
        program(tmp_path, "pulumi-language-python", "true")
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    monkeypatch.setenv("PADDOCK_CACHE", str(tmp_path / "empty"))
    assert (pulumi_cli.existing() == tmp_path) == suitable


def test_everything_that_is_missing_is_reported_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PADDOCK_CACHE", str(tmp_path / "empty"))
    monkeypatch.setattr(paths, "VENV", tmp_path / "venv")
    monkeypatch.setattr(download, "is_reachable", lambda _: False)
    monkeypatch.setattr(preflight, "FREE_GIB", 10**9)
    with pytest.raises(Problems) as caught:
        preflight.check()
    text = str(caught.value)
    assert len(caught.value.problems) == 3
    assert "C++ compiler" in text and "Pulumi CLI" in text and "GiB are free" in text
    assert text.count("What to do:") == 3


def test_a_build_for_another_cpu_or_compiler_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def key(cpu: str, compiler: str) -> str:
        program(tmp_path, "c++", f"echo {compiler}")
        monkeypatch.setenv("CXX", str(tmp_path / "c++"))
        monkeypatch.setattr(llama_server, "_cpu_flags", lambda: cpu)
        return llama_server.cached().parent.name

    assert key("avx2", "gcc 12") == key("avx2", "gcc 12")
    assert len({key("avx2", "gcc 12"), key("avx2 avx512f", "gcc 12"), key("avx2", "gcc 13")}) == 3


def test_the_llama_server_of_set_up_knows_every_flag() -> None:
    assert llama_server.existing()


def test_a_step_that_fails_shows_its_last_lines_and_what_to_do() -> None:
    script = "print('\\n'.join(map(str, range(100)))); raise SystemExit(3)"
    with pytest.raises(Problems) as caught:
        run([sys.executable, "-c", script], failure="It broke.", remedy="mend it.")
    text = str(caught.value)
    assert text.startswith("It broke.\n  What to do: mend it.")
    assert "exit code 3" in text and "    99" in text and "    79" not in text


def test_the_bindings_are_not_installed_with_the_server_s_libraries() -> None:
    lines = python_environment.requirements(paths.ROOT / "server" / "requirements.txt")
    assert any(line.startswith("aiohttp==") for line in lines)
    assert not any("llama" in line for line in lines)


def test_an_old_python_is_one_sentence_and_exit_1(tmp_path: Path) -> None:
    (tmp_path / "tools").mkdir()
    source = (paths.ROOT / "tools" / "__init__.py").read_text()
    (tmp_path / "tools" / "__init__.py").write_text(source.replace("(3, 11)", "(3, 99)"))
    (tmp_path / "tools" / "__main__.py").write_text("raise AssertionError")
    answer = subprocess.run([sys.executable, "-m", "tools"], cwd=tmp_path, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "needs Python 3.11" in answer.stderr and "What to do" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_checkout_that_can_not_be_written_to_is_one_sentence() -> None:
    """A folder that nobody can make: root writes through permissions."""
    code = "import tools.paths, pathlib, sys; tools.paths.WORK = pathlib.Path('/proc/nonesuch/work')\n"
    code += "sys.argv = ['tools', 'up']; from tools.__main__ import main; sys.exit(main())"
    answer = subprocess.run([sys.executable, "-c", code], cwd=paths.ROOT, capture_output=True, text=True)
    assert answer.returncode == 1
    assert "can't be written to" in answer.stderr and "Traceback" not in answer.stderr


def test_two_commands_at_once_in_one_checkout_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "WORK", tmp_path)
    with alone(), pytest.raises(Problems, match="another `make` is at work"), alone():
        pass
    with alone():
        pass


def test_a_damaged_build_in_the_cache_is_compiled_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[Path] = []
    monkeypatch.setattr(paths, "VENV", tmp_path / "venv")
    monkeypatch.setenv("PADDOCK_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("PATH", f"{tmp_path / 'nothing'}:/usr/bin:/bin")
    monkeypatch.setattr(llama_server.llama_server_build, "build", lambda *arguments: built.append(arguments[-1]))
    (tmp_path / "venv" / "bin").mkdir(parents=True)
    llama_server.cached().parent.mkdir(parents=True)
    program(llama_server.cached().parent, "llama-server", "exit 1")
    llama_server.ensure()
    assert built == [llama_server.cached()]
