"""What a header says of a model, for the architectures whose cache is not the plain one."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.gguf import GgufError
from registry.gguf_description import Description, KvGroup, describe
from tests import demo
from tests.unit.gguf_files import Entry, entry, file, read, tensor, text, u32, u64


def described(architecture: str, **fields: Entry) -> Description:
    """A model of 2 heads of width 8 with a cache of 1 head; `__` in a field's name stands for a dot."""
    plain: dict[str, Entry] = {
        "block_count": 4,
        "context_length": 512,
        "embedding_length": 16,
        "attention__head_count": 2,
        "attention__head_count_kv": 1,
    }
    named = {f"{architecture}.{key.replace('__', '.')}": value for key, value in (plain | fields).items()}
    return describe(read(file({"general.architecture": architecture} | named)))


def group(layers: int, window: int | None = None, *, heads: int = 1, key: int = 8, value: int = 8) -> KvGroup:
    return KvGroup(layers, heads, key, value, window)


def kv_bytes(description: Description) -> int:
    """Bytes of the cache for a token in f16."""
    return sum(2 * one.layers * one.heads * (one.key_width + one.value_width) for one in description.kv_groups)


def test_the_demo_is_described_as_the_registry_has_it() -> None:
    description = describe(read(demo.MODEL.read_bytes()))
    assert (description.architecture, description.name, description.license) == ("llama", "Paddock demo", "apache-2.0")
    assert (description.quantization, description.shards) == ("Q8_0", 1)
    assert (description.parameters, description.context, description.vocabulary) == (1_771_200, 2048, 1024)
    assert (description.embedding, description.feed_forward) == (192, 512)
    assert (description.layers, description.heads) == (4, 6)
    assert description.kv_groups == (KvGroup(4, 2, 32, 32, None),)
    assert (description.chat_template, description.tokenizer, description.pooling) == (True, "gpt2", None)
    assert (description.experts, description.experts_used, description.state_bytes) == (0, 0, 0)


def test_the_shares_of_the_types_are_of_all_tensors_bytes() -> None:
    metadata = {"general.architecture": "llama", "llama.block_count": 1, "llama.context_length": 8}
    metadata |= {"llama.embedding_length": 8, "llama.attention.head_count": 1, "general.file_type": 15}
    tensors = [tensor("a", [256], 12), tensor("b", [12], 0, 160)]
    description = describe(read(file(metadata, tensors, weights=256)))
    assert description.shares == {"Q4_K": 0.75, "F32": 0.25}
    assert (description.weights, description.parameters, description.quantization) == (192, 268, "Q4_K_M")


@pytest.mark.parametrize(("stated", "expected"), [(7, "Q8_0"), (1024 + 7, "Q8_0"), (38, "MXFP4_MOE"), (999, None)])
def test_the_file_type_is_named(stated: int, expected: str | None) -> None:
    metadata: Mapping[str, Entry] = {"general.architecture": "llama", "general.file_type": stated}
    fields = ("block_count", "context_length", "embedding_length", "attention.head_count")
    described = describe(read(file(metadata | {f"llama.{field}": 1 for field in fields})))
    assert described.quantization == expected


def test_a_width_that_is_not_stated_is_that_of_a_head() -> None:
    assert described("llama").kv_groups == (group(4),)


def test_without_heads_of_the_cache_there_are_as_many_as_heads() -> None:
    assert described("llama", attention__head_count_kv=2, attention__key_length=128).kv_groups == (
        group(4, heads=2, key=128),
    )


@pytest.mark.parametrize(
    ("architecture", "layers", "windowed"),
    [
        ("gemma2", 26, 13),
        ("gemma3", 18, 15),
        ("gemma3", 26, 22),
        ("gemma3", 34, 29),
        ("gpt-oss", 24, 12),
        ("cohere2", 32, 24),
        ("cohere2moe", 5, 3),
        ("olmo2", 32, 24),
        ("exaone4", 64, 48),
        ("exaone4", 30, 0),
        ("lfm2", 4, 4),
        ("gemma4", 4, 0),
        ("phi3", 32, 0),
        ("llama", 32, 0),
        ("qwen2", 28, 0),
    ],
)
def test_layers_with_a_window_are_those_of_llama_cpp(architecture: str, layers: int, windowed: int) -> None:
    description = described(architecture, block_count=layers, attention__sliding_window=128)
    counted = {one.window: one.layers for one in description.kv_groups}
    assert counted == {window: count for window, count in ((128, windowed), (None, layers - windowed)) if count}


