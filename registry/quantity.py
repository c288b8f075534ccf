"""Amounts of memory and disk, as Kubernetes writes them: 512Mi, 8Gi, 1.5Gi, 2G."""

import re
from typing import Annotated

from pydantic import AfterValidator

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_PATTERN = re.compile(r"([0-9]+(?:\.[0-9]+)?)(k|M|G|T|Ki|Mi|Gi|Ti)?")


def mebibytes(quantity: str) -> float:
    """The amount in MiB. Raises ValueError for what Kubernetes would not take as bytes."""
    match = _PATTERN.fullmatch(quantity)
    if not match or float(match[1]) <= 0:
        raise ValueError(f"is not an amount such as 512Mi or 8Gi: {quantity!r}")
    return float(match[1]) * _UNITS[match[2] or ""] / 2**20


def _checked(quantity: str) -> str:
    mebibytes(quantity)
    return quantity


Quantity = Annotated[str, AfterValidator(_checked)]
