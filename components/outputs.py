"""The stack's outputs."""

import pulumi

from components import local_machine
from components.local_server import LocalServer
from components.plan import Plan


def export(plan: Plan, server: LocalServer) -> None:
    """Exports what a user needs to know of a stack; everything is known at preview."""
    fit = plan.fit
    pulumi.export("endpoint", server.endpoint)
    pulumi.export("console", server.console)
    pulumi.export("model", plan.name)
    pulumi.export("machine", local_machine.name())
    pulumi.export(
        "fit",
        {
            "weights": fit.weights,
            "kvCache": fit.kv_cache,
            "compute": fit.compute,
            "runtime": fit.runtime,
            "total": fit.total,
            "available": fit.available,
            "parallel": fit.parallel,
            "context": fit.context,
        },
    )
    pulumi.export("log", server.log)
