"""What a stack may cost, against what it would."""

from components.plan import Plan
from components.problems import Problem
from components.settings import Settings


def exceeded(settings: Settings, plan: Plan | None) -> list[Problem]:
    """One problem for each part of the budget that the plan exceeds."""
    if not settings.budget or not plan:
        return []
    limits = {
        "perMonth": (settings.budget.per_month, plan.cost.per_month),
        "perHour": (settings.budget.per_hour, plan.cost.per_hour),
        "per1kTokens": (settings.budget.per1k_tokens, plan.cost.per_1k_tokens),
    }
    return [
        Problem(
            f"paddock:budget.{name}",
            f"the stack would cost {amount:.4g} USD, and {limit:.4g} is the most that it may.",
            "Choose a cheaper machine or model, or raise it: "
            f"pulumi config set --path paddock:budget.{name} {amount:.4g}",
        )
        for name, (limit, amount) in limits.items()
        if limit is not None and amount > limit
    ]
