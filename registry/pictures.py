"""The page's pictures as SVG: the same bytes for the same data, readable on light and dark pages."""

import io
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from registry import recommend, verdict
from registry.catalog import Catalog
from registry.records import CLOUDS
from registry.verdict import Wish

COLORS = {"aws": "#d97706", "gcp": "#2563eb", "azure": "#059669"}
TERMS = ("weights", "kv_cache", "compute", "runtime")
TERM_COLORS = ("#2563eb", "#d97706", "#a3a3a3", "#525252")
STYLE: Any = {"svg.hashsalt": "paddock", "svg.fonttype": "none", "font.family": "sans-serif", "font.size": 10}


def cost_against_speed(known: Catalog, names: Sequence[str]) -> str:
    """One panel for each model: what a thousand tokens cost against one stream's speed, for every machine that fits."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 3.8), layout="constrained")
        for axes, name in zip(figure.subplots(1, len(names)), names, strict=True):
            wish = Wish(name=name, quantization=known.model(name).default)
            for cloud in CLOUDS:
                found = [one for one in recommend.choices(known, wish, cloud) if one.machine.vcpu <= 8]
                x = [one.speed.tokens_per_second for one in found]
                axes.scatter(x, [one.per_1k_tokens for one in found], s=14, color=COLORS[cloud], label=cloud, alpha=0.8)
            axes.set_title(name)
            axes.set_xlabel("tokens per second, one stream")
            axes.set_ylim(bottom=0)
        figure.axes[0].set_ylabel("USD per 1K tokens, one stream")
        figure.axes[-1].legend(frameon=False)
        figure.suptitle("Machines of up to 8 vCPU that fit, at list prices (estimates)")
        return _svg(figure)


def memory_by_term(known: Catalog, names: Sequence[str]) -> str:
    """A bar for each model at its default context with one slot and with the most of 4 that make sense."""
    with mpl.rc_context(STYLE):
        figure = Figure(figsize=(11, 3.4), layout="constrained")
        axes = figure.subplots()
        bars = [(name, slots) for name in names for slots in (1, 4)]
        left = [0.0] * len(bars)
        fits = [_fit(known, name, slots) for name, slots in bars]
        for term, color in zip(TERMS, TERM_COLORS, strict=True):
            widths = [getattr(fit, term) / 1024 for fit in fits]
            axes.barh(range(len(bars)), widths, left=left, color=color, label=term.replace("_", " "))
            left = [start + width for start, width in zip(left, widths, strict=True)]
        axes.set_yticks(range(len(bars)), [f"{name}, {slots} slot{'s' if slots > 1 else ''}" for name, slots in bars])
        axes.invert_yaxis()
        axes.set_xlabel("GiB")
        axes.set_title("Memory of a server at the default context, by term")
        figure.legend(frameon=False, ncols=len(TERMS), loc="outside lower center")
        return _svg(figure)


def _fit(known: Catalog, name: str, slots: int) -> Any:
    wish = Wish(name=name, quantization=known.model(name).default, parallel=slots)
    return verdict.in_memory(known, wish, 0)


def _svg(figure: Figure) -> str:
    buffer = io.StringIO()
    # No date: the same data gives the same file. A white ground: code hosts show pictures on dark pages too.
    figure.savefig(buffer, format="svg", metadata={"Date": None}, facecolor="white")
    return "\n".join(line.rstrip() for line in buffer.getvalue().splitlines()) + "\n"
