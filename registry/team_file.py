"""Adds an entry to a team's registry file and leaves every other line of it as it is."""

import re
import tempfile
from pathlib import Path
from typing import Any

import yaml

from registry.documents import RegistryError
from registry.overlay import with_team

_BY_HAND = "can't be added to line by line; add what is shown without --registry by hand"
_MODELS = re.compile(r"^models:[ \t]*(?:#.*)?$", re.MULTILINE)


def append(target: Path, name: str, entry: dict[str, Any]) -> None:
    """Writes the entry under `models`. The new text is read as a registry before it takes the file's place.

    Raises RegistryError, and changes nothing, when that can't be done by adding lines.
    """
    path = target.resolve()
    text = path.read_bytes().decode() if path.exists() else ""
    if path.exists() and name in with_team(path).models and name in _names(text):
        raise RegistryError([f"{target}: a model {name} is there already; choose another name with --name"])
    new = _with(text, name, entry)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        trial = Path(folder) / path.name
        trial.write_bytes(new.encode())
        try:
            kept = _names(text) <= _names(new) and name in with_team(trial).models
        except (RegistryError, yaml.YAMLError):
            kept = False
        if not kept:
            raise RegistryError([f"{target}: {_BY_HAND}"])
        if path.exists():
            trial.chmod(path.stat().st_mode)
        trial.replace(path)


def _with(text: str, name: str, entry: dict[str, Any]) -> str:
    """The text with the entry as the first of `models`, indented as the others are, in the file's own line ends."""
    newline = "\r\n" if "\r\n" in text else "\n"
    found = _MODELS.search(text.replace("\r\n", "\n"))
    plain = text.replace("\r\n", "\n")
    if not found:
        plain += "\n" if plain and not plain.endswith("\n") else ""
        return (plain + "models:\n" + _block(name, entry, "  ")).replace("\n", newline)
    rest = plain[found.end() + 1 :]
    first = re.search(r"^([ ]+)[^\s#]", rest, re.MULTILINE)
    indent = first[1] if first else "  "
    return (plain[: found.end()] + "\n" + _block(name, entry, indent) + rest).replace("\n", newline)


def _block(name: str, entry: dict[str, Any], indent: str) -> str:
    lines = yaml.safe_dump({name: entry}, sort_keys=False, width=1000).splitlines()
    return "".join(f"{indent}{line}\n" for line in lines)


def _names(text: str) -> set[str]:
    """The names of the models in a team's file."""
    content = yaml.safe_load(text) or {}
    models = (content.get("models") if isinstance(content, dict) else None) or {}
    names = set(models) if isinstance(models, dict) else {str(block.get("name")) for block in models}
    single = content.get("model") if isinstance(content, dict) else None
    return names | ({str(single.get("name"))} if isinstance(single, dict) else set())
