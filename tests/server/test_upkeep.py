"""`python -m registry add` and `check`, against a host of model files on this machine."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from registry import __main__ as command_line
from registry import catalog, overlay
from tests import demo
from tests.server.model_host import Answer, ModelHost, content, model_host, raw, status

COMMIT = "0123456789abcdef0123456789abcdef01234567"
DEMO = demo.MODEL.read_bytes()
PAGE = "/owner/repo/resolve/main/demo-Q8_0.gguf"
PINNED = f"/owner/repo/resolve/{COMMIT}/demo-Q8_0.gguf"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModelHost]:
    """A hub that knows the demo's size and hash, and sends us elsewhere for the bytes."""
    with model_host() as host:
        monkeypatch.setenv("HF_ENDPOINT", host.address)
        bytes_at = host.on("/cdn/blob", content(DEMO))
        headers = {"Location": bytes_at, "X_Repo_Commit": COMMIT}
        headers |= {"X_Linked_Size": str(len(DEMO)), "X_Linked_Etag": f'"{demo.SHA256}"'}
        for path in (PAGE, PINNED):
            host.on(path, status(302, **headers))
        yield host


def run(*arguments: str) -> int:
    return command_line.main(list(arguments))


def test_add_reads_the_header_pins_the_file_and_downloads_no_weights(
    hub: ModelHost, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("add", "hf://owner/repo/demo-Q8_0.gguf@main", "--json") == 0
    [(name, entry)] = json.loads(capsys.readouterr().out)["models"].items()
    assert name == "demo"
    assert entry["variants"]["Q8_0"] == {
        "repository": "owner/repo",
        "revision": COMMIT,
        "files": [
            {"name": "demo-Q8_0.gguf", "url": hub.address + PINNED, "size": demo.SIZE, "sha256": demo.SHA256},
        ],
    }
    ours = catalog.ours().model("paddock-demo")
    assert ours.shape
    assert entry["shape"]["kv"] == [{"layers": 4, "heads": 2, "keyWidth": 32, "valueWidth": 32}]
    assert (entry["shape"]["embedding"], entry["shape"]["vocabulary"]) == (ours.shape.embedding, ours.shape.vocabulary)
    assert entry["context"] == {"default": 2048, "trained": 2048}
    assert hub.sent < 1.2 * 2**20, "the weights were downloaded"


def test_an_added_entry_is_one_that_the_registry_takes_and_the_rest_of_the_file_stays(
    hub: ModelHost, tmp_path: Path
) -> None:
    team = tmp_path / "team.yaml"
    team.write_text(
        "# ours\nmachines: {}  # none yet\nmodels:\n  # the first\n  first:\n    uri: https://h.example/a.gguf\n"
        "    size: 1GB\n    quantization: Q4_K_M\n    context_size: 2048\n"
    )
    for name in ("second", "third"):
        assert run("add", hub.address + PAGE, "--name", name, "--registry", str(team)) == 0
    known = overlay.with_team(team)
    assert {"first", "second", "third"} <= known.models.keys()
    assert known.model("third").variants["Q8_0"].is_pinned
    for line in ("# ours", "machines: {}  # none yet", "  # the first"):
        assert line in team.read_text().splitlines()


def test_add_makes_a_new_file_of_a_team(hub: ModelHost, tmp_path: Path) -> None:
    team = tmp_path / "new.yaml"
    team.write_text("")
    assert run("add", hub.address + PAGE, "--registry", str(team)) == 0
    assert "demo" in overlay.with_team(team).models


@pytest.mark.parametrize("text", ["models: {}\n", "models:\n  - {a: 1}\n", "models:\n  demo: {}\n"])
def test_add_leaves_a_file_that_it_can_not_add_to_as_it_is(hub: ModelHost, tmp_path: Path, text: str) -> None:
    team = tmp_path / "team.yaml"
    team.write_text(text)
    assert run("add", hub.address + PAGE, "--registry", str(team)) == 2
    assert team.read_text() == text


@pytest.mark.parametrize(
    "answer",
    [
        status(404),
        status(401),
        content(b"<html>", headers={"Content-Type": "text/html"}),
        content(b"GGUF" + b"\xff" * 4000),
        content(b"no model" * 1000),
        content(DEMO[:5000]),
        raw(200, {"Content-Length": "0"}),
    ],
)
def test_a_host_that_has_no_model_is_one_sentence_and_exit_2(
    answer: Answer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registry.host_requests.time.sleep", lambda _: None)
    with model_host() as host:
        address = host.on("/m.gguf", answer)
        assert run("add", f"{address}?signature=secret") == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    assert "secret" not in said and "Traceback" not in said


def test_check_names_what_is_not_as_the_registry_says(
    hub: ModelHost, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {
        "good": (PINNED, demo.SHA256),
        "hash": (PINNED, "0" * 64),
        "gone": ("/owner/repo/resolve/main/x.gguf", "0" * 64),
    }
    models = {
        name: {
            "context": {"default": 64, "trained": 64},
            "default": "Q8_0",
            "variants": {
                "Q8_0": {"files": [{"name": "m.gguf", "url": hub.address + path, "size": demo.SIZE, "sha256": sha}]}
            },
        }
        for name, (path, sha) in files.items()
    }
    (tmp_path / "team.yaml").write_text(yaml.safe_dump({"models": models}))
    only_these = overlay.with_team(tmp_path / "team.yaml")
    only_these = type(only_these)({name: only_these.models[name] for name in files}, {}, only_these.clouds)
    monkeypatch.setattr(catalog, "ours", lambda: only_these)
    assert run("check") == 1
    said = capsys.readouterr().out
    assert "1 of 3 files are what the registry says." in said
    assert f"has sha256 {demo.SHA256} instead of {'0' * 64}" in said
    assert "gone" in said and "good" not in said
