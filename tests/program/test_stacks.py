"""The whole program, for every stack file, in preview and in update."""

import json

import pytest

from server import manifest
from tests import ports
from tests.program import recorder
from tests.program.recorder import Recording

MODES = pytest.mark.parametrize("preview", [True, False], ids=["preview", "update"])


def run(preview: bool, stack: str = "local", **changes: object) -> Recording:
    """The stack's file with `changes`, on ports of the test's own."""
    port, admin_port = ports.free(2)
    values = {"port": port, "adminPort": admin_port} | changes
    config = recorder.stack_config(stack) | {
        f"paddock:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in values.items()
    }
    return recorder.record(f"test-{stack}", config, preview=preview)


@MODES
@pytest.mark.parametrize("stack", recorder.stack_files())
def test_every_stack_file_runs_without_an_error(stack: str, preview: bool) -> None:
    recording = run(preview, stack)
    assert (recording.errors, recording.exit) == ([], 0), recording.stderr


@MODES
def test_the_local_stack_is_a_component_with_one_process(preview: bool) -> None:
    recording = run(preview)
    assert [resource["type"] for resource in recording.resources] == [
        "paddock:index:LocalServer",
        "pulumi-python:dynamic/paddock:LocalProcess",
    ]
    component, process = recording.resources
    assert component["parent"].endswith("::paddock-test-local")
    assert process["parent"].endswith("LocalServer::server")


@MODES
def test_every_output_is_known_at_preview(preview: bool) -> None:
    [port] = ports.free(1)
    recording = run(preview, port=port)
    assert recording.outputs["endpoint"] == f"http://localhost:{port}"
    assert recording.outputs["console"] == f"http://localhost:{port}/"
    assert recording.outputs["model"] == "paddock-demo"
    assert recording.outputs["machine"]
    assert recording.outputs["log"].endswith("/.paddock/local/test-local/server.log")
    fit = recording.outputs["fit"]
    terms = ("weights", "kvCache", "compute", "runtime")
    assert fit["total"] == sum(fit[term] for term in terms) <= fit["available"]
    assert (fit["parallel"], fit["context"]) == (16, 2048)
    assert recording.outputs["cost"]["perHour"] == 0
    assert recording.outputs["throughput"]["source"] == "modelled"


def test_the_process_gets_a_manifest_that_the_server_takes() -> None:
    process = run(True, context=512, parallel=2).resources[1]
    parsed = manifest.parse(process["object"]["manifest"], "test")
    assert (parsed.context, parsed.parallel) == (512, 2)


def test_the_resource_does_not_change_with_the_code_of_its_provider() -> None:
    """A provider that is pickled by value would: then every edit of it is a diff, and a destroy runs the old code."""
    process = run(True).resources[1]
    provider = process["object"]["__provider"]
    assert len(provider) < 200, "the provider's code is in the resource"


@MODES
def test_problems_end_the_program_with_one_message_before_any_resource(preview: bool) -> None:
    recording = run(preview, replcas=2, model="nonesuch", port="x", kvCache="q3")
    assert recording.exit == 32
    assert recording.resources == []
    [message] = recording.errors
    for key in ("paddock:replcas", "paddock:model", "paddock:port", "paddock:kvCache"):
        assert key in message
    assert "Traceback" not in message + recording.stderr


@MODES
def test_a_given_block_runs_with_a_warning(preview: bool) -> None:
    block = {
        "name": "mine",
        "uri": "https://h.example/m.gguf",
        "size": "1MB",
        "quantization": "Q8_0",
        "context_size": 64,
    }
    recording = run(preview, model=block)
    assert recording.exit == 0
    assert recording.outputs["model"] == "mine"
    assert any("not pinned" in message for message in recording.warnings)
