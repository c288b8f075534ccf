"""The memory of a server, against figures worked by hand."""

import pytest

from registry import catalog, sizing
from registry.catalog import Shape
from tests import demo

DEMO = catalog.model("paddock-demo")
LLAMA_3_1_8B = DEMO.model_copy(
    update={"shape": Shape(layers=32, kv_heads=8, key_width=128, value_width=128, embedding=4096, vocabulary=128256)}
)


def test_a_token_of_llama_3_1_8b_takes_128_kib_in_f16() -> None:
    assert sizing.kv_cache_bytes(LLAMA_3_1_8B, 1, "f16") == 128 * 1024


def test_q8_0_takes_34_bytes_for_32_elements() -> None:
    assert sizing.kv_cache_bytes(LLAMA_3_1_8B, 1, "q8_0") == pytest.approx(128 * 1024 / 2 * 34 / 32)


def test_the_cache_of_the_demo_is_one_kib_per_token() -> None:
    fit = sizing.fit(DEMO, DEMO.variants["Q8_0"], context=2048, parallel=16, kv_cache="f16", available=10_000)
    assert fit.kv_cache == 32
    assert fit.weights == 2
    assert fit.total == fit.weights + fit.kv_cache + fit.compute + fit.runtime


def test_the_most_slots_that_fit_are_chosen() -> None:
    def slots(available: float) -> int:
        return sizing.fit(
            DEMO, DEMO.variants["Q8_0"], context=2048, parallel=None, kv_cache="f16", available=available
        ).parallel

    one = sizing.fit(DEMO, DEMO.variants["Q8_0"], context=2048, parallel=1, kv_cache="f16", available=10_000).total
    assert [slots(one - 2 + 2 * count) for count in (16, 15, 8, 7, 4, 2, 1)] == [16, 8, 8, 4, 4, 2, 1]


def test_what_can_not_fit_says_so_with_one_slot() -> None:
    fit = sizing.fit(DEMO, DEMO.variants["Q8_0"], context=2048, parallel=None, kv_cache="f16", available=10)
    assert (fit.fits, fit.parallel) == (False, 1)


def test_a_stated_number_of_slots_is_kept_even_if_it_does_not_fit() -> None:
    fit = sizing.fit(DEMO, DEMO.variants["Q8_0"], context=2048, parallel=3, kv_cache="f16", available=10)
    assert (fit.fits, fit.parallel) == (False, 3)


def test_the_demo_in_the_registry_is_the_file_in_the_repository() -> None:
    [file] = DEMO.variants["Q8_0"].files
    assert (file.size, file.sha256, file.location) == (demo.MODEL.stat().st_size, demo.SHA256, demo.MODEL.as_uri())
    assert demo.MODEL.stat().st_size == demo.SIZE
