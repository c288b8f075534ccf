"""The model manifest: the one document that tells a server what to run. Its schema is server/manifest.schema.json."""

from typing import Any

from components.plan import Plan
from components.settings_sections import Limits

SCHEMA = 1


def build(plan: Plan, limits: Limits) -> dict[str, Any]:
    """The manifest of a plan, as a JSON document."""
    return {
        "schema": SCHEMA,
        "model": plan.name,
        "task": plan.model.task,
        "files": [
            {"name": file.name, "url": file.location, "size": file.size, "sha256": file.sha256, "role": file.role}
            for file in plan.variant.files
        ],
        "context": plan.fit.context,
        "parallel": plan.fit.parallel,
        "kvCache": plan.fit.kv_type,
        "chatTemplate": plan.model.chat_template,
        "limits": _given(
            {"queue": limits.queue, "maxTokens": limits.max_tokens, "requestSeconds": limits.request_seconds}
        ),
        "drainSeconds": limits.drain_seconds,
    }


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
