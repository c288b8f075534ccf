"""Writes docs/configuration.md from components/settings.py: `python -m tools.reference [--check]`."""

import sys
import types
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from components.settings import AVAILABLE, NAMESPACE, Settings
from components.settings_problems import fields_of, section_of
from tools import paths

PAGE = paths.ROOT / "docs" / "configuration.md"
HEAD = f"""# Configuration

Every key lies under `{NAMESPACE}:` in a stack's file. Set one with `pulumi config set {NAMESPACE}:port 8081`, one
inside an object with `pulumi config set --path {NAMESPACE}:limits.maxTokens 512`. Unknown keys are errors, and every
problem is reported at once. Amounts of memory and disk are written as Kubernetes writes them, such as `512Mi` or
`8Gi`. Relative paths start at `Pulumi.yaml`. Keys marked *later* are checked, and are an error in this version, which
runs the local stack only.

<!-- Generated from components/settings.py by `python -m tools.reference`. -->
"""


def page() -> str:
    """The reference as Markdown."""
    top = list(fields_of(Settings).items())
    parts = [HEAD, _table(top, "")]
    for name, field in top:
        if section := section_of(field):
            parts += [f"## {NAMESPACE}:{name}\n", _table(list(fields_of(section).items()), f"{name}.")]
    return "\n".join(parts)


def _table(fields: list[tuple[str, FieldInfo]], prefix: str) -> str:
    rows = [
        f"| `{prefix}{name}` | {_type(field.annotation)} | {_default(field)} | {_meaning(name, field, prefix)} |"
        for name, field in fields
    ]
    return "\n".join(["| key | type | default | meaning |", "|---|---|---|---|", *rows, ""])


def _meaning(name: str, field: FieldInfo, prefix: str) -> str:
    later = "" if prefix or name in AVAILABLE else " *(later)*"
    return f"{field.description}{later}"


def _default(field: FieldInfo) -> str:
    value = field.default
    if field.is_required():
        return "required"
    if value is None or isinstance(value, BaseModel):
        return "-"
    return f"`{str(value).lower() if isinstance(value, bool) else value}`"


def _type(annotation: Any) -> str:
    names: dict[Any, str] = {
        str: "text",
        int: "whole number",
        float: "number",
        bool: "true or false",
        SecretStr: "text, secret",
    }
    origin = get_origin(annotation)
    if annotation in names:
        return names[annotation]
    if origin is Literal:
        return ", ".join(f"`{choice}`" for choice in get_args(annotation))
    if origin is list:
        return f"list of {_type(get_args(annotation)[0])}"
    if origin is types.UnionType or str(origin) in ("typing.Union", "<class 'typing.Annotated'>"):
        return " or ".join(dict.fromkeys(_type(part) for part in _alternatives(annotation)))
    return "object"


def _alternatives(annotation: Any) -> list[Any]:
    parts = get_args(annotation)
    if get_origin(annotation) is types.UnionType or "Union" in str(get_origin(annotation)):
        return [part for part in parts if part is not type(None)]
    return [parts[0]]  # Annotated: what follows is not a type


def main() -> int:
    if "--check" not in sys.argv:
        PAGE.write_text(page())
        return 0
    if PAGE.exists() and PAGE.read_text() == page():
        return 0
    print(f"{PAGE.relative_to(paths.ROOT)} is not current; write it with: make check", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
