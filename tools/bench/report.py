"""The results of a benchmark as a section of docs/performance.md and as JSON."""

import datetime
import json
import os
import platform
import re
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from registry import sizing
from registry.text import table
from tools import paths

PAGE = paths.ROOT / "docs" / "performance.md"
RESULTS = paths.ROOT / "docs" / "results" / "memory.json"
SECTION = "## Memory"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One combination: MiB as predicted and as measured. `file` is the sparse model's bytes."""

    model: str
    quantization: str
    context: int
    parallel: int
    kv_cache: str
    prompt_tokens: int
    file: int
    predicted: int
    measured: float

    @property
    def error(self) -> float:
        return self.predicted / self.measured - 1

    @property
    def name(self) -> str:
        return f"{self.model} {self.quantization}, {self.parallel} x {self.context} tokens, {self.kv_cache}"


def machine(engine: Path) -> dict[str, str]:
    """Where, when and with which engine something was measured."""
    said = subprocess.run([engine, "--version"], capture_output=True, text=True, errors="replace")
    version = re.search(r"version: (.+)", said.stdout + said.stderr)
    cpu = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "machine": f"{os.cpu_count()} vCPU, {memory:.0f} GiB, {platform.system()} {platform.machine()}",
        "cpu": cpu[1] if cpu else platform.processor(),
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "engine": f"llama-server {version[1] if version else 'of unknown version'}",
    }


def write(rows: Sequence[Row], where: dict[str, str]) -> None:
    """Writes the page's section, and leaves its other sections alone; writes the JSON."""
    text = PAGE.read_text() if PAGE.exists() else "# Performance\n"
    section = f"{SECTION}\n\n{_section(rows, where)}\n"
    found = re.search(rf"^{SECTION}\n.*?(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found:
        rest = text[found.end() :]
        text = text[: found.start()] + section + (f"\n{rest}" if rest else "")
    else:
        text = f"{text.rstrip()}\n\n{section}"
    PAGE.write_text(text)
    RESULTS.parent.mkdir(exist_ok=True)
    results = [asdict(row) | {"measured": round(row.measured, 1), "error": round(row.error, 4)} for row in rows]
    RESULTS.write_text(json.dumps(where | {"unit": "MiB", "results": results}, indent=2) + "\n")


def as_table(rows: Sequence[Row], style: str = "simple") -> str:
    """Predicted beside measured."""
    headers = ["model", "quantization", "context", "slots", "cache", "predicted", "measured", "error"]
    return table(
        headers,
        [
            (
                f"`{row.model}`" if style == "github" else row.model,
                row.quantization,
                row.context,
                row.parallel,
                row.kv_cache,
                row.predicted,
                f"{row.measured:.0f}",
                f"{row.error:+.1%}",
            )
            for row in rows
        ],
        style,
    )


def _section(rows: Sequence[Row], where: dict[str, str]) -> str:
    worst = max(rows, key=lambda row: abs(row.error))
    return f"""<!-- Written by `make bench`. -->

What `registry/sizing.py` says that the engine needs, without the {sizing.GATEWAY} MiB of the gateway beside it, against
the peak resident memory (VmHWM, in MiB) of a real llama-server that was started as the server starts it, with all slots
busy at once. The worst error is **{worst.error:+.1%}** ({worst.name}); `make bench` fails above 15 %.

{as_table(rows, "github")}

{where["machine"]}, {where["cpu"]}, {where["date"]}, {where["engine"]};
[results/memory.json](results/memory.json) holds the raw results.

The models are sparse files: shapes and tensor types are those of the registry's models, and the weights are zeros that
lie on no disk and are not downloaded. The engine reads, repacks and multiplies them like any others, and its memory
depends on shapes and types alone, so it is that of the real model; its answers and its speed mean nothing.
The vocabularies are made up, of the real size. The file that is predicted from is the sparse one. A prompt fills a step
of {sizing.MICRO_BATCH} tokens or the sliding window, not the context: the cache is held in full from the start. Models
with recurrent layers are not among the measured."""
