"""The stack `local` on a backend inside the checkout: up, down, status.

Never touches the user's own Pulumi login or settings.
"""

import json
import os
import platform
import shlex
import shutil
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tools import llama_server, paths, preflight, pulumi_cli, python_environment
from tools.steps import Problems, announce, say

STACK = "local"


def set_up() -> None:
    """Gets everything that the local stack needs. Raises Problems."""
    preflight.check()
    python_environment.ensure(python_environment.RUNTIME)
    pulumi_cli.ensure()
    llama_server.ensure()
    _write_environment()


def up() -> None:
    """Brings the local stack up and prints how to reach it. Raises Problems."""
    set_up()
    _pulumi("stack", "select", STACK, "--create")
    _recover()
    was_up = _is_ready(_outputs())
    if not was_up:
        announce(
            "Starting the local stack with `pulumi up`",
            "The Pulumi engine runs __main__.py and starts the server; it is waited for.",
            "a few seconds",
        )
    _update("up", "--yes", "--skip-preview", "--refresh", quiet=was_up)
    _print_access(_outputs())


def down() -> None:
    """Stops the local stack and removes its state; what was built and downloaded stays. Raises Problems."""
    if not (
        paths.STATE.exists() and python_environment.is_current(python_environment.RUNTIME) and pulumi_cli.existing()
    ):
        say("Nothing is up.")
        return
    _write_environment()
    stacks = _stacks()
    if STACK in stacks:
        _recover()
        _update("destroy", "--yes", "--skip-preview", "--refresh", "--stack", STACK)
        _pulumi("stack", "rm", STACK, "--yes", "--preserve-config")
    shutil.rmtree(paths.LOCAL_STACKS / STACK, ignore_errors=True)
    others = [name for name in stacks if name != STACK]
    if others:
        say(f"The local stack is down. Other stacks of this checkout are kept: {', '.join(others)}.")
        return
    for folder in (paths.STATE, paths.PULUMI_HOME, paths.LOCAL_STACKS):
        shutil.rmtree(folder, ignore_errors=True)
    paths.ENVIRONMENT.unlink(missing_ok=True)
    say("The local stack is down.")


def status() -> None:
    """Prints what the local stack serves and how it is."""
    if not (paths.STATE.exists() and pulumi_cli.existing() and STACK in _stacks()):
        say("Nothing is up. Start the local stack with: make up")
        return
    outputs = _outputs()
    state = "ready" if _is_ready(outputs) else "not answering; start it again with: make up"
    for name, value in (
        ("model", outputs.get("model")),
        ("state", state),
        ("endpoint", outputs.get("endpoint")),
        ("log", outputs.get("log")),
    ):
        say(f"{name:9} {value}")


def environment() -> dict[str, str]:
    """The variables that make a `pulumi` command use this checkout's own backend, home and tools."""
    folder = pulumi_cli.existing()
    assert folder, "set_up() was not called"
    variables = {
        "PULUMI_HOME": str(paths.PULUMI_HOME),
        "PULUMI_BACKEND_URL": f"file://{paths.STATE}",
        # State on this disk is as private as this disk; the passphrase only satisfies the format.
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PATH": f"{paths.VENV / 'bin'}:{folder}:{os.environ['PATH']}",
    }
    if pulumi_cli.is_built(folder):
        variables["PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"] = "true"
    return variables


def _write_environment() -> None:
    for folder in (paths.STATE, paths.PULUMI_HOME):
        folder.mkdir(parents=True, exist_ok=True)
    variables = environment()
    added = variables.pop("PATH").removesuffix(os.environ["PATH"])
    lines = [f"export {name}={shlex.quote(value)}" for name, value in variables.items()]
    head = "# For a shell that works on the local stack with `pulumi` itself:  . .paddock/env\n"
    paths.ENVIRONMENT.write_text(head + "\n".join([*lines, f'export PATH={shlex.quote(added)}"$PATH"', ""]))


def _inherited() -> dict[str, str]:
    """The user's environment without their own Pulumi settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PULUMI_")}


def _pulumi(*arguments: str) -> str:
    answer = subprocess.run(
        ["pulumi", "--non-interactive", *arguments],
        cwd=paths.ROOT,
        env=_inherited() | environment(),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    if answer.returncode:
        raise Problems(f"`pulumi {' '.join(arguments)}` failed:\n{answer.stderr.strip() or answer.stdout.strip()}")
    return answer.stdout


def _update(*arguments: str, quiet: bool = False) -> None:
    """Runs an operation that Pulumi shows itself; when `quiet`, only if it fails."""
    command = ["pulumi", "--non-interactive", *arguments, "--suppress-outputs"]
    answer = subprocess.run(
        command,
        cwd=paths.ROOT,
        env=_inherited() | environment(),
        stdin=subprocess.DEVNULL,
        capture_output=quiet,
        text=True,
    )
    if answer.returncode:
        raise Problems(
            f"`pulumi {arguments[0]}` failed; its message is above."
            if not quiet
            else f"`pulumi {arguments[0]}` failed:\n{answer.stdout}{answer.stderr}"
        )


def _recover() -> None:
    """Unlocks the stack after an engine that was killed. What it may have started is found by the next `up` itself."""
    locks = paths.STATE.glob(f".pulumi/locks/*/*/{STACK}/*.json")
    holders = [json.loads(lock.read_text()) for lock in locks]
    if any(holder["hostname"] == platform.node() and not Path(f"/proc/{holder['pid']}").exists() for holder in holders):
        say("An earlier run was interrupted; its lock and pending operations are cleared.")
        _pulumi("cancel", "--yes", "--stack", STACK)
        _pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", STACK)


def _stacks() -> list[str]:
    return [stack["name"] for stack in json.loads(_pulumi("stack", "ls", "--json"))]


def _outputs() -> dict[str, Any]:
    return json.loads(_pulumi("stack", "output", "--json", "--stack", STACK))


def _is_ready(outputs: dict[str, Any]) -> bool:
    """Whether the stack's server answers; what is up may still differ from what the stack's file says."""
    try:
        with urllib.request.urlopen(f"{outputs['endpoint']}/v1/models", timeout=2) as answer:
            return answer.status == 200
    except (KeyError, urllib.error.URLError, OSError):
        return False


def _print_access(outputs: dict[str, Any]) -> None:
    endpoint = outputs["endpoint"]
    body = json.dumps({"messages": [{"role": "user", "content": "What is Paddock?"}]})
    say(f"""
All is up: {outputs["model"]} on {outputs["machine"]}.

  OpenAI API  {endpoint}/v1
  Console     {outputs["console"]}
  Log         {Path(outputs["log"]).relative_to(paths.ROOT)}

Try it:
  curl {endpoint}/v1/chat/completions -H 'Content-Type: application/json' -d '{body}'""")
