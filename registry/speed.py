"""How fast a model decodes on a machine, in tokens per second: measured by the team, modelled, or stated."""

import functools
import itertools
import math
import statistics
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from registry.documents import Document
from registry.records import HERE, Machine, Measurement, Model, Record, Variant

GB = 1e9

# Fitted to benchmarks.yaml (registry/README.md states the error): what one physical core can read, and where the memory
# of a whole host sets the limit, in GB/s. Decoding reads every active weight once for each token.
CORE_BANDWIDTH = 11.5
HOST_BANDWIDTH = 200.0
# Below 1 GB on up to four vCPUs, unpacking K-quants takes longer than reading them: 40 % off.
SMALL_BYTES = 1.0 * GB
SMALL_VCPU = 4
SMALL_FACTOR = 0.6

# All slots busy against one stream, measured on 2 vCPU (0.84 B, Q4_0): 57, 114, 128, 154 tok/s at 1, 4, 8, 16.
BATCHED = {1: 1.0, 4: 2.0, 8: 2.25, 16: 2.7}

Source = Literal["measured", "modelled", "stated"]


@dataclass(frozen=True)
class Throughput:
    """Tokens per second of one stream and of all slots together, and where the figure comes from."""

    tokens_per_second: float
    batched_tokens_per_second: float
    source: Source


class Benchmark(Record):
    """A speed that somebody published. `weights` is GB, `active` the share of them that a token reads."""

    model: str
    quantization: str
    weights: float | None
    active: Annotated[float, Field(gt=0, le=1)] = 1.0
    machine: str
    vcpu: int | None
    cores: int | None
    threads: int | None
    cpu: str
    tokens_per_second: Annotated[float, Field(gt=0)]
    date: str
    source: str
    confidence: Literal["low", "medium", "high"]


def throughput(
    name: str,
    model: Model,
    quantization: str,
    machine_name: str,
    machine: Machine,
    *,
    parallel: int,
    measured: tuple[Measurement, ...] = (),
) -> Throughput:
    """The speed of a model on a machine: the team's own measurement if there is one, else the model of this file."""
    for one in measured:
        if (one.model, one.quantization, one.machine) == (name, quantization, machine_name):
            batched = one.batched_tokens_per_second or one.tokens_per_second * batched_factor(parallel)
            return Throughput(one.tokens_per_second, batched, "measured")
    return _estimated(model, quantization, machine.vcpu, machine.cores, parallel)


def on_processors(model: Model, quantization: str, processors: int, *, parallel: int) -> Throughput:
    """The speed on that many processors of a machine that no table knows; they are taken for hyperthreads."""
    return _estimated(model, quantization, processors, max(1.0, processors / 2), parallel)


def _estimated(model: Model, quantization: str, vcpu: float, cores: float, parallel: int) -> Throughput:
    """Modelled where the model's weights are known, else as somebody stated."""
    if model.shape is None and model.stated:
        single: float = model.stated.tokens_per_second
        return Throughput(single, single * batched_factor(parallel), "stated")
    single = modelled(active_bytes(model, model.variants[quantization]), vcpu, cores)
    return Throughput(single, single * batched_factor(parallel), "modelled")


def active_bytes(model: Model, variant: Variant) -> float:
    """Bytes that one token reads: all weights, or a mixture's active share."""
    share = model.active_parameters / model.parameters if model.active_parameters and model.parameters else 1.0
    return variant.size * share


def modelled(weights: float, vcpu: float, cores: float) -> float:
    """Tokens per second of one stream that reads `weights` bytes per token, with a thread on each vCPU."""
    bandwidth = 1 / (1 / (cores * CORE_BANDWIDTH) + 1 / HOST_BANDWIDTH) * GB
    factor = SMALL_FACTOR if weights < SMALL_BYTES and vcpu <= SMALL_VCPU else 1.0
    return bandwidth / weights * factor


def batched_factor(parallel: int) -> float:
    """All slots busy against one stream; between the measured points on a straight line."""
    points = sorted(BATCHED.items())
    for (low, at_low), (high, at_high) in itertools.pairwise(points):
        if parallel <= high:
            return at_low + (at_high - at_low) * (max(parallel, low) - low) / (high - low)
    return points[-1][1]


@functools.cache
def benchmarks() -> tuple[Benchmark, ...]:
    """The published speeds."""
    document = Document(HERE / "benchmarks.yaml")
    return tuple(Benchmark.model_validate(row) for row in document.content["benchmarks"])


def predicted(row: Benchmark) -> float | None:
    """What the model says of a published speed; None where the source does not say what it ran on."""
    if not (row.weights and row.vcpu and row.cores):
        return None
    threads = min(row.threads or row.vcpu, row.vcpu)
    used = row.cores if row.cores == row.vcpu else max(1.0, min(threads / 2, row.cores))
    return modelled(row.weights * row.active * GB, row.vcpu, used)


def errors() -> list[tuple[Benchmark, float]]:
    """Each published speed that can be predicted, with the model's error: 0.1 is ten percent too fast."""
    pairs = [(row, predicted(row)) for row in benchmarks()]
    return [(row, value / row.tokens_per_second - 1) for row, value in pairs if value]


def error_summary() -> tuple[float, float]:
    """Median and worst size of the error."""
    sizes = [abs(error) if math.isfinite(error) else math.inf for _, error in errors()]
    return statistics.median(sizes), max(sizes)
