"""From settings to a plan: which model, in which form, whether it fits, how fast it is and what it costs.

Pure but for reading the team's registry file and this machine's size.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from components import local_machine
from components.problems import Problem
from components.settings import NAMESPACE, Settings
from components.settings_problems import problems_of
from components.settings_sections import LocalMachine
from registry import catalog, entries, given, overlay, pinning, speed, verdict
from registry.catalog import Catalog, UnknownName
from registry.cost import Cost
from registry.documents import RegistryError
from registry.quantity import mebibytes
from registry.records import Model, Variant
from registry.sizing import Fit
from registry.speed import Throughput
from registry.verdict import Wish

DEFAULT_LOCAL_MODEL = "paddock-demo"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack will run, and what is to be said of it."""

    name: str
    model: Model
    variant: Variant
    fit: Fit
    throughput: Throughput
    cost: Cost
    machine: str
    warnings: tuple[str, ...]


def make(settings: Settings, root: Path) -> tuple[Plan | None, list[Problem]]:
    """The plan for these settings, or None and why there is none. `root` is where relative paths start."""
    problems = _beyond_this_machine(settings)
    known, name, found = _registry(settings, root)
    problems += found
    if known is None or name is None:
        return None, problems
    model = known.model(name)
    quantization = settings.quantization or model.default
    problems += _contradictions(settings, name, model, quantization)
    if problems:
        return None, problems
    wish = Wish(
        name=name,
        quantization=quantization,
        context=settings.context,
        parallel=settings.parallel,
        kv_type=settings.kv_cache,
    )
    fit = verdict.in_memory(known, wish, _memory(settings))
    throughput = speed.on_processors(model, quantization, _threads(settings), parallel=fit.parallel)
    plan = Plan(
        name=name,
        model=model,
        variant=model.variants[quantization],
        fit=fit,
        throughput=throughput,
        cost=_cost_of_this_machine(),
        machine=local_machine.name(),
        warnings=_warnings(known, name),
    )
    return plan, [] if fit.fits else [_too_big(known, wish, fit)]


def processors(settings: Settings) -> float | None:
    """The processors that the local server may use; None for all."""
    return _machine(settings).cpu


def _threads(settings: Settings) -> int:
    return math.ceil(_machine(settings).cpu or local_machine.processors())


def _registry(settings: Settings, root: Path) -> tuple[Catalog | None, str | None, list[Problem]]:
    """The registry with the team's file and the stack's own model in it, and the name of the model to run."""
    try:
        known = overlay.with_team(root / settings.registry) if settings.registry else catalog.ours()
    except RegistryError as error:
        remedy = "Mend the file, or remove it: pulumi config rm paddock:registry"
        return None, None, [Problem("paddock:registry", problem, remedy) for problem in error.problems]
    if isinstance(settings.model, dict):
        return _with_block(known, settings.model)
    name = settings.model or DEFAULT_LOCAL_MODEL
    try:
        known.model(name)
    except UnknownName as error:
        remedy = f"Name one that is: pulumi config set paddock:model {' or '.join(error.nearest)}"
        return None, None, [Problem("paddock:model", f"{error}.", remedy)]
    return known, name, []


def _with_block(known: Catalog, block: Mapping[str, object]) -> tuple[Catalog | None, str | None, list[Problem]]:
    kind = given.GivenModel if given.is_given(block) else Model
    try:
        name, model, said = entries.entry(block, known)
    except ValidationError as error:
        return None, None, problems_of(error, kind, f"{NAMESPACE}:model.")
    except ValueError as error:
        return None, None, [Problem("paddock:model", f"{error}.", "registry/README.md shows both forms of a model.")]
    return known.with_model(name, model, *said), name, []


def _contradictions(settings: Settings, name: str, model: Model, quantization: str) -> list[Problem]:
    problems = []
    if quantization not in model.variants:
        has = " or ".join(model.variants)
        problems.append(
            Problem(
                "paddock:quantization",
                f"{name} has no {quantization}.",
                f"It has {has}: pulumi config set paddock:quantization {model.default}",
            )
        )
    elif settings.require_pinned and not model.variants[quantization].is_pinned:
        how = pinning.how_to_pin(model.variants[quantization])
        remedy = f"{how[0].upper()}{how[1:]}."
        problems.append(Problem("paddock:requirePinned", f"{name} ({quantization}) has no sha256.", remedy))
    if (settings.context or 0) > model.context.trained:
        most = model.context.trained
        problems.append(
            Problem(
                "paddock:context",
                f"{settings.context} is more than the {most} tokens that {name} was trained with.",
                f"Use at most that: pulumi config set paddock:context {most}",
            )
        )
    return problems


def _warnings(known: Catalog, name: str) -> tuple[str, ...]:
    return tuple(warning for warning in known.warnings if warning.startswith((f"{name} ", f"{name}:")))


def _machine(settings: Settings) -> LocalMachine:
    return settings.machine if isinstance(settings.machine, LocalMachine) else LocalMachine()


def _beyond_this_machine(settings: Settings) -> list[Problem]:
    machine = _machine(settings)
    problems = []
    if machine.memory and mebibytes(machine.memory) > local_machine.memory():
        most = f"{local_machine.memory():.0f}Mi"
        remedy = f"Write at most {most}, or remove it: pulumi config rm --path paddock:machine.memory"
        problems.append(Problem("paddock:machine.memory", f"{machine.memory} is more than this machine has.", remedy))
    if machine.cpu and machine.cpu > local_machine.processors():
        most = local_machine.processors()
        remedy = f"Write at most {most}, or remove it: pulumi config rm --path paddock:machine.cpu"
        problems.append(Problem("paddock:machine.cpu", f"{machine.cpu:g} is more than this machine has.", remedy))
    return problems


def _memory(settings: Settings) -> float:
    machine = _machine(settings)
    return mebibytes(machine.memory) if machine.memory else local_machine.memory()


def _cost_of_this_machine() -> Cost:
    """The local stack's: nothing is rented for it."""
    return Cost(
        items={},
        per_hour=0.0,
        per_month=0.0,
        per_1k_tokens=0.0,
        per_1k_tokens_batched=0.0,
        price_date="",
        region="",
        assumptions=("this machine is there anyway; its power is not counted",),
    )


def _too_big(known: Catalog, wish: Wish, fit: Fit) -> Problem:
    terms = f"weights {fit.weights}, KV cache {fit.kv_cache}, compute {fit.compute}, runtime {fit.runtime}"
    what = (
        f"{wish.name} needs {fit.total} MiB ({terms}) with {fit.parallel} x {fit.context} tokens, "
        f"and this machine offers {fit.available}."
    )
    changes = [change.words for change in verdict.changes(known, wish, fit, None)]
    remedy = f"It would fit with {', or '.join(changes)}." if changes else "Choose a smaller model or a larger machine."
    return Problem("paddock:model", what, remedy)
