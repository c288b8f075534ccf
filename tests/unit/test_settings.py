"""The stack's configuration, read as Pulumi hands it over: every value a string."""

import json

import pytest
from pulumi.runtime import set_all_config

from components import settings
from components.problems import Problem
from components.settings import Settings
from components.settings_sections import LocalMachine


def read(**values: object) -> tuple[Settings, dict[str, Problem]]:
    set_all_config(
        {f"paddock:{name}": value if isinstance(value, str) else json.dumps(value) for name, value in values.items()}
    )
    result, problems = settings.read()
    return result, {problem.path: problem for problem in problems}


def test_an_empty_configuration_is_the_local_stack_with_its_defaults() -> None:
    result, problems = read()
    assert problems == {}
    assert (result.cloud, result.model, result.context, result.parallel, result.kv_cache) == (
        "local",
        None,
        None,
        None,
        "f16",
    )
    assert (result.port, result.admin_port, result.replicas) == (8080, 9090, 1)


def test_values_are_read_in_their_types() -> None:
    result, problems = read(port=8081, context=1024, kvCache="q8_0", machine={"cpu": 1.5, "memory": "2Gi"}, use=0.5)
    assert problems == {}
    assert result.port == 8081
    assert result.context == 1024
    assert result.kv_cache == "q8_0"
    assert result.machine == LocalMachine(cpu=1.5, memory="2Gi")
    assert result.use == 0.5


def test_a_model_whose_name_is_a_number_stays_a_name() -> None:
    result, _ = read(model="7")
    assert result.model == "7"


def test_a_misspelt_key_names_the_right_one() -> None:
    _, problems = read(replcas=2)
    assert "paddock:replicas?" in problems["paddock:replcas"].remedy


def test_a_misspelt_key_inside_an_object_has_its_full_path() -> None:
    _, problems = read(limits={"maxTokns": 5})
    assert "paddock:limits.maxTokens?" in problems["paddock:limits.maxTokns"].remedy


def test_an_item_of_a_list_has_its_index_in_the_path() -> None:
    _, problems = read(access={"allowFrom": ["apps", 5]})
    assert "paddock:access.allowFrom[1]" in problems


def test_all_problems_are_reported_at_once() -> None:
    _, problems = read(
        replcas=1, replicas=-1, port="eighty", kvCache="q4_0", limits={"queue": -1}, machine={"memory": "8Gx"}
    )
    assert {
        "paddock:replcas",
        "paddock:replicas",
        "paddock:port",
        "paddock:kvCache",
        "paddock:limits.queue",
        "paddock:machine.memory",
    } <= problems.keys()


def test_a_key_with_a_problem_keeps_its_default_so_that_the_rest_can_be_checked() -> None:
    result, problems = read(port=99999, context=512)
    assert problems.keys() == {"paddock:port"}
    assert (result.port, result.context) == (8080, 512)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("port", 0),
        ("port", 65536),
        ("port", "8080.5"),
        ("port", True),
        ("context", 0),
        ("parallel", 257),
        ("replicas", "two"),
        ("use", 1.5),
        ("use", 0),
        ("cloud", "aws2"),
        ("monitoring", "maybe"),
        ("limits", 5),
        ("limits", [1]),
        ("machine", {"memory": "-1Gi"}),
        ("machine", {"memory": "0"}),
        ("machine", {"cpu": 0}),
        ("access", {"apiKeys": "one"}),
    ],
)
def test_a_value_that_is_out_of_range_or_of_the_wrong_type_is_a_problem(key: str, value: object) -> None:
    _, problems = read(**{key: value})
    assert any(path.startswith(f"paddock:{key}") for path in problems)


def test_a_secret_is_never_repeated_in_a_problem() -> None:
    _, problems = read(
        access={"apiKeys": ["sk-topsecret", 7], "x": "sk-topsecret"}, download={"token": ["hf_topsecret"]}
    )
    assert problems
    assert "topsecret" not in "".join(map(str, problems.values()))


def test_a_key_that_this_version_would_ignore_is_a_problem() -> None:
    _, problems = read(autoscale={"max": 3, "prometheus": "http://p"}, pool={"min": 1}, cloud="aws")
    assert {"paddock:autoscale", "paddock:pool", "paddock:cloud"} <= problems.keys()


@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({"replicas": 2}, "paddock:replicas"),
        ({"port": 9090}, "paddock:adminPort"),
        ({"machine": "t3.large"}, "paddock:machine"),
    ],
)
def test_what_contradicts_the_local_stack_is_a_problem(values: dict[str, object], path: str) -> None:
    _, problems = read(**values)
    assert path in problems


def test_a_number_that_pulumi_wrote_as_text_inside_an_object_is_a_number() -> None:
    """`pulumi config set --path paddock:machine.cpu 0.5` writes "0.5"."""
    result, problems = read(machine={"cpu": "0.5", "memory": "1Gi"}, budget={"perMonth": "12.5"})
    assert problems == {}
    assert result.machine == LocalMachine(cpu=0.5, memory="1Gi")
    assert result.budget and result.budget.per_month == 12.5


def test_limits_are_refused_as_long_as_the_server_does_not_hold_them() -> None:
    _, problems = read(limits={"maxTokens": 5})
    assert "paddock:limits" in problems


def test_a_misspelt_namespace_is_a_problem_and_another_one_is_not() -> None:
    set_all_config({"padock:port": "8085", "aws:region": "us-east-1"})
    _, problems = settings.read()
    assert [problem.path for problem in problems] == ["padock:port"]
    assert "paddock:port" in problems[0].remedy
