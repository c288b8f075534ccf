"""The command line of llama-server: where the program is found, and what it is told. Standard library only."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

NAME = "llama-server"
CHECKPOINTS = 3


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """What llama-server is started with.

    `context` is in tokens per request, so that the engine is given `context * parallel`. `kv_cache` is f16 or q8_0.
    `chat_template` is None for the model's own, or a name that llama.cpp knows.
    """

    model: Path
    alias: str
    port: int
    context: int
    parallel: int
    kv_cache: str
    threads: int
    chat_template: str | None = None


def arguments(options: EngineOptions) -> list[str]:
    """The arguments for llama-server. It listens on loopback only, and keeps no prompt cache beside the slots."""
    pairs = {
        "--model": str(options.model),
        "--alias": options.alias,
        "--host": "127.0.0.1",
        "--port": str(options.port),
        "--ctx-size": str(options.context * options.parallel),
        "--parallel": str(options.parallel),
        "--cache-type-k": options.kv_cache,
        "--cache-type-v": options.kv_cache,
        "--threads": str(options.threads),
        "--threads-batch": str(options.threads),
        # llama-server's default is 8 GiB of RAM, whatever the limit of its control group.
        "--cache-ram": "0",
        # A mapped file stays in memory beside the copy in the CPU's own layout that is made of it.
        "--load-mode": "none",
        # What a slot of a model with sliding windows keeps for its next turn: 32 by default, 116 MiB each for a 4B.
        "--ctx-checkpoints": str(CHECKPOINTS),
        # A stream whose client is gone is noticed when the next ping fails: 30 s by default.
        "--sse-ping-interval": "5",
    }
    if options.chat_template:
        pairs["--chat-template"] = options.chat_template
    # Each request has its own part of the cache; in a unified one, requests that grow kill each other.
    return [word for pair in pairs.items() for word in pair] + [
        "--no-kv-unified",
        "--no-context-shift",
        "--metrics",
        "--no-ui",
        "--offline",
    ]


def flags() -> list[str]:
    """Every flag that the server may pass."""
    everything = EngineOptions(
        model=Path("m"), alias="m", port=1, context=1, parallel=1, kv_cache="f16", threads=1, chat_template="t"
    )
    return [word for word in arguments(everything) if word.startswith("--")]


def candidates(python: Path = Path(sys.executable)) -> list[Path]:
    """Where llama-server may lie: on PATH, beside the interpreter, in its site-packages/bin."""
    on_path = shutil.which(NAME)
    site_packages = Path(sysconfig.get_path("platlib")) / "bin" / NAME
    places = [Path(on_path)] if on_path else []
    places += [place for place in (python.parent / NAME, site_packages) if os.access(place, os.X_OK)]
    return list(dict.fromkeys(places))


def complaint(program: Path) -> str | None:
    """What keeps a program from being used: it can't be run, or lacks a flag that we pass. None when nothing."""
    try:
        answer = subprocess.run([program, "--help"], capture_output=True, text=True, errors="replace", timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return "can't be run"
    words = set(answer.stdout.replace(",", " ").split())
    missing = [flag for flag in flags() if flag not in words]
    if answer.returncode < 0 or len(missing) == len(flags()):
        return "is no llama-server that can be run here"
    return f"does not know {', '.join(missing)}" if missing else None


def find(places: Sequence[Path]) -> Path:
    """The first of `places` that knows every flag. Raises FileNotFoundError with what was found instead."""
    rejected = []
    for place in places:
        found = complaint(place)
        if not found:
            return place
        rejected.append(f"{place} {found}")
    found = "; ".join(rejected) or "there is none on PATH, beside the interpreter, or in its site-packages/bin"
    raise FileNotFoundError(f"no suitable {NAME}: {found}")