@pytest.mark.parametrize(
    ("architecture", "stated", "expected"),
    [
        ("gemma3", 0, (group(4),)),
        ("gemma2", None, (group(2, 4096), group(2))),
        ("gemma3", None, (group(4),)),
        ("llama4", None, (group(3, 8192), group(1))),
        ("llama4", 100, (group(3, 8192), group(1))),
        ("llama4", 0, (group(4),)),
        ("smallthinker", 1, (group(1), group(3, 4096))),
    ],
)
def test_a_window_that_is_missing_or_fixed_is_that_of_llama_cpp(
    architecture: str, stated: int | None, expected: tuple[KvGroup, ...]
) -> None:
    stated_fields: dict[str, Entry] = {} if stated is None else {"attention__sliding_window": stated}
    assert described(architecture, **stated_fields).kv_groups == expected


def test_the_files_own_pattern_comes_first() -> None:
    pattern = [False, True, True, False]
    description = described("gemma3", attention__sliding_window=64, attention__sliding_window_pattern=pattern)
    assert description.kv_groups == (group(2), group(2, 64))


def test_the_files_own_period_comes_first() -> None:
    description = described("gemma3", attention__sliding_window=64, attention__sliding_window_pattern=2)
    assert description.kv_groups == (group(2, 64), group(2))


def test_a_pattern_does_not_shrink_an_architecture_that_llama_cpp_gives_no_window() -> None:
    pattern = [True] * 4
    description = described("llama", attention__sliding_window=1, attention__sliding_window_pattern=pattern)
    assert description.kv_groups == (group(4),)


def test_gemma_4_has_other_heads_and_widths_in_its_windows_and_shares_the_last_layers() -> None:
    description = described(
        "gemma4",
        block_count=6,
        attention__head_count_kv=[8, 8, 2, 8, 8, 2],
        attention__key_length=512,
        attention__value_length=512,
        attention__key_length_swa=256,
        attention__value_length_swa=256,
        attention__sliding_window=1024,
        attention__sliding_window_pattern=[True, True, False] * 2,
        attention__shared_kv_layers=2,
    )
    assert description.kv_groups == (
        group(3, 1024, heads=8, key=256, value=256),
        group(1, heads=2, key=512, value=512),
    )


def test_gemma_3n_has_a_cache_in_its_first_twenty_layers() -> None:
    description = described("gemma3n", block_count=35, attention__sliding_window=512)
    assert description.kv_groups == (group(16, 512), group(4))


def test_layers_without_heads_hold_no_cache() -> None:
    description = described("lfm2", attention__head_count_kv=[0, 0, 1, 0], shortconv__l_cache=3)
    assert description.kv_groups == (group(1),)
    assert description.state_bytes == 4 * 3 * 16 * 2


def test_qwen_3_5_has_attention_in_every_fourth_layer() -> None:
    description = described(
        "qwen35",
        block_count=32,
        attention__head_count=16,
        attention__head_count_kv=4,
        attention__key_length=256,
        attention__value_length=256,
        ssm__conv_kernel=4,
        ssm__inner_size=4096,
        ssm__state_size=128,
        ssm__group_count=16,
    )
    assert description.kv_groups == (KvGroup(8, 4, 256, 256, None),)
    assert kv_bytes(description) == 32768
    assert description.state_bytes == 24 * 4 * (3 * (4096 + 2 * 16 * 128) + 128 * 4096)


def test_an_interval_or_a_list_of_the_file_says_which_layers_are_recurrent() -> None:
    assert described("qwen3next", full_attention_interval=2).kv_groups == (group(2),)
    assert described("qwen35", attention__recurrent_layers=[True, True, True, True]).kv_groups == ()


def test_nemotron_h_has_layers_that_keep_nothing() -> None:
    description = described(
        "nemotron_h",
        attention__head_count_kv=[0, 0, 1, 0],
        feed_forward_length=[0, 64, 0, 0],
        ssm__conv_kernel=2,
        ssm__inner_size=10,
        ssm__state_size=3,
        ssm__group_count=1,
    )
    assert description.kv_groups == (group(1),)
    assert description.state_bytes == 2 * 4 * (10 + 2 * 3 + 30)


def test_falcon_h1_has_both_in_every_layer() -> None:
    description = described("falcon-h1", ssm__inner_size=10, ssm__state_size=3)
    assert description.kv_groups == (group(4),)
    assert description.state_bytes == 4 * 4 * 30


@pytest.mark.parametrize("architecture", ["mamba", "rwkv7", "bert", "nomic-bert", "gemma-embedding"])
def test_some_architectures_have_no_cache(architecture: str) -> None:
    assert described(architecture).kv_groups == ()


def test_latent_attention_keeps_no_values() -> None:
    description = described(
        "deepseek2",
        attention__key_length=576,
        attention__value_length=512,
        attention__key_length_mla=192,
        attention__value_length_mla=128,
    )
    assert description.kv_groups == (group(4, key=576, value=0),)


