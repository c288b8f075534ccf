"""Figures and tables in words, the same in a terminal and on a page."""

from collections.abc import Sequence
from typing import Any

from tabulate import tabulate

GB = 1e9


def table(headers: Sequence[str], rows: Sequence[Sequence[Any]], style: str = "simple") -> str:
    """A table for a terminal, or with style "github" for a page. Cells are shown as they are."""
    return tabulate(
        [[str(cell) for cell in row] for row in rows], headers=headers, tablefmt=style, disable_numparse=True
    )


def usd(amount: float) -> str:
    """An amount in USD: four digits after the point below a dollar, else two."""
    return f"${amount:.4f}" if amount < 1 else f"${amount:,.2f}"


def gigabytes(size: float) -> str:
    return f"{size / GB:.2f} GB"


def billions(count: float | None) -> str:
    """A number of weights."""
    if count is None:
        return "unknown"
    return f"{count / 1e9:.1f} B" if count >= 1e9 else f"{count / 1e6:.0f} M"


def rate(tokens_per_second: float) -> str:
    return f"{tokens_per_second:.0f}" if tokens_per_second >= 20 else f"{tokens_per_second:.1f}"
