"""Checkouts for the real engine; whatever a test leaves running is killed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine import checkout
from tests.engine.checkout import Checkout


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Checkout]:
    """A checkout with nothing up."""
    made = checkout.copy(tmp_path / "project")
    made.configure()
    try:
        yield made
    finally:
        made.kill_everything()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The one checkout of the tests that need a stack which is up: bringing each its own up would take minutes."""
    made = checkout.copy(tmp_path_factory.mktemp("shared") / "project")
    made.configure()
    try:
        yield made
    finally:
        made.kill_everything()


@pytest.fixture
def up(shared: Checkout) -> Checkout:
    """A checkout whose local stack is up as the repository has it, whatever a test before did."""
    file = shared.stack_file.read_bytes()
    changed = checkout.refresh(shared)
    shared.configure()
    if changed or shared.stack_file.read_bytes() != file or len(shared.servers()) != 1:
        answer = shared.tools("up")
        assert answer.returncode == 0, answer.stdout + answer.stderr
    return shared


@pytest.fixture
def endless_engine(up: Checkout) -> Iterator[Checkout]:
    """A stack that is down, and whose next `up` finds a llama-server that never becomes ready."""
    up.pulumi("destroy", "--yes", "--skip-preview")
    venv = up.folder / ".venv"
    target = venv.resolve()
    program = venv / "bin" / "llama-server"
    real = program.resolve()
    venv.unlink()
    shutil.copytree(target / "bin", venv / "bin", symlinks=True)
    (venv / "lib").symlink_to(target / "lib")
    shutil.copy2(target / "pyvenv.cfg", venv / "pyvenv.cfg")
    program.unlink()
    program.write_text(f'#!/bin/sh\n[ "$1" = --help ] && exec {real} --help\nexec sleep 1000\n')
    program.chmod(0o755)
    yield up
    up.kill_everything()
    shutil.rmtree(venv)
    venv.symlink_to(target)
