"""What a deployment costs: itemised per hour, per month, and per 1K tokens. Amounts are USD."""

from dataclasses import dataclass

from registry.records import Cloud, CloudMachines, Machine
from registry.speed import Throughput

HOURS_PER_MONTH = 730


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """What is paid for. Disks are GiB; `system` is the machine of a created cluster's own pool."""

    machine: Machine
    replicas: int
    claim: int
    node_disk: int
    spot: bool = False
    control_plane: bool = False
    load_balancer: bool = False
    system: Machine | None = None


@dataclass(frozen=True)
class Cost:
    """USD: `items` per hour by name. Per 1K tokens for one stream, and with all slots busy."""

    items: dict[str, float]
    per_hour: float
    per_month: float
    per_1k_tokens: float
    per_1k_tokens_batched: float
    price_date: str
    region: str
    assumptions: tuple[str, ...]


def per_1k_tokens(per_hour: float, tokens_per_second: float, use: float = 1.0) -> float:
    """USD for 1,000 tokens of a server that costs `per_hour` and decodes that fast for a share `use` of the time."""
    return per_hour / 3600 / (tokens_per_second * use) * 1000


def hourly(machine: Machine) -> float:
    """USD per hour of a machine that decodes all the time: its price and what it bursts."""
    return machine.price + burst_surcharge(machine)


def burst_surcharge(machine: Machine, use: float = 1.0) -> float:
    """USD per hour that a burstable machine costs on top when it decodes for a share `use` of the time; 0 for others.

    Surplus is what its average use is above the baseline, on every vCPU.
    """
    if not machine.burst:
        return 0.0
    return machine.vcpu * max(0.0, use - machine.burst.baseline) * machine.burst.surplus


def of(cloud: Cloud, prices: CloudMachines, deployment: Deployment, speed: Throughput, use: float) -> Cost:
    """The cost of a deployment whose replicas each decode at `speed` for a share `use` of the time."""
    items = _items(prices, deployment, use)
    per_hour = sum(items.values())
    each = per_hour / deployment.replicas
    machine = deployment.machine
    return Cost(
        items=items,
        per_hour=per_hour,
        per_month=per_hour * HOURS_PER_MONTH,
        per_1k_tokens=per_1k_tokens(each, speed.tokens_per_second, use),
        per_1k_tokens_batched=per_1k_tokens(each, speed.batched_tokens_per_second, use),
        price_date=str(machine.price_date or prices.price_date),
        region=prices.region,
        assumptions=_assumptions(cloud, prices, deployment, speed, use),
    )


def _items(prices: CloudMachines, deployment: Deployment, use: float) -> dict[str, float]:
    machine, replicas, services = deployment.machine, deployment.replicas, prices.services
    price = machine.spot if deployment.spot and machine.spot is not None else machine.price
    gigabytes = replicas * (deployment.claim + deployment.node_disk)
    items = {
        "machines": replicas * price,
        "burst": replicas * burst_surcharge(machine, use),
        "disks": gigabytes * services.disk_price / HOURS_PER_MONTH,
        "controlPlane": services.control_plane if deployment.control_plane else 0.0,
        "systemPool": deployment.system.price if deployment.system else 0.0,
        "loadBalancer": services.load_balancer if deployment.load_balancer else 0.0,
    }
    return {name: amount for name, amount in items.items() if amount}


def _assumptions(
    cloud: Cloud, prices: CloudMachines, deployment: Deployment, speed: Throughput, use: float
) -> tuple[str, ...]:
    machine = deployment.machine
    market = "on-demand"
    if deployment.spot:
        market = "spot" if machine.spot is not None else "on-demand (no spot price is known)"
    lines = [
        f"{market} list prices of {cloud} {prices.region}, {machine.price_date or prices.price_date}, "
        "without discounts and taxes",
        f"disk, control plane and load balancer prices of {prices.services.date}: {prices.services.source}",
        f"the speed is {speed.source}",
        f"the machine decodes {use:.0%} of the time",
    ]
    if machine.burst:
        lines.append(
            f"decoding above {machine.burst.baseline:.0%} of a vCPU costs {machine.burst.surplus} per vCPU-hour more"
        )
    return tuple(lines)
