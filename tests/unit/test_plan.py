"""From settings to a plan: the model, its form, and whether it fits."""

from pathlib import Path

import pytest

from components import local_machine, manifest, plan
from components.plan import Plan
from components.problems import Problem
from components.settings import Settings
from components.settings_sections import LocalMachine
from server import manifest as server_manifest

ROOT = Path(__file__).parents[2]
BLOCK = {
    "name": "mine",
    "uri": "https://models.example.com/mine.gguf",
    "size": "0.2GB",
    "quantization": "Q4_K_M",
    "context_size": 512,
    "estimated_tps": 15,
}


def make(settings: Settings, root: Path = ROOT) -> tuple[Plan | None, list[Problem]]:
    return plan.make(settings, root)


def test_without_a_model_the_local_stack_runs_the_demo() -> None:
    made, problems = make(Settings())
    assert problems == []
    assert made and (made.name, made.fit.context, made.fit.parallel) == ("paddock-demo", 2048, 16)


def test_an_unknown_model_names_the_nearest() -> None:
    made, [problem] = make(Settings(model="paddock-dmo"))
    assert made is None
    assert problem.path == "paddock:model" and "paddock-demo" in problem.remedy


def test_a_context_above_the_trained_length_is_a_problem() -> None:
    _, [problem] = make(Settings(context=2049))
    assert problem.path == "paddock:context" and "2048" in problem.remedy


def test_fewer_slots_are_chosen_where_memory_is_short() -> None:
    made, problems = make(Settings(machine=LocalMachine(memory="120Mi")))
    assert problems == []
    assert made and 1 <= made.fit.parallel < 16


def test_a_model_that_is_too_big_names_every_term_and_what_would_help() -> None:
    _, [problem] = make(Settings(machine=LocalMachine(memory="50Mi")))
    assert problem.path == "paddock:model"
    for term in ("weights", "KV cache", "compute", "runtime", "50"):
        assert term in problem.what
    assert "larger machine" in problem.remedy


@pytest.mark.parametrize("machine", [LocalMachine(memory="9999Ti"), LocalMachine(cpu=4096)])
def test_a_machine_larger_than_this_one_is_a_problem(machine: LocalMachine) -> None:
    _, [problem] = make(Settings(machine=machine))
    assert problem.path in ("paddock:machine.memory", "paddock:machine.cpu")


def test_the_manifest_of_a_plan_is_one_that_the_server_takes() -> None:
    made, _ = make(Settings(context=512, parallel=2, kv_cache="q8_0"))
    assert made
    parsed = server_manifest.parse(manifest.build(made, Settings().limits), "test")
    assert (parsed.model, parsed.context, parsed.parallel, parsed.kv_cache) == ("paddock-demo", 512, 2, "q8_0")
    assert parsed.files[0].url.startswith("file:///") and parsed.files[0].sha256


def test_this_machine_offers_no_more_memory_than_it_has() -> None:
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    assert 0 < local_machine.memory() <= int(lines["MemTotal"].split()[0]) / 1024 + 1


def test_too_little_memory_names_the_changes_that_would_help() -> None:
    _, [problem] = make(Settings(parallel=16, machine=LocalMachine(memory="120Mi")))
    assert "parallel 8 instead of 16" in problem.remedy or "context 1024 instead of 2048" in problem.remedy


def test_a_given_block_is_a_model_with_a_warning_that_says_how_to_pin() -> None:
    made, problems = make(Settings(model=BLOCK))
    assert problems == []
    assert made and (made.name, made.fit.context, made.throughput.source) == ("mine", 512, "stated")
    assert any("not pinned" in warning for warning in made.warnings)
    parsed = server_manifest.parse(manifest.build(made, Settings().limits), "test")
    assert (parsed.files[0].size, parsed.files[0].sha256) == (None, None)


def test_require_pinned_forbids_a_model_without_sha256() -> None:
    _, [problem] = make(Settings(model=BLOCK, require_pinned=True))
    assert problem.path == "paddock:requirePinned" and "python -m registry add" in problem.remedy


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"uri": "ftp://x/y"}, "paddock:model.uri"),
        ({"colour": 1}, "paddock:model.colour"),
        ({"size": "big"}, "paddock:model.size"),
    ],
)
def test_a_wrong_block_is_named_by_its_field(change: dict[str, object], path: str) -> None:
    _, problems = make(Settings(model=BLOCK | change))  # pyright: ignore[reportArgumentType]
    assert [problem.path for problem in problems] == [path]


def test_a_team_s_registry_is_laid_over_ours(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text(
        "model: {name: ours, uri: https://h.example/m.gguf, size: 1MB, quantization: Q8_0, context_size: 64}"
    )
    made, problems = make(Settings(registry="team.yaml", model="ours"), tmp_path)
    assert problems == []
    assert made and made.name == "ours"


def test_every_problem_of_a_team_s_registry_is_a_problem_of_the_stack(tmp_path: Path) -> None:
    (tmp_path / "team.yaml").write_text("a: 1\nb: 2\n")
    _, problems = make(Settings(registry="team.yaml"), tmp_path)
    assert [problem.path for problem in problems] == ["paddock:registry"] * 2
    _, [problem] = make(Settings(registry="none.yaml"), tmp_path)
    assert "can't be read" in problem.what


def test_an_unknown_quantization_names_those_that_there_are() -> None:
    _, [problem] = make(Settings(quantization="Q2_K"))
    assert problem.path == "paddock:quantization" and "Q8_0" in problem.remedy
