"""Runs `pulumi` on the backend inside the checkout; never on the user's own login or settings."""

import functools
import os
import shlex
import subprocess
from pathlib import Path

from tools import paths, pulumi_cli
from tools.steps import Problems


def query(*arguments: str) -> str:
    """What a short command prints. Raises Problems."""
    answer = _run(*arguments, quiet=True)
    if answer.returncode:
        raise Problems(f"`pulumi {' '.join(arguments)}` failed:\n{answer.stderr.strip() or answer.stdout.strip()}")
    return answer.stdout


def update(*arguments: str, quiet: bool) -> None:
    """Runs an operation that Pulumi shows itself; when `quiet`, only if it fails. Raises Problems."""
    answer = _run(*arguments, "--suppress-outputs", quiet=quiet)
    if answer.returncode:
        shown = f"failed:\n{answer.stdout}{answer.stderr}" if quiet else "failed; its message is above."
        raise Problems(f"`pulumi {arguments[0]}` {shown}")


def write_environment() -> None:
    """Writes the file that lets a shell work on this backend with `pulumi` itself."""
    for folder in (paths.STATE, paths.PULUMI_HOME):
        folder.mkdir(parents=True, exist_ok=True)
    exports = [f"export {name}={shlex.quote(value)}" for name, value in _variables().items()]
    head = "# For a shell that works on the local stack with `pulumi` itself:  . .paddock/env"
    path = f'export PATH={shlex.quote(_programs())}:"$PATH"'
    paths.ENVIRONMENT.write_text("\n".join([head, *exports, path, ""]))


def _run(*arguments: str, quiet: bool) -> subprocess.CompletedProcess[str]:
    # Without the user's own Pulumi settings.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}
    return subprocess.run(
        ["pulumi", "--non-interactive", *arguments],
        cwd=paths.ROOT,
        env=inherited | _variables() | {"PATH": f"{_programs()}:{os.environ['PATH']}"},
        stdin=subprocess.DEVNULL,
        capture_output=quiet,
        text=True,
    )


def _variables() -> dict[str, str]:
    variables = {
        "PULUMI_HOME": str(paths.PULUMI_HOME),
        "PULUMI_BACKEND_URL": f"file://{paths.STATE}",
        # State on this disk is as private as this disk; the passphrase only satisfies the format.
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    if pulumi_cli.is_built(_folder()):
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return variables


def _programs() -> str:
    return f"{paths.VENV / 'bin'}:{_folder()}"


@functools.cache
def _folder() -> Path:
    found = pulumi_cli.existing()
    assert found, "there is no pulumi: set-up was not done"
    return found
