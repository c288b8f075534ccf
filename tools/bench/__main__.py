"""`python -m tools.bench memory [--quick]`: measures the engine and compares it with what the registry says."""

import argparse
import math
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from components import local_machine
from registry import catalog, sizing
from registry.records import File, Model, Variant
from server import cpus, engine_command
from tools import paths
from tools.bench import peak, report, sparse_model
from tools.bench.report import Row
from tools.steps import Problems, problem, say

WORST_ERROR = 0.15


class Combination(NamedTuple):
    """One server to measure."""

    model: str
    quantization: str
    context: int
    parallel: int
    kv_cache: str


COMBINATIONS = (
    Combination("tinyllama-1.1b-chat", "Q4_K_M", 2048, 1, "f16"),
    Combination("tinyllama-1.1b-chat", "Q4_0", 1024, 8, "f16"),
    Combination("qwen2.5-0.5b-instruct", "Q4_K_M", 1000, 2, "f16"),
    Combination("qwen2.5-0.5b-instruct", "Q8_0", 4096, 4, "q8_0"),
    Combination("qwen3-0.6b", "Q8_0", 2048, 16, "q8_0"),
    Combination("qwen3-0.6b", "Q4_0", 4096, 1, "f16"),
    Combination("llama-3.2-1b-instruct", "Q4_K_M", 4096, 2, "f16"),
    Combination("gemma-3-1b-it", "Q4_K_M", 4096, 2, "f16"),
    Combination("gemma-3-1b-it", "Q8_0", 2048, 4, "q8_0"),
    Combination("phi-3-mini", "Q4_K_M", 4096, 1, "f16"),
    Combination("llama2-7b-chat", "Q4_K_M", 4096, 1, "f16"),
    Combination("llama-3.1-8b-instruct", "Q4_0", 2048, 4, "q8_0"),
)
QUICK = (
    Combination("qwen2.5-0.5b-instruct", "Q4_K_M", 1024, 2, "f16"),
    Combination("qwen3-0.6b", "Q8_0", 512, 4, "q8_0"),
)


def memory(combinations: Sequence[Combination], program: Path) -> Iterator[Row]:
    """The measured rows. Raises Problems."""
    folder = paths.cache() / "bench"
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as workspace:
        prepared = [_prepare(one, Path(workspace)) for one in combinations]
        needed = max(row.predicted for row in prepared)
        if needed > local_machine.memory():
            raise Problems(
                problem(
                    f"The benchmark needs {needed} MiB of memory, and {local_machine.memory():.0f} are here.",
                    "measure on a larger machine, or two small models: python -m tools.bench memory --quick",
                )
            )
        for row in prepared:
            yield replace(row, measured=_measure(row, program, Path(workspace)))


def _prepare(one: Combination, workspace: Path) -> Row:
    """Writes the model, and predicts from the registry's entry with the sparse file in place of its own."""
    file = _file(one, workspace)
    model = catalog.ours().model(one.model)
    sparse_model.write(one.model, model, one.quantization, file)
    size = file.stat().st_size
    variant = Variant(files=(File(name=file.name, url=file.as_uri(), size=size),))
    model = model.model_copy(update={"variants": {one.quantization: variant}})
    prompt_tokens = _prompt_tokens(model, one.parallel)
    return Row(
        **one._asdict(), prompt_tokens=prompt_tokens, file=size, predicted=_predicted(model, one), measured=math.nan
    )


def _measure(row: Row, program: Path, workspace: Path) -> float:
    options = engine_command.EngineOptions(
        model=_file(row, workspace),
        alias=row.model,
        port=peak.free_port(),
        context=row.context,
        parallel=row.parallel,
        kv_cache=row.kv_cache,
        threads=cpus.threads(),
    )
    return peak.measure(program, options, row.prompt_tokens, workspace / "engine.log")


def _file(one: Combination | Row, workspace: Path) -> Path:
    return workspace / f"{one.model}.{one.quantization}.gguf"


def _predicted(model: Model, one: Combination) -> int:
    fit = sizing.fit(
        model, one.quantization, context=one.context, parallel=one.parallel, kv_type=one.kv_cache, available=0
    )
    return fit.total - sizing.GATEWAY


def _prompt_tokens(model: Model, parallel: int) -> int:
    """Enough that all slots together fill a step of the prompt, and each its windows before its checkpoints."""
    windows = [group.window for group in model.shape.kv if group.window] if model.shape else []
    return max(sizing.MICRO_BATCH // parallel, *windows, 0) + peak.TURN_TOKENS


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.bench", description=__doc__)
    parser.add_argument("what", choices=["memory"])
    parser.add_argument("--quick", action="store_true", help="two small models in under a minute; writes no page")
    options = parser.parse_args()
    try:
        program = engine_command.find(engine_command.candidates())
        rows = []
        for row in memory(QUICK if options.quick else COMBINATIONS, program):
            rows.append(row)
            say(f"{row.name}: {row.predicted} MiB predicted, {row.measured:.0f} measured, {row.error:+.1%}")
    except (Problems, FileNotFoundError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    say(f"\n{report.as_table(rows)}")
    if not options.quick:
        report.write(rows, report.machine(program))
        say(f"\nWritten to {report.PAGE.relative_to(paths.ROOT)} and {report.RESULTS.relative_to(paths.ROOT)}.")
    wrong = [row for row in rows if abs(row.error) > WORST_ERROR]
    for row in wrong:
        print(f"error: {row.name} is {row.error:+.1%} off, more than {WORST_ERROR:.0%}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
