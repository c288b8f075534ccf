"""A team's own registry file, laid over ours."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from registry import entries, given
from registry.catalog import Catalog, ours, raise_problems
from registry.documents import Document, Place
from registry.pinning import unpinned
from registry.records import CLOUDS, Cloud, CloudMachines, Machine, Measurement, Model

_PRICES = frozenset({"price", "spot", "burst"})

_TEAM_FIELDS = ("model", "models", "machines", "measured")


def with_team(path: Path) -> Catalog:
    """Our registry with a team's file laid over it. Raises RegistryError with every problem of the file."""
    base, document = ours(), Document(path)
    content = document.content
    if not isinstance(content, dict):
        document.problem((), f"must be an object with {', '.join(_TEAM_FIELDS)}")
        raise_problems(document)
    for field in content.keys() - set(_TEAM_FIELDS):
        document.problem((field,), f"is not a field; there are {', '.join(_TEAM_FIELDS)}")
    models, warnings = _team_models(document, base)
    clouds = _team_machines(document, base)
    measured = [
        document.typed(Measurement, entry, ("measured", index))
        for index, entry in enumerate(_items(document, "measured"))
    ]
    known = Catalog(base.models | models, base.levels, clouds, tuple(one for one in measured if one))
    for index, one in enumerate(measured):
        if one and (said := _unknown_in(one, known)):
            document.problem(("measured", index), said)
    raise_problems(document)
    shadowed = [f"{name}: the team's file replaces the registry's own entry" for name in models if name in base.models]
    return replace(known, warnings=(*warnings, *shadowed, *unpinned(models)))


def _unknown_in(one: Measurement, known: Catalog) -> str | None:
    """What a measurement names that nobody knows: it would never be used."""
    if one.model not in known.models:
        return f"{one.model!r} is not a model of the registry"
    if one.quantization not in known.models[one.model].variants:
        return f"{one.model} has no {one.quantization}"
    if not any(one.machine in prices.machines for prices in known.clouds.values()):
        return f"{one.machine!r} is not a machine of the registry"
    return None


def _team_models(document: Document, base: Catalog) -> tuple[dict[str, Model], list[str]]:
    models: dict[str, Model] = {}
    warnings: list[str] = []
    for place, content in _team_entries(document):
        try:
            name, model, said = entries.entry(content, base)
        except ValidationError as error:
            kind = given.GivenModel if given.is_given(content) else Model
            fields = content if given.is_given(content) else {k: v for k, v in content.items() if k != "name"}
            if document.typed(kind, fields, place) is not None:
                document.problem(place, str(error))
            continue
        except (ValueError, TypeError) as error:
            document.problem(place, str(error))
            continue
        if name in models:
            document.problem(place, f"{name!r} is there already; names are unique")
        models[name] = model
        warnings += said
    return models, warnings


def _team_entries(document: Document) -> list[tuple[Place, Any]]:
    """The model blocks of a team's file: one under `model`, a list or a mapping under `models`."""
    found: list[tuple[Place, Any]] = []
    content = document.content
    if "model" in content:
        found.append((("model",), content["model"]))
    models = content.get("models") or {}
    if not isinstance(models, dict | list):
        document.problem(("models",), "must be names with their entries, or a list of blocks")
        models = {}
    if isinstance(models, dict):
        found += [(("models", name), {**block, "name": name}) for name, block in models.items() if _is_object(block)]
        bad = [name for name, block in models.items() if not _is_object(block)]
    else:
        found += [(("models", index), block) for index, block in enumerate(models)]
        bad = []
    for name in bad:
        document.problem(("models", name), "must be an object")
    for place, block in found:
        if not _is_object(block):
            document.problem(place, "must be an object")
    return [(place, block) for place, block in found if _is_object(block)]


def _team_machines(document: Document, base: Catalog) -> dict[Cloud, CloudMachines]:
    """Our machines with the team's over them: a known machine is changed field by field, a new one must be whole."""
    clouds = dict(base.clouds)
    content = document.content.get("machines") or {}
    if not _is_object(content):
        document.problem(("machines",), "must be clouds with their machines")
        return clouds
    for cloud, machines in content.items():
        if cloud not in CLOUDS:
            document.problem(("machines", cloud), f"is not a cloud; there are {', '.join(CLOUDS)}")
        elif not _is_object(machines):
            document.problem(("machines", cloud), "must be machine types by their names")
        else:
            found = {name: _machine(document, base, cloud, name, fields) for name, fields in machines.items()}
            merged = clouds[cloud].machines | {name: machine for name, machine in found.items() if machine}
            clouds[cloud] = clouds[cloud].model_copy(update={"machines": merged})
    return clouds


def _machine(document: Document, base: Catalog, cloud: Cloud, name: str, fields: Any) -> Machine | None:
    where = ("machines", cloud, name)
    ours_ = base.clouds[cloud].machines.get(name)
    other = next((one for one in CLOUDS if one != cloud and name in base.clouds[one].machines), None)
    if not _is_object(fields):
        document.problem(where, "must be an object")
        return None
    if other and not ours_:
        document.problem(where, f"is a machine of {other}, not of {cloud}")
        return None
    if _PRICES & fields.keys() and not fields.get("priceDate"):
        document.problem(where, "has a price without priceDate; write the day on which it held")
    known = ours_.model_dump(by_alias=True, exclude_none=True) if ours_ else {}
    if {"memory", "vcpu"} & fields.keys():
        known.pop("allocatable", None)  # it was read for the machine as it was
    return document.typed(Machine, known | fields, where)


def _items(document: Document, field: str) -> list[Any]:
    items = document.content.get(field) or []
    if isinstance(items, list):
        return items
    document.problem((field,), "must be a list")
    return []


def _is_object(content: Any) -> bool:
    return isinstance(content, dict)
