"""Amounts as Kubernetes writes them."""

import pytest

from registry.quantity import mebibytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1Mi", 1), ("1.5Gi", 1536), ("2Ti", 2 * 2**20), ("1048576", 1), ("1000M", 1e9 / 2**20), ("64Ki", 1 / 16)],
)
def test_amounts_are_mebibytes(text: str, expected: float) -> None:
    assert mebibytes(text) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "8GB", "-1Gi", "0", "0Gi", "8 Gi", "Gi", "1e3", "8gi", "8Gi\n", "٣Gi"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an amount"):
        mebibytes(text)
