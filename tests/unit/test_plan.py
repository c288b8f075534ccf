"""From settings to a plan: the model, its form, and whether it fits."""

from pathlib import Path

import pytest

from components import local_machine, manifest, plan
from components.settings import Settings
from components.settings_sections import LocalMachine
from server import manifest as server_manifest


def test_without_a_model_the_local_stack_runs_the_demo() -> None:
    made, problems = plan.make(Settings())
    assert problems == []
    assert made and (made.name, made.fit.context, made.fit.parallel) == ("paddock-demo", 2048, 16)


def test_an_unknown_model_names_the_nearest() -> None:
    made, [problem] = plan.make(Settings(model="paddock-dmo"))
    assert made is None
    assert problem.path == "paddock:model" and "paddock-demo" in problem.remedy


def test_a_context_above_the_trained_length_is_a_problem() -> None:
    _, [problem] = plan.make(Settings(context=2049))
    assert problem.path == "paddock:context" and "2048" in problem.remedy


def test_fewer_slots_are_chosen_where_memory_is_short() -> None:
    made, problems = plan.make(Settings(machine=LocalMachine(memory="125Mi")))
    assert problems == []
    assert made and 1 <= made.fit.parallel < 16


def test_a_model_that_is_too_big_names_every_term_and_what_would_help() -> None:
    _, [problem] = plan.make(Settings(machine=LocalMachine(memory="50Mi")))
    assert problem.path == "paddock:model"
    for term in ("weights", "KV cache", "compute", "runtime", "50"):
        assert term in problem.what
    assert "paddock:kvCache" in problem.remedy


@pytest.mark.parametrize("machine", [LocalMachine(memory="9999Ti"), LocalMachine(cpu=4096)])
def test_a_machine_larger_than_this_one_is_a_problem(machine: LocalMachine) -> None:
    _, [problem] = plan.make(Settings(machine=machine))
    assert problem.path in ("paddock:machine.memory", "paddock:machine.cpu")


def test_the_manifest_of_a_plan_is_one_that_the_server_takes() -> None:
    made, _ = plan.make(Settings(context=512, parallel=2, kv_cache="q8_0"))
    assert made
    parsed = server_manifest.parse(manifest.build(made, Settings().limits), "test")
    assert (parsed.model, parsed.context, parsed.parallel, parsed.kv_cache) == ("paddock-demo", 512, 2, "q8_0")
    assert parsed.files[0].url.startswith("file:///") and parsed.files[0].sha256


def test_this_machine_offers_no_more_memory_than_it_has() -> None:
    lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
    assert 0 < local_machine.memory() <= int(lines["MemTotal"].split()[0]) / 1024 + 1
