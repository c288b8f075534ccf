"""Which machine to take: the cheapest that fits a model and is as fast as wished."""

from dataclasses import dataclass

from registry import cost, platforms, speed, verdict
from registry.catalog import Catalog
from registry.records import Cloud, Machine
from registry.sizing import Fit
from registry.speed import Throughput
from registry.verdict import Wish


@dataclass(frozen=True)
class Choice:
    """A machine and what it would mean for a model. `per_hour` is USD, with the burst surcharge."""

    cloud: Cloud
    name: str
    machine: Machine
    fit: Fit
    speed: Throughput
    per_hour: float

    @property
    def per_1k_tokens(self) -> float:
        return cost.per_1k_tokens(self.per_hour, self.speed.tokens_per_second)

    @property
    def per_1k_tokens_batched(self) -> float:
        return cost.per_1k_tokens(self.per_hour, self.speed.batched_tokens_per_second)


def choice(catalog: Catalog, wish: Wish, cloud: Cloud, name: str) -> Choice:
    """What a machine would mean for a wish. Raises UnknownName."""
    machine = catalog.machine(cloud, name)
    fit = verdict.in_memory(catalog, wish, platforms.offer(cloud, machine).memory)
    model = catalog.model(wish.name)
    rate = speed.throughput(
        wish.name, model, wish.quantization, name, machine, parallel=fit.parallel, measured=catalog.measured
    )
    return Choice(cloud, name, machine, fit, rate, cost.hourly(machine))


def choices(catalog: Catalog, wish: Wish, cloud: Cloud, *, tokens_per_second: float = 0.0) -> list[Choice]:
    """Every machine on which the wish fits and that is as fast as wished, cheapest first."""
    names = [name for name, machine in catalog.clouds[cloud].machines.items() if platforms.is_suitable(machine)]
    found = [choice(catalog, wish, cloud, name) for name in names]
    good = [one for one in found if one.fit.fits and one.speed.tokens_per_second >= tokens_per_second]
    return sorted(good, key=lambda one: (one.per_hour, -one.speed.tokens_per_second))


def recommended(catalog: Catalog, wish: Wish, cloud: Cloud, *, tokens_per_second: float = 0.0) -> Choice | None:
    """The machine to take: the table's for the models that it names where it fits, else the cheapest that does."""
    named = catalog.clouds[cloud].recommended.get(wish.name)
    if named and not tokens_per_second:
        given = choice(catalog, wish, cloud, named)
        if given.fit.fits:
            return given
    return next(iter(choices(catalog, wish, cloud, tokens_per_second=tokens_per_second)), None)
