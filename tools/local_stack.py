"""The stack `local` on a backend inside the checkout: up, down, status."""

import json
import platform
import shutil
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from components import local_lifecycle
from components.local_lifecycle import Place
from components.local_process import is_running
from tools import llama_server, paths, preflight, pulumi_cli, python_environment
from tools.lock import alone
from tools.pulumi_commands import query, update, write_environment
from tools.steps import Problems, announce, problem, say

STACK = "local"
ANSWER_SECONDS = 10
LOOPBACK = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@alone()
def set_up() -> None:
    """Gets everything that the local stack needs. Raises Problems."""
    _set_up()


@alone()
def up() -> None:
    """Brings the local stack up and prints how to reach it. Raises Problems."""
    _set_up()
    query("stack", "select", STACK, "--create")
    _recover()
    was_up = _is_ready(_outputs())
    if not was_up:
        announce(
            "Starting the local stack with `pulumi up`",
            "The Pulumi engine runs __main__.py and starts the server; it is waited for.",
            "a few seconds",
        )
    update("up", "--yes", "--skip-preview", "--refresh", quiet=was_up)
    outputs = _outputs()
    if not _answers(outputs):
        raise Problems(
            problem(
                f"the stack is up, but {outputs['endpoint']} does not answer; its log is {outputs['log']}.",
                "start it anew: make down up.",
            )
        )
    _print_access(outputs)


@alone()
def down() -> None:
    """Stops the local stack and removes its state; what was built and downloaded stays. Raises Problems."""
    if not paths.STATE.exists():
        say("Nothing is up.")
        return
    # First: whatever is missing for the rest, nothing keeps running. Pulumi's refresh then sees that it is gone.
    local_lifecycle.stop(Place(STACK), {})
    try:
        others = _remove()
    except Problems:
        say("The server is stopped; the stack's state is kept.")
        raise
    shutil.rmtree(paths.LOCAL_STACKS / STACK, ignore_errors=True)
    if others:
        say(f"The local stack is down. Other stacks of this checkout are kept: {', '.join(others)}.")
        return
    for folder in (paths.STATE, paths.PULUMI_HOME, paths.LOCAL_STACKS):
        shutil.rmtree(folder, ignore_errors=True)
    paths.ENVIRONMENT.unlink(missing_ok=True)
    say("The local stack is down.")


def _remove() -> list[str]:
    """Destroys the stack; the names of the other ones. Needs Pulumi and its Python, not what runs a model."""
    python_environment.ensure(python_environment.RUNTIME)
    pulumi_cli.ensure()
    stacks = _stacks()
    if STACK in stacks:
        _recover()
        update("destroy", "--yes", "--skip-preview", "--refresh", "--stack", STACK, quiet=False)
        query("stack", "rm", STACK, "--yes", "--preserve-config")
    return [name for name in stacks if name != STACK]


def status() -> None:
    """Prints what the local stack serves and how it is."""
    if not (paths.STATE.exists() and pulumi_cli.existing() and STACK in _stacks()):
        say("Nothing is up. Start the local stack with: make up")
        return
    outputs = _outputs()
    state = "ready" if _is_ready(outputs) else "not answering; start it anew with: make down up"
    for name, value in (
        ("model", outputs.get("model")),
        ("state", state),
        ("endpoint", outputs.get("endpoint")),
        ("log", outputs.get("log")),
    ):
        say(f"{name:9} {value}")


def _set_up() -> None:
    preflight.check()
    python_environment.ensure(python_environment.RUNTIME)
    pulumi_cli.ensure()
    llama_server.ensure()
    paths.remember_cache()
    write_environment()


def _recover() -> None:
    """Unlocks the stack after an engine that was killed. What it may have started is found by the next `up` itself."""
    locks = paths.STATE.glob(f".pulumi/locks/*/*/{STACK}/*.json")
    if any(_is_stale(lock) for lock in locks):
        say("An earlier run was interrupted; its lock and pending operations are cleared.")
        query("cancel", "--yes", "--stack", STACK)
        query("refresh", "--yes", "--skip-preview", "--clear-pending-creates", "--stack", STACK)


def _is_stale(lock: Path) -> bool:
    """Whether the engine that holds a lock is gone from this machine; a lock that can't be read has no holder."""
    try:
        holder = json.loads(lock.read_text())
        return holder["hostname"] == platform.node() and not is_running(holder["pid"])
    except (OSError, ValueError, KeyError, TypeError):
        return True


def _stacks() -> list[str]:
    return [stack["name"] for stack in json.loads(query("stack", "ls", "--json"))]


def _outputs() -> dict[str, Any]:
    return json.loads(query("stack", "output", "--json", "--stack", STACK))


def _is_ready(outputs: dict[str, Any]) -> bool:
    """Whether the stack's server answers; what is up may still differ from what the stack's file says."""
    try:
        with LOOPBACK.open(f"{outputs['endpoint']}/v1/models", timeout=2) as answer:
            return answer.status == 200
    except (KeyError, urllib.error.URLError, OSError):
        return False


def _answers(outputs: dict[str, Any]) -> bool:
    """Waits until the server answers: its engine may be loading again."""
    deadline = time.monotonic() + ANSWER_SECONDS
    while not (ready := _is_ready(outputs)) and time.monotonic() < deadline:
        time.sleep(0.2)
    return ready


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
