"""The manifest, as the server reads it."""

import json
from pathlib import Path
from typing import Any

import pytest

from server import manifest
from server.manifest import ManifestError
from tests import demo

FILE = {"name": "m.gguf", "url": "https://host.example/m.gguf"}
LEAST = {"schema": 1, "model": "m", "files": [FILE], "context": 512}


def test_the_required_fields_are_enough() -> None:
    parsed = manifest.parse(LEAST, "test")
    assert (
        parsed.task,
        parsed.parallel,
        parsed.kv_cache,
        parsed.chat_template,
        parsed.files[0].role,
        parsed.files[0].sha256,
    ) == (
        "chat",
        1,
        "f16",
        None,
        "weights",
        None,
    )


def test_whole_numbers_are_integers_even_when_json_wrote_them_as_floats() -> None:
    parsed = manifest.parse({**LEAST, "context": 512.0, "parallel": 2.0}, "test")
    assert repr((parsed.context, parsed.parallel)) == "(512, 2)"


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 2},
        {"context": 0},
        {"context": "512"},
        {"context": 512.5},
        {"unknown": 1},
        {"files": []},
        {"files": [{**FILE, "role": "mmproj"}]},
        {"files": [FILE, FILE]},
        {"files": [{**FILE, "name": "../m.gguf"}]},
        {"files": [{**FILE, "name": "a/b.gguf"}]},
        {"files": [{**FILE, "name": ".hidden"}]},
        {"files": [{**FILE, "name": "m.gguf\n"}]},
        {"files": [{**FILE, "url": "ftp://host/m.gguf"}]},
        {"files": [{**FILE, "sha256": "abc"}]},
        {"files": [{**FILE, "sha256": "0" * 64 + "\n"}]},
        {"files": [{**FILE, "size": 0}]},
        {"files": [{**FILE, "secret": 1}]},
        {"model": ".."},
        {"model": "a/b"},
        {"model": ""},
        {"parallel": 0},
        {"parallel": 257},
        {"task": "train"},
        {"kvCache": "q4_0"},
        {"limits": {"queue": -1}},
        {"limits": {"maxTokens": 0}},
        {"limits": {"other": 1}},
        {"drainSeconds": -1},
    ],
    ids=repr,
)
def test_what_the_schema_does_not_allow_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ManifestError, match="is not valid"):
        manifest.parse({**LEAST, **change}, "test")


@pytest.mark.parametrize("document", [None, [], "text", 5, {}])
def test_what_is_no_object_is_refused(document: object) -> None:
    with pytest.raises(ManifestError, match="is not valid"):
        manifest.parse(document, "test")


def test_every_problem_is_named_with_its_place() -> None:
    with pytest.raises(ManifestError) as caught:
        manifest.parse({**LEAST, "context": 0, "files": [{**FILE, "size": -1}]}, "test")
    assert "context" in str(caught.value) and "files[0].size" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_is_refused_in_one_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.json").write_bytes(content)
    with pytest.raises(ManifestError, match="is not JSON"):
        manifest.load(tmp_path / "m.json")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"none\.json can't be read"):
        manifest.load(tmp_path / "none.json")


def test_the_demo_manifest_of_the_tests_is_valid(tmp_path: Path) -> None:
    (tmp_path / "m.json").write_text(json.dumps(demo.manifest()))
    assert manifest.load(tmp_path / "m.json").model == "paddock-demo"
