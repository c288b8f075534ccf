"""Where llama-server is found, and what it is told."""

from pathlib import Path

import pytest

from server import engine_command
from server.engine_command import EngineOptions

OPTIONS = EngineOptions(
    model=Path("/m.gguf"), alias="m", port=1234, context=2048, parallel=4, kv_cache="q8_0", threads=3
)


def program(folder: Path, help_text: str) -> Path:
    folder.mkdir()
    path = folder / "llama-server"
    path.write_text(f"#!/bin/sh\necho '{help_text}'\n")
    path.chmod(0o755)
    return path


def test_the_engine_gets_the_context_of_every_slot() -> None:
    arguments = engine_command.arguments(OPTIONS)
    assert arguments[arguments.index("--ctx-size") + 1] == "8192"
    assert arguments[arguments.index("--parallel") + 1] == "4"


def test_the_engine_listens_on_loopback_only() -> None:
    arguments = engine_command.arguments(OPTIONS)
    assert arguments[arguments.index("--host") + 1] == "127.0.0.1"


def test_a_program_that_does_not_know_a_flag_is_passed_over(tmp_path: Path) -> None:
    old = program(tmp_path / "old", "--model --port")
    good = program(tmp_path / "good", ", ".join(engine_command.flags()))
    assert engine_command.find([old, good]) == good


def test_the_error_names_the_flags_that_are_missing(tmp_path: Path) -> None:
    old = program(tmp_path / "old", " ".join(flag for flag in engine_command.flags() if flag != "--sse-ping-interval"))
    with pytest.raises(FileNotFoundError, match="does not know --sse-ping-interval"):
        engine_command.find([old])


def test_what_can_not_be_run_is_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "llama-server"
    broken.write_bytes(b"\x7fELF garbage")
    broken.chmod(0o755)
    with pytest.raises(FileNotFoundError, match="no suitable llama-server"):
        engine_command.find([broken])
