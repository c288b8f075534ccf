"""What `python -m registry` answers: each function returns a document, and the words for a terminal."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from registry import recommend, sizing, verdict
from registry.catalog import Catalog
from registry.recommend import Choice
from registry.records import Cloud, Model
from registry.text import billions, gigabytes, rate, table, usd
from registry.verdict import Wish

Answer = tuple[Any, str]


def models(catalog: Catalog, task: str | None) -> Answer:
    """Every model, or those of one task."""
    chosen = {name: model for name, model in catalog.models.items() if task in (None, model.task)}
    document = [{"name": name, **model.model_dump(by_alias=True, mode="json")} for name, model in chosen.items()]
    rows = [
        (
            name,
            model.task,
            billions(model.parameters),
            gigabytes(_default(model).size),
            ", ".join(model.variants),
            model.license,
        )
        for name, model in chosen.items()
    ]
    return document, table(["model", "task", "weights", "file", "quantizations", "licence"], rows)


def model(catalog: Catalog, name: str) -> Answer:
    """One model with everything that the registry knows of it."""
    found = catalog.model(name)
    lines = [
        f"{name}: {found.use}",
        f"task {found.task}, licence {found.license}, {billions(found.parameters)} weights"
        + (f", {billions(found.active_parameters)} of them active" if found.active_parameters else ""),
        f"context {found.context.default} unless said otherwise, {found.context.trained} at most",
        "",
        table(
            ["quantization", "size", "pinned", "file"],
            [
                (
                    quantization + (" (default)" if quantization == found.default else ""),
                    gigabytes(variant.size),
                    "yes" if variant.is_pinned else "no",
                    file.url,
                )
                for quantization, variant in found.variants.items()
                for file in variant.files
            ],
        ),
    ]
    if found.unverified:
        lines += ["", "Not verified: " + "; ".join(found.unverified)]
    return {"name": name, **found.model_dump(by_alias=True, mode="json")}, "\n".join(lines)


def fit(
    catalog: Catalog, wish: Wish, cloud: Cloud | None, machine: str | None, memory: float | None
) -> tuple[Any, str, bool]:
    """Whether a wish fits a machine, or that many MiB; every term, and what would help."""
    place: tuple[Cloud, str] | None = None
    if cloud and machine:
        result = verdict.on_machine(catalog, wish, cloud, machine)
        place = (cloud, machine)
        where = f"a node of {machine} ({cloud})"
    else:
        result = verdict.in_memory(catalog, wish, memory or 0)
        where = f"{memory:.0f} MiB"
    changes = verdict.changes(catalog, wish, result, place)
    document = asdict(result) | {
        "total": result.total,
        "headroom": result.headroom,
        "fits": result.fits,
        "claimGib": sizing.claim_gib(catalog.model(wish.name).variants[wish.quantization]),
        "changes": [asdict(change) for change in changes],
    }
    terms = [("weights", result.weights), ("KV cache", result.kv_cache)]
    terms += [("compute", result.compute), ("runtime", result.runtime), ("total", result.total)]
    terms += [("offered", result.available), ("headroom", result.headroom)]
    verb = "fits" if result.fits else "does not fit"
    cache = f"{result.parallel} x {result.context} tokens, {result.kv_type}"
    head = f"{wish.name} ({wish.quantization}) {verb} {where}, with {cache}."
    text = "\n".join([head, "", table(["", "MiB"], terms)])
    if changes:
        text += "\n\nIt would fit with:\n" + "\n".join(
            f"  {change.words} ({_extra(change.extra_per_hour)})" for change in changes
        )
    return document, text, result.fits


def recommendation(catalog: Catalog, wish: Wish, cloud: Cloud, tokens_per_second: float, count: int) -> Answer:
    """The machine to take, and the next best."""
    chosen = recommend.recommended(catalog, wish, cloud, tokens_per_second=tokens_per_second)
    others = recommend.choices(catalog, wish, cloud, tokens_per_second=tokens_per_second)
    rows = ([chosen] if chosen else []) + [one for one in others if not chosen or one.name != chosen.name]
    rows = rows[:count]
    if not chosen:
        wished = f" at {tokens_per_second:g} tokens per second" if tokens_per_second else ""
        return [], f"No machine of {cloud} fits {wish.name}{wished}. Try a smaller context, quantization or speed."
    return [_choice(one) for one in rows], "\n".join([f"Recommended: {chosen.name}", "", choices_table(rows)])


def choices_table(rows: Sequence[Choice], style: str = "simple") -> str:
    """Machines beside each other."""
    headers = ["machine", "vCPU", "GiB", "arch", "$/h", "tok/s", "slots", "tok/s, all slots", "$/1K", "$/1K, all slots"]
    return table(
        headers,
        [
            (
                one.name,
                one.machine.vcpu,
                f"{one.machine.memory:g}",
                one.machine.arch,
                f"{one.per_hour:.4f}",
                rate(one.speed.tokens_per_second),
                one.fit.parallel,
                rate(one.speed.batched_tokens_per_second),
                usd(one.per_1k_tokens),
                usd(one.per_1k_tokens_batched),
            )
            for one in rows
        ],
        style,
    )


def _choice(one: Choice) -> dict[str, Any]:
    return {
        "cloud": one.cloud,
        "machine": one.name,
        "perHour": one.per_hour,
        "per1kTokens": one.per_1k_tokens,
        "per1kTokensBatched": one.per_1k_tokens_batched,
        "tokensPerSecond": one.speed.tokens_per_second,
        "batchedTokensPerSecond": one.speed.batched_tokens_per_second,
        "source": one.speed.source,
        "parallel": one.fit.parallel,
        "total": one.fit.total,
        "available": one.fit.available,
    }


def _default(found: Model) -> Any:
    return found.variants[found.default]


def _extra(amount: float) -> str:
    return "at no cost" if amount == 0 else f"{'+' if amount > 0 else '-'}{usd(abs(amount))} per hour"
