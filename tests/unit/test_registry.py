"""The registry's data, a team's file over it, and what follows: cost, speed, recommendation."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry import catalog, cost, overlay, platforms, recommend, speed, verdict
from registry.documents import RegistryError
from registry.given import bytes_in_words
from registry.records import CLOUDS
from registry.verdict import Wish

OURS = catalog.ours()
SEEDS = ("tinyllama-1.1b-chat", "phi-3-mini", "llama2-7b-chat")
BLOCK = """
  name: my-model
  uri: https://models.example.com/My Model.gguf
  size: 1.1GB
  quantization: Q4_K_M
  context_size: 2048
  estimated_tps: 15
""".replace("My Model", "my-model")


ROW = "{model: phi-3-mini, quantization: Q4_K_M, machine: m7g.xlarge, tokensPerSecond: 99, date: 2026-11-01}"


def team(tmp_path: Path, text: str) -> catalog.Catalog:
    (tmp_path / "team.yaml").write_text(text)
    return overlay.with_team(tmp_path / "team.yaml")


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(RegistryError) as caught:
        team(tmp_path, text)
    return caught.value.problems


def test_there_are_the_first_models_and_at_least_25_more_of_every_task() -> None:
    assert len(OURS.models) >= 28
    assert set(SEEDS) <= OURS.models.keys()
    assert {model.task for model in OURS.models.values()} == {"chat", "embedding", "rerank"}
    assert any("code" in model.use for model in OURS.models.values())
    assert any(model.active_parameters for model in OURS.models.values())


@pytest.mark.parametrize("name", sorted(OURS.models))
def test_every_file_is_pinned_and_its_address_names_what_it_holds(name: str) -> None:
    model = OURS.models[name]
    for variant in model.variants.values():
        assert variant.is_pinned
        for file in variant.files:
            if "://" in file.url:
                assert file.url == f"https://huggingface.co/{variant.repository}/resolve/{variant.revision}/{file.name}"


def test_the_corrected_files_of_the_first_models_are_those_of_the_facts() -> None:
    hashes = {name: OURS.models[name].variants["Q4_K_M"].files[0].sha256 for name in SEEDS}
    assert hashes == {
        "tinyllama-1.1b-chat": "9fecc3b3cd76bba89d504f29b616eedf7da85b96540e490ca5824d3f7d2776a0",
        "phi-3-mini": "8a83c7fb9049a9b2e92266fa7ad04933bb53aa1e85136b7b30f1b8000ff2edef",
        "llama2-7b-chat": "08a5566d61d7cb6b420c3e4387a39e0078e1f2fe5f055f3a03887385304d4bfa",
    }
    assert OURS.models["llama2-7b-chat"].chat_template == "llama2"


def test_a_given_block_is_taken_as_it_stands_with_a_warning_that_says_how_to_pin(tmp_path: Path) -> None:
    known = team(tmp_path, f"model:{BLOCK}")
    model = known.model("my-model")
    variant = model.variants["Q4_K_M"]
    assert (model.context.default, variant.size, variant.files[0].size, variant.files[0].sha256) == (
        2048,
        11 * 10**8,
        None,
        None,
    )
    [warning] = known.warnings
    assert "my-model (Q4_K_M) is not pinned" in warning and "python -m registry add" in warning


@pytest.mark.parametrize(
    ("uri", "name"),
    [
        ("TheBloke/TinyLlama-1.1B-Chat-v1.0-GGUF/resolve/main/tinyllama-1.1b-chat-v1.0.q4_k_m.gguf", SEEDS[0]),
        ("TheBloke/Llama-2-7B-Chat-GGUF/resolve/main/llama-2-7b-chat.q4_k_m.gguf", SEEDS[2]),
    ],
)
def test_a_dead_address_leads_to_the_corrected_file_with_a_warning(tmp_path: Path, uri: str, name: str) -> None:
    text = BLOCK.replace("https://models.example.com/my-model.gguf", f"https://huggingface.co/{uri}")
    block = text.strip("\n").replace("  name", "- name", 1)
    known = team(tmp_path, f"models:\n{block}\n")
    assert known.model("my-model").variants == OURS.models[name].variants
    assert any("is dead" in warning for warning in known.warnings)


@pytest.mark.parametrize(
    ("words", "count"), [("1.1GB", 1_100_000_000), ("700 MiB", 734_003_200), ("~2G", 2 * 10**9), (5, 5)]
)
def test_a_size_in_words_is_bytes(words: str | int, count: int) -> None:
    assert bytes_in_words(words) == count


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [", "is not YAML"),
        ("- 1", "must be an object"),
        ("modells: {}", "modells: is not a field"),
        (f"model:{BLOCK}  colour: red\n", "model.colour: is not a field"),
        (f"model:{BLOCK}".replace("1.1GB", "big"), "is not a size"),
        (f"model:{BLOCK}".replace("2048", "-1"), "model.context_size"),
        (f"model:{BLOCK}".replace("https", "ftp"), "model.uri"),
        ("models:\n  a: {context: {default: 1, trained: 1}, default: Q4_K_M, variants: {}}", "models.a.variants"),
        ("models:\n  a: {license: mit}", "models.a.variants: is missing"),
        ("models:\n  a: 1\n  a: 2", "'a' is there already"),
        ("models:\n  a: 5", "models.a: must be an object"),
        ("machines: {ibm: {x: {}}}", "machines.ibm: is not a cloud"),
        ("machines: {aws: {t3.large: {price: 1}}}", "has a price without priceDate"),
        ("machines: {aws: {new.large: {vcpu: 2}}}", "machines.aws.new.large.memory: is missing"),
        ("machines: {aws: {t3.large: {vcpu: -2}}}", "machines.aws.t3.large.vcpu"),
        ("measured: {a: 1}", "measured: must be a list"),
        ("measured: [{model: a}]", "measured.0.machine: is missing"),
        ("models: 5", "models: must be names"),
        ("machines: 5", "machines: must be clouds"),
        ("machines: {aws: [t3.large]}", "machines.aws: must be machine types"),
        ("machines: {gcp: {t3.large: {memory: 8}}}", "is a machine of aws, not of gcp"),
        ("machines: {aws: {t3.large: {spot: 0.02}}}", "has a price without priceDate"),
        ("machines: {aws: {t3.large: {price: .inf, priceDate: 2026-11-01}}}", "machines.aws.t3.large.price"),
        ("machines: {aws: {t3.large: {price: 1, priceDate: 2026-13-45}}}", "can't be read"),
        (f"measured: [{ROW.replace('phi-3-mini', 'phi-9')}]", "'phi-9' is not a model"),
        (f"measured: [{ROW.replace('Q4_K_M', 'Q9')}]", "phi-3-mini has no Q9"),
        (f"measured: [{ROW.replace('m7g.xlarge', 'm99')}]", "'m99' is not a machine"),
        (f"model:{BLOCK}".replace("my-model\n", "../../x\n"), "model.name"),
        (f"model:{BLOCK}".replace("1.1GB", "9" * 400 + "GB"), "is no size"),
        (f"model:{BLOCK}".replace("2048", "9" * 400), "model"),
        (f"model:{BLOCK}".replace("https://models.example.com/", ""), "model.uri"),
        (f"model:{BLOCK}".replace("https://", "https://user:secret@"), "model.uri"),
        (
            "models:\n  ../x: {context: {default: 1, trained: 1}, default: a, variants: {a: {files: [{name: f, url: https://h/f, size: 1}]}}}",
            "is no name",
        ),
        ("model: &a [*a]", "team.yaml"),
        ("x: " + "[" * 5000, "team.yaml"),
        (
            "a: &a [x, x]\nb: &b [*a, *a]\n"
            + "".join(f"{c}: &{c} [{f'*{p}, ' * 9}]\n" for p, c in zip("bcdefgh", "cdefghi", strict=True)),
            "too many values",
        ),
    ],
)
def test_what_is_wrong_in_a_team_s_file_is_named_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    found = problems(tmp_path, text)
    assert any(said in problem for problem in found), found
    assert all("team.yaml" in problem for problem in found)


def test_every_problem_of_a_file_is_reported_with_its_own_line(tmp_path: Path) -> None:
    found = problems(tmp_path, "machines:\n  aws:\n    t3.large: {vcpu: -1}\n    t3.xlarge: {vcpu: x}\nnonsense: 1\n")
    assert sorted(problem.split(":")[1] for problem in found) == ["3", "4", "5"]


def test_a_team_changes_one_field_of_a_machine_and_adds_another(tmp_path: Path) -> None:
    text = """
