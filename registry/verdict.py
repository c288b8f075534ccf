"""Whether a model fits a machine, and if not, which changes would make it: the nearest three, cheapest first."""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from registry import cost, platforms, sizing
from registry.catalog import Catalog
from registry.records import Cloud, Model
from registry.sizing import Fit

SMALLEST_CONTEXT = 512


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What is asked for. `context` and `parallel` are None for the model's default and the most that fits."""

    name: str
    quantization: str
    context: int | None = None
    parallel: int | None = None
    kv_type: str = "f16"


@dataclass(frozen=True)
class Change:
    """One change that would make a model fit: in words, and USD per hour more (or less)."""

    words: str
    extra_per_hour: float


def on_machine(catalog: Catalog, wish: Wish, cloud: Cloud, machine: str) -> Fit:
    """The fit of a wish on a machine type. Raises UnknownName."""
    return in_memory(catalog, wish, platforms.offer(cloud, catalog.machine(cloud, machine)).memory)


def in_memory(catalog: Catalog, wish: Wish, available: float) -> Fit:
    """The fit of a wish in that many MiB. Raises UnknownName."""
    model = catalog.model(wish.name)
    return sizing.fit(
        model,
        wish.quantization,
        context=wish.context or model.context.default,
        parallel=wish.parallel,
        kv_type=wish.kv_type,
        available=available,
    )


def changes(catalog: Catalog, wish: Wish, fit: Fit, place: tuple[Cloud, str] | None) -> list[Change]:
    """The nearest changes of each kind that would make the wish fit, cheapest first; three at most."""
    if fit.fits:
        return []
    model = catalog.model(wish.name)
    found = [change for change in _smaller(model, wish, fit) if change]
    if place:
        found += _machines(catalog, wish, *place)
    # What costs nothing comes before another machine, also before a cheaper one: it changes less.
    return sorted(found, key=lambda change: (change.extra_per_hour != 0, change.extra_per_hour))[:3]


def _smaller(model: Model, wish: Wish, fit: Fit) -> Iterator[Change | None]:
    def fits(**changed: object) -> bool:
        fields = {"context": fit.context, "parallel": fit.parallel, "kv_type": fit.kv_type} | changed
        quantization = str(fields.pop("quantization", wish.quantization))
        return sizing.fit(model, quantization, available=fit.available, **fields).fits  # pyright: ignore[reportArgumentType]

    slots = next((count for count in sizing.PARALLEL_CHOICES if count < fit.parallel and fits(parallel=count)), None)
    yield Change(f"parallel {slots} instead of {fit.parallel}", 0.0) if slots else None
    context = _largest_context(fit.context, lambda tokens: fits(context=tokens))
    yield Change(f"context {context} instead of {fit.context}", 0.0) if context else None
    yield Change("kvCache q8_0 instead of f16", 0.0) if fit.kv_type == "f16" and fits(kv_type="q8_0") else None
    others = sorted((name for name in model.variants if fits(quantization=name)), key=lambda n: model.variants[n].size)
    yield Change(f"quantization {others[-1]} instead of {wish.quantization}", 0.0) if others else None


def _largest_context(context: int, fits: Callable[[int], bool]) -> int | None:
    """The largest of the halves of `context` that fits."""
    tokens = context // 2
    while tokens >= SMALLEST_CONTEXT:
        if fits(tokens):
            return tokens
        tokens //= 2
    return None


def _machines(catalog: Catalog, wish: Wish, cloud: Cloud, machine: str) -> list[Change]:
    """The three cheapest machines of the same architecture, and not slower, on which the wish fits as it stands."""
    now = catalog.machine(cloud, machine)
    others = {
        name: other
        for name, other in catalog.clouds[cloud].machines.items()
        if other.arch == now.arch and other.cores >= now.cores and platforms.is_suitable(other)
    }
    rows = sorted((cost.hourly(other), name) for name, other in others.items())
    fitting = ((price, name) for price, name in rows if on_machine(catalog, wish, cloud, name).fits)
    return [
        Change(f"machine {name} instead of {machine}", price - cost.hourly(now))
        for price, name in itertools.islice(fitting, 3)
    ]