def test_layers_for_further_tokens_are_not_counted() -> None:
    description = described("glm4moe", block_count=5, nextn_predict_layers=1, attention__head_count_kv=[1, 1, 1, 1, 2])
    assert (description.layers, description.kv_groups) == (4, (group(4),))


def test_experts_and_widths_that_differ_by_layer_are_the_most() -> None:
    description = described("llama", expert_count=8, expert_used_count=2, feed_forward_length=[1, 9, 3, 4])
    assert (description.experts, description.experts_used, description.feed_forward) == (8, 2, 9)


@pytest.mark.parametrize(("stated", "expected"), [(0, "none"), (1, "mean"), (2, "cls"), (3, "last"), (4, "rank")])
def test_the_pooling_is_named(stated: int, expected: str) -> None:
    assert described("bert", pooling_type=stated).pooling == expected


WRONG: dict[str, dict[str, Entry]] = {
    "block_count": {"block_count": 0},
    "layers": {"block_count": 513},
    "whole number": {"embedding_length": "16"},
    "context_length": {"context_length": True},
    "value_length": {"attention__value_length": 1.5},
    "key_length": {"attention__key_length": [1]},
    "from 0": {"attention__head_count_kv": 2**32 - 1},
    "3 entries for 4 layers": {"attention__head_count_kv": [1, 1, 1]},
    "5000 entries": {"attention__head_count_kv": [1] * 5000},
    "4 entries": {"attention__head_count": ["a"] * 4},
    "further tokens": {"nextn_predict_layers": 9},
    "no attention heads": {"attention__head_count": 0},
    "how wide": {"attention__head_count": [0, 2, 2, 2]},
    "heads are": {"attention__value_length": 0},
}


@pytest.mark.parametrize("message", WRONG)
def test_a_field_that_is_wrong_is_named(message: str) -> None:
    with pytest.raises(GgufError, match=message if message != "block_count" else "states 0 layers"):
        described("llama", **WRONG[message])


def test_an_interval_of_nought_is_refused() -> None:
    with pytest.raises(GgufError, match="interval"):
        described("qwen35", full_attention_interval=0)


def test_a_negative_number_is_refused() -> None:
    content = entry("general.architecture", "llama") + text("llama.block_count") + u32(11) + u64(2**64 - 4)
    with pytest.raises(GgufError, match=r"llama\.block_count"):
        describe(read(file(content, entries=2)))


@pytest.mark.parametrize("missing", ["block_count", "context_length", "embedding_length"])
def test_what_sizing_needs_must_be_there(missing: str) -> None:
    fields = {"block_count", "context_length", "embedding_length", "attention.head_count"} - {missing}
    metadata: dict[str, Entry] = {"general.architecture": "llama", **{f"llama.{field}": 1 for field in fields}}
    with pytest.raises(GgufError, match=f"lacks 'llama.{missing}'"):
        describe(read(file(metadata)))


def test_a_file_without_an_architecture_or_with_a_projector_is_no_language_model() -> None:
    with pytest.raises(GgufError, match="architecture"):
        describe(read(file({})))
    with pytest.raises(GgufError, match="mmproj"):
        describe(read(file({"general.architecture": "clip"})))


ENTRIES = st.one_of(
    st.integers(0, 2**32 - 1),
    st.integers(0, 70),
    st.booleans(),
    st.floats(width=32),
    st.sampled_from(["", "x"]),
    st.lists(st.integers(0, 9), min_size=3, max_size=5),
    st.lists(st.booleans(), min_size=3, max_size=5),
)
FIELDS = [
    "block_count", "nextn_predict_layers", "full_attention_interval", "feed_forward_length", "pooling_type",
    "expert_used_count", "shortconv__l_cache", "wkv__head_size", "kda__head_dim", "ssm__conv_kernel",
    "attention__head_count", "attention__head_count_kv", "attention__key_length", "attention__sliding_window",
    "attention__sliding_window_pattern", "attention__recurrent_layers", "attention__shared_kv_layers",
]  # fmt: skip
ARCHITECTURES = ["llama", "gemma3", "gemma4", "gemma3n", "qwen35", "nemotron_h", "lfm2", "mamba", "llama4", "falcon-h1"]


@given(st.sampled_from(ARCHITECTURES), st.dictionaries(st.sampled_from(FIELDS), ENTRIES, max_size=5))
def test_fields_of_any_kind_do_no_harm(architecture: str, fields: dict[str, Entry]) -> None:
    try:
        description = described(architecture, **fields)
    except GgufError:
        return
    assert sum(one.layers for one in description.kv_groups) <= description.layers
    assert all(one.heads > 0 and one.window != 0 for one in description.kv_groups)
    assert description.state_bytes >= 0
