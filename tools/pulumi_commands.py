"""Runs `pulumi` on the backend inside the checkout; never on the user's own login or settings."""

import functools
import os
import shlex
import subprocess
import urllib.parse
from collections.abc import Sequence
from pathlib import Path

from tools import paths, pulumi_cli
from tools.steps import Problems, problem


def query(*arguments: str) -> str:
    """What a short command prints. Raises Problems."""
    answer = _run(*arguments, quiet=True)
    if answer.returncode:
        raise Problems(_failed(arguments, answer.stderr.strip() or answer.stdout.strip()))
    return answer.stdout


def update(*arguments: str, quiet: bool) -> None:
    """Runs an operation that Pulumi shows itself; when `quiet`, only if it fails. Raises Problems."""
    answer = _run(*arguments, "--suppress-outputs", quiet=quiet)
    if answer.returncode:
        raise Problems(_failed(arguments, f"{answer.stdout}{answer.stderr}" if quiet else "its message is above."))


def _failed(arguments: Sequence[str], said: str) -> str:
    what = f"`pulumi {' '.join(arguments)}` failed: {said}"
    return problem(what, "mend what it names; the stack's settings are in stacks/Pulumi.local.yaml.")


def write_environment() -> None:
    """Writes the file that lets a shell work on this backend with `pulumi` itself."""
    for folder in (paths.STATE, paths.PULUMI_HOME):
        folder.mkdir(parents=True, exist_ok=True)
    exports = ["unset PULUMI_STACK", *(f"export {name}={shlex.quote(value)}" for name, value in _variables().items())]
    head = "# For a shell that works on the local stack with `pulumi` itself:  . .paddock/env"
    path = f'export PATH={shlex.quote(_programs())}:"$PATH"'
    paths.ENVIRONMENT.write_text("\n".join([head, *exports, path, ""]))


def _run(*arguments: str, quiet: bool) -> subprocess.CompletedProcess[str]:
    # Without the user's own Pulumi settings.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    output = subprocess.PIPE if quiet else None
    process = subprocess.Popen(
        ["pulumi", "--non-interactive", *arguments],
        cwd=paths.ROOT,
        env=inherited | _variables() | {"PATH": f"{_programs()}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        text=True,
    )
    stdout, stderr = _wait(process)
    return subprocess.CompletedProcess(arguments, process.returncode, stdout or "", stderr or "")


def _wait(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Waits for the engine, also after a Ctrl-C: it gets the same, cancels, and unlocks the stack."""
    interrupted = False
    while True:
        try:
            answer = process.communicate()
        except KeyboardInterrupt:
            interrupted = True
            continue
        if interrupted:
            raise KeyboardInterrupt
        return answer


def _variables() -> dict[str, str]:
    variables = {
        "PULUMI_HOME": str(paths.PULUMI_HOME),
        "PULUMI_BACKEND_URL": f"file://{urllib.parse.quote(str(paths.STATE))}",
        # State on this disk is as private as this disk; the passphrase only satisfies the format.
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # The engine, its plugins and the server talk over loopback; no proxy is between them.
        "NO_PROXY": _no_proxy(),
        "no_proxy": _no_proxy(),
    }
    if pulumi_cli.is_built(_folder()):
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return variables


def _no_proxy() -> str:
    hosts = (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(",")
    return ",".join(dict.fromkeys([*filter(None, hosts), "localhost", "127.0.0.1"]))


def _programs() -> str:
    return f"{paths.VENV / 'bin'}:{_folder()}"


@functools.cache
def _folder() -> Path:
    found = pulumi_cli.existing()
    assert found, "there is no pulumi: set-up was not done"
    return found
