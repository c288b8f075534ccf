"""From settings to a plan: which model, in which form, and whether it fits. Pure but for reading this machine's size."""

from dataclasses import dataclass

from components import local_machine
from components.problems import Problem
from components.quantity import mebibytes
from components.settings import LocalMachine, Settings
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
    try:
        model = catalog.model(name)
    except catalog.UnknownName as error:
        return None, [Problem("paddock:model", f"{error}.", f"Name one that is: pulumi config set paddock:model {' or '.join(error.nearest)}")]
    context = settings.context or model.context.default
    if context > model.context.trained:
        remedy = f"Use at most that: pulumi config set paddock:context {model.context.trained}"
        return None, [Problem("paddock:context", f"{context} is more than the {model.context.trained} tokens that {name} was trained with.", remedy)]
    variant = model.variants[model.default]
    fit = sizing.fit(model, variant, context=context, parallel=settings.parallel, kv_cache=settings.kv_cache, available=_memory(settings))
    plan = Plan(name=name, model=model, variant=variant, fit=fit, kv_cache=settings.kv_cache)
    return plan, [] if fit.fits else [_too_big(plan, settings)]


def processors(settings: Settings) -> float | None:
    """The processors that the local server may use; None for all."""
    return settings.machine.cpu if isinstance(settings.machine, LocalMachine) else None


def _memory(settings: Settings) -> float:
    machine = settings.machine if isinstance(settings.machine, LocalMachine) else LocalMachine()
    return mebibytes(machine.memory) if machine.memory else local_machine.memory()


def _too_big(plan: Plan, settings: Settings) -> Problem:
    fit = plan.fit
    terms = f"weights {fit.weights}, KV cache {fit.kv_cache}, compute {fit.compute}, runtime {fit.runtime}"
    what = f"{plan.name} needs {fit.total} MiB ({terms}) with {fit.parallel} x {fit.context} tokens, and this machine offers {fit.available}."
    smaller = [
        "a smaller paddock:context" if fit.context > 512 else "",
        "a smaller paddock:parallel" if fit.parallel > 1 else "",
        "paddock:kvCache q8_0" if settings.kv_cache == "f16" else "",
    ]
    return Problem("paddock:model", what, f"Choose a smaller model, {', '.join(filter(None, smaller)) or 'or a machine with more memory'}.")
