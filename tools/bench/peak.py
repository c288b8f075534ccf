"""The most memory that a llama-server takes with all its slots busy."""

import json
import random
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from server.engine_command import EngineOptions, arguments
from tools.steps import Problems, problem

START_SECONDS = 300
REQUEST_SECONDS = 900
# The first turn fills a slot; the others make as many checkpoints of it as it may keep.
TURNS = 3
TURN_TOKENS = 24
OUTPUT_TOKENS = 8
# Words that every synthetic vocabulary has.
FIRST_WORD, LAST_WORD = 1000, 30000


def free_port() -> int:
    """A port of loopback that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def measure(program: Path, options: EngineOptions, prompt_tokens: int, log: Path) -> float:
    """MiB at the peak, after every slot has had its turns at the same time. Raises Problems."""
    with (
        log.open("w") as output,
        subprocess.Popen(
            [program, *arguments(options)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        ) as process,
    ):
        try:
            _wait_until_ready(process, options, log)
            _keep_busy(options, prompt_tokens, log)
            return _high_water(process.pid)
        finally:
            process.kill()


def _wait_until_ready(process: subprocess.Popen[bytes], options: EngineOptions, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{options.port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise _failed(f"llama-server did not load {options.alias}", log)


def _keep_busy(options: EngineOptions, prompt_tokens: int, log: Path) -> None:
    """Every slot reads and answers its prompts, all at once."""
    answered: list[int] = []
    clients = [
        threading.Thread(target=_talk, args=(options.port, slot, prompt_tokens, answered), daemon=True)
        for slot in range(options.parallel)
    ]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if len(answered) < options.parallel:
        raise _failed(f"{options.alias}: {len(answered)} of {options.parallel} slots were answered", log)


def _talk(port: int, slot: int, prompt_tokens: int, answered: list[int]) -> None:
    # Token numbers, so that no tokenizer decides how long a prompt is.
    draw = random.Random(slot)  # noqa: S311
    prompt: list[int] = []
    for turn in range(TURNS):
        prompt += draw.choices(range(FIRST_WORD, LAST_WORD), k=TURN_TOKENS if turn else prompt_tokens)
        body = {"prompt": prompt, "id_slot": slot, "n_predict": OUTPUT_TOKENS, "ignore_eos": True, "cache_prompt": True}
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}/completion", json.dumps(body).encode(), {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=REQUEST_SECONDS) as answer:
                json.load(answer)
        except OSError:  # urllib's errors are OSErrors
            return
    answered.append(slot)


def _high_water(pid: int) -> float:
    lines = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024


def _failed(what: str, log: Path) -> Problems:
    tail = "\n".join(f"    {line}" for line in log.read_text(errors="replace").splitlines()[-10:])
    return Problems(problem(f"{what}.", f"see the last lines of its log:\n{tail}"))