machines:
  aws:
    t3.large: {price: 0.05, priceDate: 2026-11-01}
    our.large: {vcpu: 4, memory: 16, vcpuIs: core, arch: arm64, cpu: ours, isa: [dotprod], price: 0.01, priceDate: 2026-11-01}
"""
    known = team(tmp_path, text)
    assert known.machine("aws", "t3.large").price == 0.05
    assert known.machine("aws", "t3.large").memory == 8
    best = recommend.choices(known, Wish(name="phi-3-mini", quantization="Q4_K_M"), "aws")[0]
    assert best.name == "our.large"
    assert OURS.machine("aws", "t3.large").price == 0.0832


def test_a_measured_speed_wins_over_the_estimate(tmp_path: Path) -> None:
    known = team(tmp_path, f"measured: [{ROW}]")
    one = recommend.choice(known, Wish(name="phi-3-mini", quantization="Q4_K_M"), "aws", "m7g.xlarge")
    assert (one.speed.tokens_per_second, one.speed.source) == (99, "measured")
    other = recommend.choice(known, Wish(name="phi-3-mini", quantization="Q4_K_M"), "aws", "m7g.large")
    assert other.speed.source == "modelled"


@pytest.mark.parametrize(("tokens_per_second", "usd"), [(15, 0.0017), (12, 0.0021), (6, 0.0043)])
def test_the_given_cost_table_is_what_the_formula_gives(tokens_per_second: float, usd: float) -> None:
    assert round(cost.per_1k_tokens(0.0928, tokens_per_second), 4) == usd


@pytest.mark.parametrize(("use", "usd"), [(1.0, 0.07), (0.5, 0.02), (0.3, 0.0), (0.1, 0.0)])
def test_a_burstable_machine_costs_its_surplus_only_above_its_baseline(use: float, usd: float) -> None:
    """A t3.large: two vCPUs, 30 % paid for, 0.05 per vCPU-hour above."""
    assert cost.burst_surcharge(OURS.clouds["aws"].machines["t3.large"], use) == pytest.approx(usd)


def test_a_burstable_machine_costs_its_surplus_too() -> None:
    """The facts: about 0.153 for a t3.large and 0.286 for a t3.xlarge that decode all day."""
    machines = OURS.clouds["aws"].machines
    total = {name: machines[name].price + cost.burst_surcharge(machines[name]) for name in ("t3.large", "t3.xlarge")}
    assert total == pytest.approx({"t3.large": 0.1532, "t3.xlarge": 0.2864}, abs=1e-4)


def test_a_cost_is_the_sum_of_its_items() -> None:
    machines = OURS.clouds["aws"].machines
    deployment = cost.Deployment(
        machine=machines["m7g.xlarge"],
        replicas=2,
        claim=10,
        node_disk=20,
        control_plane=True,
        load_balancer=True,
        system=machines["t3.medium"],
    )
    rate = speed.Throughput(10, 25, "modelled")
    found = cost.of("aws", OURS.clouds["aws"], deployment, rate, use=0.5)
    assert found.items.keys() == {"machines", "disks", "controlPlane", "systemPool", "loadBalancer"}
    assert found.items["machines"] == 2 * 0.1632
    assert found.items["disks"] == pytest.approx(60 * 0.08 / 730)
    assert found.per_hour == pytest.approx(sum(found.items.values()))
    assert found.per_month == pytest.approx(found.per_hour * 730)
    assert found.per_1k_tokens == pytest.approx(found.per_hour / 2 / 3600 / (10 * 0.5) * 1000)
    assert found.per_1k_tokens / found.per_1k_tokens_batched == pytest.approx(2.5)
    assert found.price_date == "2026-07-20" and found.region == "us-east-1"


@pytest.mark.parametrize(
    ("cloud", "machine", "memory"),
    [
        # EKS's own table. GKE: 15 GiB less 3 %, less 1 + 0.8 + 0.7 GiB, less 100 MiB, less 500. AKS: 8 GiB less 3 %, less
        # 650 MB, less 100 MiB, less 500.
        ("aws", "t3.large", 6837 - 120),
        ("gcp", "n1-standard-4", 15 * 1024 * 0.97 - 2.5 * 1024 - 600),
        ("azure", "Standard_D2s_v3", 8 * 1024 * 0.97 - 650e6 / 2**20 - 600),
    ],
)
def test_what_a_node_offers_is_the_published_formula(cloud: str, machine: str, memory: float) -> None:
    found = platforms.offer(cloud, OURS.clouds[cloud].machines[machine])  # pyright: ignore[reportArgumentType]
    assert found.memory == pytest.approx(memory, abs=1)


@pytest.mark.parametrize("cloud", CLOUDS)
def test_no_node_offers_more_than_its_machine(cloud: str) -> None:
    for machine in OURS.clouds[cloud].machines.values():  # pyright: ignore[reportArgumentType]
        found = platforms.offer(cloud, machine)  # pyright: ignore[reportArgumentType]
        assert 0 <= found.memory < machine.memory * 1024
        assert 0 < found.cpu < machine.vcpu * 1000


def test_a_given_machine_that_can_not_hold_the_model_is_refused_with_the_three_nearest_changes() -> None:
    wish = Wish(name="llama2-7b-chat", quantization="Q4_K_M", context=4096, parallel=8)
    fit = verdict.on_machine(OURS, wish, "aws", "m7g.xlarge")
    assert not fit.fits
    changes = verdict.changes(OURS, wish, fit, ("aws", "m7g.xlarge"))
    assert 1 <= len(changes) <= 3
    assert changes == sorted(changes, key=lambda change: change.extra_per_hour)
    assert any("instead of" in change.words for change in changes)


def test_every_named_change_makes_it_fit() -> None:
    wish = Wish(name="phi-3-mini", quantization="Q4_K_M", parallel=4)
    fit = verdict.on_machine(OURS, wish, "aws", "t3.large")
    words = [change.words for change in verdict.changes(OURS, wish, fit, ("aws", "t3.large"))]
    assert words
    for word in words:
        kind, value = word.split()[:2]
        changed = {"parallel": {"parallel": int(value) if value.isdigit() else 1}, "context": {"context": value}}
        fields = {"name": wish.name, "quantization": "Q4_K_M", "parallel": 4} | changed.get(kind, {})
        if kind == "context":
            fields["context"] = int(value)
        if kind == "kvCache":
            fields["kv_type"] = value
        machine = value if kind == "machine" else "t3.large"
        assert verdict.on_machine(OURS, Wish(**fields), "aws", machine).fits, word  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("cloud", CLOUDS)
@pytest.mark.parametrize("name", SEEDS)
def test_the_recommended_machine_fits_and_is_the_given_one_where_that_fits(cloud: str, name: str) -> None:
    wish = Wish(name=name, quantization="Q4_K_M")
    chosen = recommend.recommended(OURS, wish, cloud)  # pyright: ignore[reportArgumentType]
    assert chosen and chosen.fit.fits
    given_name = OURS.clouds[cloud].recommended[name]  # pyright: ignore[reportArgumentType]
    if verdict.on_machine(OURS, wish, cloud, given_name).fits:  # pyright: ignore[reportArgumentType]
        assert chosen.name == given_name


@given(st.sampled_from(sorted(OURS.models)), st.sampled_from(CLOUDS), st.floats(0, 60))
def test_a_recommendation_fits_is_as_fast_as_wished_and_no_other_is_cheaper(
    name: str, cloud: str, wished: float
) -> None:
    wish = Wish(name=name, quantization=OURS.models[name].default)
    found = recommend.choices(OURS, wish, cloud, tokens_per_second=wished)  # pyright: ignore[reportArgumentType]
    assert all(one.fit.fits and one.speed.tokens_per_second >= wished for one in found)
    assert [one.per_hour for one in found] == sorted(one.per_hour for one in found)


def test_the_speed_model_is_within_what_its_page_states() -> None:
    median, worst = speed.error_summary()
    assert median < 0.2
    assert worst < 1.3


@pytest.mark.parametrize(
    ("slots", "factor"), [(1, 1.0), (2, 4 / 3), (4, 2.0), (8, 2.25), (12, 2.475), (16, 2.7), (64, 2.7)]
)
def test_slots_give_what_was_measured_and_no_more_than_that(slots: int, factor: float) -> None:
    assert speed.batched_factor(slots) == pytest.approx(factor)


def test_machines_without_the_instructions_that_models_need_are_not_recommended() -> None:
    for cloud in CLOUDS:
        for name, machine in OURS.clouds[cloud].machines.items():
            if platforms.is_suitable(machine):
                assert "avx2" in machine.isa or machine.arch == "arm64" or machine.min_cpu_platform, name


@pytest.mark.parametrize(
    "uri",
    [
        "https://huggingface.co/TheBloke/Llama-2-7B-Chat-GGUF/resolve/main/llama-2-7b-chat.q4_k_m.gguf?download=true",
        "https://huggingface.co/TheBloke/Llama-2-7B-Chat-GGUF/blob/main/llama-2-7b-chat.q4_k_m.gguf",
        "hf://TheBloke/Llama-2-7B-Chat-GGUF/llama-2-7b-chat.q4_k_m.gguf",
    ],
)
def test_a_dead_address_is_known_however_it_is_written_and_the_block_keeps_its_context(
    tmp_path: Path, uri: str
) -> None:
    text = BLOCK.replace("https://models.example.com/my-model.gguf", uri).replace("2048", "512")
    known = team(tmp_path, f"model:{text}")
    assert known.model("my-model").variants == OURS.models["llama2-7b-chat"].variants
    assert known.model("my-model").context.default == 512


def test_a_block_that_contradicts_the_file_that_it_names_is_a_problem(tmp_path: Path) -> None:
    uri = "https://huggingface.co/microsoft/Phi-3-mini-4k-instruct-gguf/resolve/main/Phi-3-mini-4k-instruct-q4.gguf"
    text = BLOCK.replace("https://models.example.com/my-model.gguf", uri)
    assert "was trained with 4096" in problems(tmp_path, f"model:{text}".replace("2048", "8192"))[0]
    assert "the file is Q4_K_M" in problems(tmp_path, f"model:{text}".replace("Q4_K_M", "Q8_0"))[0]


def test_more_memory_of_a_known_machine_is_more_for_the_model(tmp_path: Path) -> None:
    known = team(tmp_path, "machines: {aws: {t3.large: {memory: 64}}}")
    assert platforms.offer("aws", known.machine("aws", "t3.large")).memory > 50_000


def test_an_entry_that_replaces_one_of_ours_is_said(tmp_path: Path) -> None:
    known = team(tmp_path, f"model:{BLOCK}".replace("my-model\n", "phi-3-mini\n"))
    assert any("replaces the registry's own" in warning for warning in known.warnings)


def test_other_machines_are_offered_at_what_they_cost_when_they_decode_all_day() -> None:
    wish = Wish(name="llama2-7b-chat", quantization="Q4_K_M", parallel=16)
    fit = verdict.on_machine(OURS, wish, "aws", "t3.large")
    machines = [one for one in verdict.changes(OURS, wish, fit, ("aws", "t3.large")) if one.words.startswith("machine")]
    assert machines
    for one in machines:
        other = OURS.machine("aws", one.words.split()[1])
        now = OURS.machine("aws", "t3.large")
        assert one.extra_per_hour == pytest.approx(cost.hourly(other) - cost.hourly(now))
        assert other.cores >= now.cores and other.arch == now.arch


def test_unsuitable_machines_are_not_among_the_choices(tmp_path: Path) -> None:
    old = (
        "{vcpu: 64, memory: 256, vcpuIs: core, arch: amd64, cpu: old, isa: [avx], price: 0.001, priceDate: 2026-11-01}"
    )
    known = team(tmp_path, f"machines: {{aws: {{old.large: {old}}}}}")
    names = [one.name for one in recommend.choices(known, Wish(name="phi-3-mini", quantization="Q4_K_M"), "aws")]
    assert names and "old.large" not in names


def test_a_token_of_a_mixture_reads_only_its_active_weights() -> None:
    model = OURS.models["qwen3-30b-a3b-instruct-2507"]
    assert model.parameters and model.active_parameters
    share = model.active_parameters / model.parameters
    assert speed.active_bytes(model, model.variants["Q4_K_M"]) == pytest.approx(model.variants["Q4_K_M"].size * share)


def test_spot_is_paid_at_its_own_price() -> None:
    machine = OURS.clouds["gcp"].machines["n1-standard-2"]
    deployment = cost.Deployment(machine=machine, replicas=1, claim=0, node_disk=0, spot=True)
    found = cost.of("gcp", OURS.clouds["gcp"], deployment, speed.Throughput(1, 1, "modelled"), use=1.0)
    assert found.items["machines"] == machine.spot
    assert any("spot" in line for line in found.assumptions)


def test_a_vcpu_is_half_a_core_where_it_is_a_thread() -> None:
    assert OURS.clouds["aws"].machines["c5.xlarge"].cores == 2
    assert OURS.clouds["aws"].machines["m7g.xlarge"].cores == 4
