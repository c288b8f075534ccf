"""The demo model's file and what it has learned."""

from pathlib import Path

import yaml

FOLDER = Path(__file__).parent.parent / "registry" / "demo"
MODEL = FOLDER / "paddock-demo.gguf"
SIZE = 1917504
SHA256 = "d74efff774a33d5dc748c7e1a3f15bd9d1e808db2c755d38760ff471af74157e"


def conversations() -> list[tuple[str, str]]:
    """Every question and its answer, word for word."""
    entries = yaml.safe_load((FOLDER / "conversations.yaml").read_text())
    return [(question, entry["say"]) for entry in entries for question in entry["ask"]]


def manifest(**changes: object) -> dict[str, object]:
    """A manifest of the demo model; `changes` replace its fields."""
    file = {"name": MODEL.name, "url": MODEL.as_uri(), "size": SIZE, "sha256": SHA256}
    return {
        "schema": 1,
        "model": "paddock-demo",
        "files": [file],
        "context": 2048,
        "parallel": 4,
        "drainSeconds": 5,
        **changes,
    }
