"""From settings to a plan: which model, in which form, and whether it fits.

Pure but for reading this machine's size.
"""

from dataclasses import dataclass

from components import local_machine
from components.problems import Problem
from components.quantity import mebibytes
from components.settings import Settings
from components.settings_sections import LocalMachine
from registry import catalog, sizing

DEFAULT_LOCAL_MODEL = "paddock-demo"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a stack will run."""

    name: str
    model: catalog.Model
    variant: catalog.Variant
    fit: sizing.Fit
    kv_cache: str


def make(settings: Settings) -> tuple[Plan | None, list[Problem]]:
    """The plan for these settings, or None and why there is none."""
    name = settings.model if isinstance(settings.model, str) else DEFAULT_LOCAL_MODEL
    problems = _beyond_this_machine(settings)
    try:
        model = catalog.model(name)
    except catalog.UnknownName as error:
        remedy = f"Name one that is: pulumi config set paddock:model {' or '.join(error.nearest)}"
        return None, [*problems, Problem("paddock:model", f"{error}.", remedy)]
    context = settings.context or model.context.default
    if context > model.context.trained:
        remedy = f"Use at most that: pulumi config set paddock:context {model.context.trained}"
        problems.append(
            Problem(
                "paddock:context",
                f"{context} is more than the {model.context.trained} tokens that {name} was trained with.",
                remedy,
            )
        )
    if problems:
        return None, problems
    variant = model.variants[model.default]
    fit = sizing.fit(
        model,
        variant,
        context=context,
        parallel=settings.parallel,
        kv_cache=settings.kv_cache,
        available=_memory(settings),
    )
    plan = Plan(name=name, model=model, variant=variant, fit=fit, kv_cache=settings.kv_cache)
    return plan, [] if fit.fits else [_too_big(plan, settings)]


def processors(settings: Settings) -> float | None:
    """The processors that the local server may use; None for all."""
    return settings.machine.cpu if isinstance(settings.machine, LocalMachine) else None


def _beyond_this_machine(settings: Settings) -> list[Problem]:
    machine = settings.machine if isinstance(settings.machine, LocalMachine) else LocalMachine()
    problems = []
    if machine.memory and mebibytes(machine.memory) > local_machine.memory():
        most = f"{local_machine.memory():.0f}Mi"
        remedy = f"Write at most {most}, or remove it: pulumi config rm --path paddock:machine.memory"
        problems.append(Problem("paddock:machine.memory", f"{machine.memory} is more than this machine has.", remedy))
    if machine.cpu and machine.cpu > local_machine.processors():
        remedy = (
            f"Write at most {local_machine.processors()}, or remove it: pulumi config rm --path paddock:machine.cpu"
        )
        problems.append(Problem("paddock:machine.cpu", f"{machine.cpu:g} is more than this machine has.", remedy))
    return problems


def _memory(settings: Settings) -> float:
    machine = settings.machine if isinstance(settings.machine, LocalMachine) else LocalMachine()
    return mebibytes(machine.memory) if machine.memory else local_machine.memory()


def _too_big(plan: Plan, settings: Settings) -> Problem:
    fit = plan.fit
    terms = f"weights {fit.weights}, KV cache {fit.kv_cache}, compute {fit.compute}, runtime {fit.runtime}"
    what = (
        f"{plan.name} needs {fit.total} MiB ({terms}) with {fit.parallel} x {fit.context} tokens, "
        f"and this machine offers {fit.available}."
    )
    smaller = [
        "a smaller paddock:context" if fit.context > 512 else "",
        "a smaller paddock:parallel" if fit.parallel > 1 else "",
        "paddock:kvCache q8_0" if settings.kv_cache == "f16" else "",
    ]
    return Problem(
        "paddock:model",
        what,
        f"Choose a smaller model, {', '.join(filter(None, smaller)) or 'or a machine with more memory'}.",
    )
