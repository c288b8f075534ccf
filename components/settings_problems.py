"""Turns what pydantic says of a configuration into problems: the key's full path, what is wrong, what to do."""

import difflib
import json
from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from components.problems import Problem

_NO_OBJECT = frozenset({"model_type", "model_attributes_type", "dict_type", "dataclass_type"})
_OBJECT_EXPECTED = "must be an object"
_REGISTRY = "registry/README.md shows both forms of a model."
_REFERENCE = "docs/configuration.md lists every key."


def problems_of(error: ValidationError, model: type[BaseModel], namespace: str) -> list[Problem]:
    """One problem for each error. Values are not repeated: they may be secrets."""
    return [_problem(details, model, namespace) for details in error.errors(include_input=False, include_url=False)]


def _problem(details: ErrorDetails, model: type[BaseModel], namespace: str) -> Problem:
    location = [part for part in details["loc"] if not str(part).startswith("<")]
    path = _path(namespace, location)
    if details["type"] == "extra_forbidden":
        what = "is not a field of a model." if namespace.endswith(".") else "is not a key of Paddock."
        return Problem(path, what, _suggestion(location, model, namespace))
    if details["type"] == "missing":
        return Problem(path, "is missing.", _how_to_set(location, model, namespace))
    if details["type"] == "string_pattern_mismatch":
        return Problem(path, "is not written as it has to be.", _how_to_set(location, model, namespace))
    what = (
        _OBJECT_EXPECTED
        if details["type"] in _NO_OBJECT
        else details["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    )
    return Problem(path, f"{what}.", _how_to_set(location, model, namespace))


def _path(namespace: str, location: Sequence[str | int]) -> str:
    return f"{namespace}{'' if namespace.endswith('.') else ':'}{_dotted(location)}"


def _dotted(location: Sequence[str | int]) -> str:
    text = ""
    for part in location:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a group by the names that they have in a stack's file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def section_of(field: FieldInfo) -> type[BaseModel] | None:
    """The group of keys that a field holds, also where it may be absent or a name instead."""
    pending: list[Any] = [field.annotation]
    while pending:
        annotation = pending.pop()
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            return annotation
        pending += getattr(annotation, "__args__", ())
    return None


def _resolve(location: Sequence[str | int], model: type[BaseModel]) -> FieldInfo | None:
    section: type[BaseModel] | None = model
    field = None
    for part in location:
        if isinstance(part, int) or section is None or part not in fields_of(section):
            break
        field = fields_of(section)[part]
        section = section_of(field)
    return field


def _suggestion(location: Sequence[str | int], model: type[BaseModel], namespace: str) -> str:
    parent = _resolve(location[:-1], model) if len(location) > 1 else None
    section = section_of(parent) if parent else model
    siblings = list(fields_of(section)) if section else []
    close = difflib.get_close_matches(str(location[-1]), siblings, n=1)
    if not close:
        return f"Remove it; {_REFERENCE}"
    return f"Did you mean {_path(namespace, [*location[:-1], close[0]])}? {_REFERENCE}"


def _how_to_set(location: Sequence[str | int], model: type[BaseModel], namespace: str) -> str:
    field = _resolve(location, model)
    if field is None:
        return _REFERENCE
    if field.description is None:  # a record of the registry
        return _REGISTRY
    if not field.examples:
        return f"Meaning: {field.description}. {_REFERENCE}"
    example = field.examples[0]
    text = example if isinstance(example, str) else json.dumps(example)
    keys = [part for part in location if isinstance(part, str)]
    if isinstance(example, dict | list):
        return f"Meaning: {field.description}. For example: {text}. {_REFERENCE}"
    option = "--path " if len(keys) > 1 else ""
    return f"Meaning: {field.description}. For example: pulumi config set {option}{namespace}:{'.'.join(keys)} {text}"
