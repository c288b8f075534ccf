"""The stack's outputs: what a user needs to know of it. All are known at preview."""

from typing import Any

import pulumi

from components.local_server import LocalServer
from components.plan import Plan
from registry.cost import Cost
from registry.sizing import Fit
from registry.speed import Throughput


def export(plan: Plan, server: LocalServer) -> None:
    """Exports the outputs of a stack and shows its warnings."""
    for warning in plan.warnings:
        pulumi.warn(warning)
    pulumi.export("endpoint", server.endpoint)
    pulumi.export("console", server.console)
    pulumi.export("model", plan.name)
    pulumi.export("machine", plan.machine)
    pulumi.export("fit", fit(plan.fit))
    pulumi.export("cost", cost(plan.cost))
    pulumi.export("throughput", throughput(plan.throughput))
    pulumi.export("log", server.log)


def fit(of: Fit) -> dict[str, int]:
    """Memory in MiB, and the requests and tokens that it is for."""
    return {
        "weights": of.weights,
        "kvCache": of.kv_cache,
        "compute": of.compute,
        "runtime": of.runtime,
        "total": of.total,
        "available": of.available,
        "parallel": of.parallel,
        "context": of.context,
    }


def cost(of: Cost) -> dict[str, Any]:
    """USD, rounded to what a reader needs."""
    return {
        "perHour": round(of.per_hour, 4),
        "perMonth": round(of.per_month, 2),
        "per1kTokens": round(of.per_1k_tokens, 6),
        "per1kTokensBatched": round(of.per_1k_tokens_batched, 6),
        "items": {name: round(amount, 4) for name, amount in of.items.items()},
        "priceDate": of.price_date,
        "region": of.region,
        "assumptions": list(of.assumptions),
    }


def throughput(of: Throughput) -> dict[str, Any]:
    """Tokens per second, estimated unless the source says measured."""
    return {
        "tokensPerSecond": round(of.tokens_per_second, 1),
        "batchedTokensPerSecond": round(of.batched_tokens_per_second, 1),
        "source": of.source,
    }
