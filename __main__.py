"""Paddock: settings -> plan -> server -> outputs."""

from pathlib import Path

import pulumi

from components import budget, local_preflight, manifest, outputs, plan, settings
from components.local_server import LocalServer, LocalServerArgs
from components.problems import stop

stack = pulumi.get_stack()
chosen, problems = settings.read()
planned, more = plan.make(chosen, Path(pulumi.get_root_directory()))
problems += more + budget.exceeded(chosen, planned) + local_preflight.check(chosen, stack, problems)
if problems or planned is None:
    stop(stack, problems)

server = LocalServer(
    "server",
    LocalServerArgs(
        stack=stack,
        manifest=manifest.build(planned, chosen.limits),
        port=chosen.port,
        admin_port=chosen.admin_port,
        cpu=plan.processors(chosen),
    ),
)

outputs.export(planned, server)
