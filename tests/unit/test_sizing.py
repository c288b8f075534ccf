"""The memory of a server, against figures worked by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import catalog, sizing
from registry.records import Context, File, KvGroup, Model, Shape, Variant
from server import engine_command
from tests import demo

DEMO = catalog.ours().model("paddock-demo")
LLAMA_3_1_8B = catalog.ours().model("llama-3.1-8b-instruct")


def fit(model: Model = DEMO, **changes: object) -> sizing.Fit:
    values = {"context": 2048, "parallel": 16, "kv_type": "f16", "available": 10_000} | changes
    return sizing.fit(model, model.default, **values)  # pyright: ignore[reportArgumentType]


def test_a_token_of_llama_3_1_8b_takes_128_kib_in_f16() -> None:
    assert LLAMA_3_1_8B.shape
    assert sizing.kv_cache_bytes(LLAMA_3_1_8B.shape, 8192, 1, "f16") == 2**30


def test_q8_0_takes_34_bytes_for_32_elements() -> None:
    assert LLAMA_3_1_8B.shape
    assert sizing.kv_cache_bytes(LLAMA_3_1_8B.shape, 8192, 1, "q8_0") == pytest.approx(2**30 / 2 * 34 / 32)


@pytest.mark.parametrize(
    ("name", "mebibytes"), [("tinyllama-1.1b-chat", 44), ("phi-3-mini", 1536), ("llama2-7b-chat", 2048)]
)
def test_the_caches_of_the_first_models_are_those_of_the_facts(name: str, mebibytes: int) -> None:
    model = catalog.ours().model(name)
    assert fit(model, context=model.context.trained, parallel=1).kv_cache == mebibytes


def test_every_term_of_llama_2_at_4096_is_the_hand_s() -> None:
    """Weights 4081004224 B, held once. Compute: 512 x (4 x (4 x 4096 + 3.3 x 11008) + 2 x 4096) B = 106.95 MiB.

    Runtime: 60 for the gateway, 12.5 for the engine and its slot, (320 + 16) x 32000 B = 10.25 MiB for the vocabulary.
    """
    one = fit(catalog.ours().model("llama2-7b-chat"), context=4096, parallel=1)
    assert (one.weights, one.kv_cache, one.compute, one.runtime, one.total) == (3892, 2048, 107, 83, 6130)


def test_llama_2_at_4096_fits_a_machine_of_eight_gib_with_one_slot_and_not_with_two() -> None:
    """6584 MiB are what pods can have of 8 GiB."""
    model = catalog.ours().model("llama2-7b-chat")
    assert fit(model, context=4096, parallel=1, available=6584).fits
    assert not fit(model, context=4096, parallel=2, available=6584).fits
    assert fit(model, context=4096, parallel=None, available=6584).parallel == 1
    assert fit(model, context=2048, parallel=1).kv_cache == 1024
    assert fit(model, context=4096, parallel=1, kv_type="q8_0").kv_cache == 1088


def test_every_term_of_gemma_3_with_its_windows_is_the_hand_s() -> None:
    """A token takes 4096 B in 4 layers that see everything and 22528 B in 22 with a window of 512.

    Each of 2 slots keeps 4096 x 4096 B = 16 MiB, 1024 x 22528 B = 22 MiB, and 3 x 512 x 22528 B = 33 in checkpoints.
    Compute: 512 x (4 x (4 x 1152 + 3.3 x 6912) + 2 x (4096 + 1024)) B = 58.55 MiB: both masks.
    Runtime: 60, 12 + 2 x 0.5 for the engine, (320 + 2 x 16) x 262144 B = 88 MiB for the vocabulary.
    """
    one = fit(catalog.ours().model("gemma-3-1b-it"), context=4096, parallel=2)
    assert (one.weights, one.kv_cache, one.compute, one.runtime) == (769, 142, 59, 161)


def test_the_state_of_recurrent_layers_is_kept_once_and_in_every_checkpoint() -> None:
    """19 MiB of state, four times, beside 4096 x 12288 B = 48 MiB of cache."""
    assert fit(catalog.ours().model("qwen3.5-0.8b"), context=4096, parallel=1).kv_cache == 4 * 19 + 48


def test_a_window_that_is_not_full_makes_smaller_checkpoints() -> None:
    shape = catalog.ours().model("gemma-3-1b-it").shape
    assert shape
    assert sizing.checkpoint_bytes(shape, 256, 1, "f16") == 3 * 256 * 22528
    assert sizing.checkpoint_bytes(shape, 4096, 1, "f16") == 3 * 512 * 22528
    assert sizing.checkpoint_bytes(shape, 4096, 5, "q8_0") == 5 * 3 * 512 * 22528 / 2 * 34 / 32


def test_the_checkpoints_are_as_many_as_the_engine_is_told() -> None:
    assert sizing.CHECKPOINTS == engine_command.CHECKPOINTS


def test_a_sliding_window_keeps_its_window_and_a_step_of_the_prompt() -> None:
    group = {"layers": 1, "heads": 1, "key_width": 128, "value_width": 128}
    whole = Shape(embedding=1, vocabulary=1, kv=(KvGroup(**group),))
    slid = Shape(embedding=1, vocabulary=1, kv=(KvGroup(**group, window=512),))
    assert sizing.kv_cache_bytes(whole, 8192, 2, "f16") == 2 * 8192 * 512
    assert sizing.kv_cache_bytes(slid, 8192, 2, "f16") == 2 * 1024 * 512
    assert sizing.kv_cache_bytes(slid, 512, 2, "f16") == sizing.kv_cache_bytes(whole, 512, 2, "f16")


def test_the_most_slots_that_fit_are_chosen() -> None:
    def slots(available: float) -> int:
        return fit(parallel=None, available=available).parallel

    totals = {count: fit(parallel=count).total for count in (16, 8, 4, 2, 1)}
    assert [slots(totals[count]) for count in (16, 8, 4, 2, 1)] == [16, 8, 4, 2, 1]
    assert [slots(totals[count] - 1) for count in (16, 8, 4, 2)] == [8, 4, 2, 1]


def test_what_can_not_fit_says_so_with_one_slot_and_by_how_much() -> None:
    one = fit(parallel=None, available=10)
    assert (one.fits, one.parallel, one.headroom) == (False, 1, 10 - one.total)


def test_a_model_without_a_header_is_assumed_to_need_more_than_any_like_it() -> None:
    size = catalog.ours().model("llama-3.1-8b-instruct").variants["Q4_K_M"].size
    unread = Model(
        context=Context(default=4096, trained=4096),
        default="Q4_K_M",
        variants={
            "Q4_K_M": Variant(files=(File(name="m.gguf", url="https://h.example/m.gguf"),), approximate_size=size)
        },
    )
    assert fit(unread, context=4096, parallel=1).total > fit(LLAMA_3_1_8B, context=4096, parallel=1).total


@pytest.mark.parametrize(("size", "gib"), [(1, 2), (668_788_096, 2), (4_081_004_224, 10), (22_016_023_168, 50)])
def test_a_claim_holds_the_files_twice(size: int, gib: int) -> None:
    variant = Variant(files=(File(name="m.gguf", url="https://h.example/m.gguf", size=size),))
    assert sizing.claim_gib(variant) == gib
    assert gib * 2**30 >= 2 * size


@given(
    name=st.sampled_from(sorted(catalog.ours().models)),
    context=st.integers(1, 131072),
    parallel=st.integers(1, 256),
    kv_type=st.sampled_from(["f16", "q8_0"]),
)
def test_more_context_or_slots_never_need_less(name: str, context: int, parallel: int, kv_type: str) -> None:
    model = catalog.ours().model(name)
    one = fit(model, context=context, parallel=parallel, kv_type=kv_type)
    more_tokens = fit(model, context=context + 256, parallel=parallel, kv_type=kv_type)
    more_slots = fit(model, context=context, parallel=parallel + 1, kv_type=kv_type)
    assert one.total <= more_tokens.total
    assert one.total <= more_slots.total
    assert one.total == one.weights + one.kv_cache + one.compute + one.runtime
    assert fit(model, context=context, parallel=parallel, kv_type="q8_0").total <= one.total


def test_the_demo_in_the_registry_is_the_file_in_the_repository() -> None:
    [file] = DEMO.variants["Q8_0"].files
    assert (file.size, file.sha256, file.location) == (demo.MODEL.stat().st_size, demo.SHA256, demo.MODEL.as_uri())
    assert demo.MODEL.stat().st_size == demo.SIZE
