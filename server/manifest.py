"""The model manifest, read and checked against manifest.schema.json."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema

_SCHEMA = Path(__file__).with_name("manifest.schema.json")


class ManifestError(Exception):
    """The manifest can't be used; the message lists every problem."""


@dataclass(frozen=True)
class File:
    """One file of the model. `size` is in bytes; None, like a sha256 of None, is to be learned."""

    name: str
    url: str
    size: int | None = None
    sha256: str | None = None
    role: str = "weights"


@dataclass(frozen=True)
class Limits:
    """What requests may take; None is no limit of ours."""

    queue: int | None = None
    max_tokens: int | None = None
    request_seconds: float | None = None


@dataclass(frozen=True)
class Manifest:
    """What to run: the fields of manifest.schema.json."""

    model: str
    files: tuple[File, ...]
    context: int
    task: str = "chat"
    parallel: int = 1
    kv_cache: str = "f16"
    chat_template: str | None = None
    limits: Limits = Limits()
    drain_seconds: float = 30


def load(path: Path) -> Manifest:
    """Reads a manifest. Raises ManifestError."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise ManifestError(f"the manifest {path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ManifestError(f"the manifest {path} is not JSON: {error}") from error
    return parse(document, str(path))


def parse(document: Any, where: str) -> Manifest:
    """The manifest of a JSON document that came from `where`. Raises ManifestError."""
    validator = jsonschema.Draft202012Validator(json.loads(_SCHEMA.read_text()))
    problems = [f"{_dotted(error.absolute_path)}: {error.message}" for error in validator.iter_errors(document)]
    if not problems:
        names = [file["name"] for file in document["files"]]
        problems = [f"files: {name} is named more than once" for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise ManifestError(f"the manifest {where} is not valid: {'; '.join(sorted(problems))}")
    return _typed(document)


def _dotted(path: Any) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".") or "document"


def _typed(document: dict[str, Any]) -> Manifest:
    renamed = {"schema": None, "kvCache": "kv_cache", "chatTemplate": "chat_template", "drainSeconds": "drain_seconds"}
    fields = {renamed.get(name, name): value for name, value in document.items()}
    fields.pop(None)
    limits = document.get("limits", {})
    typed = {
        "files": tuple(File(**{**file, "size": _integer(file.get("size"))}) for file in document["files"]),
        "limits": Limits(
            _integer(limits.get("queue")), _integer(limits.get("maxTokens")), limits.get("requestSeconds")
        ),
        "context": int(document["context"]),
        "parallel": int(document.get("parallel", 1)),
    }
    return Manifest(**fields | typed)


def _integer(value: float | None) -> int | None:
    """JSON Schema takes 4.0 for an integer; llama-server does not."""
    return None if value is None else int(value)
