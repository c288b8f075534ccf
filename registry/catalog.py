"""The whole registry: ours, and a team's own file laid over it."""

import difflib
import functools
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from registry import given
from registry.documents import Document, Place, RegistryError
from registry.records import CLOUDS, HERE, MODEL_NAME, Cloud, CloudMachines, Level, Machine, Measurement, Model

_PRICES = frozenset({"price", "spot", "burst"})
_TEAM_FIELDS = ("model", "models", "machines", "measured")
_HUB = re.compile(
    r"(?:https://huggingface\.co/|hf://)?(?P<repository>[\w.-]+/[\w.-]+)/(?:(?:resolve|blob)/[^/]+/)?(?P<file>[^/@]+)(?:@.+)?"
)
_HOW_TO_PIN = "pin it: `python -m registry add {url}` writes size and sha256"


class UnknownName(LookupError):
    """A name that the registry does not hold, with the nearest ones that it does."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        names = list(known)
        self.name = name
        self.nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.4) or names[:3]
        super().__init__(f"{name!r} is not a {what} of the registry")


@dataclass(frozen=True)
class Catalog:
    """Models, levels, machines by cloud, a team's measurements, and what to warn of."""

    models: dict[str, Model]
    levels: dict[str, Level]
    clouds: dict[Cloud, CloudMachines]
    measured: tuple[Measurement, ...] = ()
    warnings: tuple[str, ...] = ()

    def model(self, name: str) -> Model:
        """The model of that name. Raises UnknownName."""
        if name not in self.models:
            raise UnknownName("model", name, self.models)
        return self.models[name]

    def machine(self, cloud: Cloud, name: str) -> Machine:
        """The machine type of that name. Raises UnknownName, which names the cloud that has it, if any."""
        machines = self.clouds[cloud].machines
        if name in machines:
            return machines[name]
        other = next((one for one in CLOUDS if name in self.clouds[one].machines), None)
        if other:
            raise UnknownName(f"{cloud} machine (it is one of {other}'s)", name, machines)
        raise UnknownName(f"{cloud} machine", name, machines)

    def with_model(self, name: str, model: Model, *warnings: str) -> "Catalog":
        """The same with one more model, these warnings of it, and one more when it is not pinned."""
        added = (*warnings, *_unpinned({name: model}))
        return replace(self, models=self.models | {name: model}, warnings=self.warnings + added)

    def replacement(self, url: str) -> str | None:
        """The name of the model whose file is at `url` now: the file itself, or one that the address led to once."""
        wanted = _place(url)
        for name, model in self.models.items():
            files = [file.url for variant in model.variants.values() for file in variant.files]
            if wanted in map(_place, [*model.replaces, *files]):
                return name
        return None


@functools.cache
def ours() -> Catalog:
    """The registry of the repository. Raises RegistryError."""
    models, machines = Document(HERE / "models.yaml"), Document(HERE / "instances.yaml")
    entries = {name: models.typed(Model, entry, ("models", name)) for name, entry in models.content["models"].items()}
    levels = {name: models.typed(Level, entry, ("levels", name)) for name, entry in models.content["levels"].items()}
    clouds = {
        cloud: machines.typed(CloudMachines, machines.content["clouds"][cloud], ("clouds", cloud)) for cloud in CLOUDS
    }
    _raise(models, machines)
    return Catalog(_present(entries), _present(levels), _present(clouds))


def with_team(path: Path) -> Catalog:
    """Our registry with a team's file laid over it. Raises RegistryError with every problem of the file."""
    base, document = ours(), Document(path)
    content = document.content
    if not isinstance(content, dict):
        document.problem((), f"must be an object with {', '.join(_TEAM_FIELDS)}")
        _raise(document)
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
    _raise(document)
    shadowed = [f"{name}: the team's file replaces the registry's own entry" for name in models if name in base.models]
    return replace(known, warnings=(*warnings, *shadowed, *_unpinned(models)))


def entry(content: Any, base: Catalog) -> tuple[str, Model, list[str]]:
    """A model that is written as an object, in the registry's form with a name, or as a given block.

    Returns its name, the model, and warnings. Raises ValidationError or ValueError.
    """
    if not given.is_given(content):
        fields = dict(content)
        name = str(fields.pop("name", "model"))
        if not MODEL_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a model: letters, digits, and . _ + - within")
        return name, Model.model_validate(fields), []
    block = given.GivenModel.model_validate(content)
    name = base.replacement(block.uri)
    if name is None:
        return block.name, given.to_model(block), []
    return block.name, *_as_asked(block, name, base.models[name])


def _as_asked(block: given.GivenModel, name: str, model: Model) -> tuple[Model, list[str]]:
    """Our entry for the file that a block names, with the context that it asks for; what is said of it."""
    url = model.variants[model.default].files[0].url
    said = [f"{block.name}: {name} of the registry is used, which pins {url}"]
    if _place(block.uri) in map(_place, model.replaces):
        said = [f"{block.name}: {block.uri} is dead; {url} is used instead"]
    if block.quantization != model.default:
        raise ValueError(f"quantization is {block.quantization}, and the file is {model.default}")
    if block.context_size > model.context.trained:
        raise ValueError(
            f"context_size is {block.context_size}; {name} was trained with {model.context.trained} tokens"
        )
    context = model.context.model_copy(update={"default": block.context_size})
    return model.model_copy(update={"context": context}), said


def _place(url: str) -> str:
    """A file of the hub, however its address is written: repository/file, in lower case; else the address."""
    match = _HUB.fullmatch(url.partition("?")[0])
    return f"{match['repository']}/{match['file']}".lower() if match else url


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
            name, model, said = entry(content, base)
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
        content = {}
    for cloud, machines in content.items():
        if cloud not in CLOUDS:
            document.problem(("machines", cloud), f"is not a cloud; there are {', '.join(CLOUDS)}")
            continue
        if not _is_object(machines):
            document.problem(("machines", cloud), "must be machine types by their names")
            continue
        merged = dict(clouds[cloud].machines)
        for name, fields in machines.items():
            place = ("machines", cloud, name)
            if not _is_object(fields):
                document.problem(place, "must be an object")
                continue
            if _PRICES & fields.keys() and not fields.get("priceDate"):
                document.problem(place, "has a price without priceDate; write the day on which it held")
            other = next((one for one in CLOUDS if one != cloud and name in base.clouds[one].machines), None)
            if other and name not in merged:
                document.problem(place, f"is a machine of {other}, not of {cloud}")
                continue
            known = merged[name].model_dump(by_alias=True, exclude_none=True) if name in merged else {}
            if {"memory", "vcpu"} & fields.keys():
                known.pop("allocatable", None)  # it was read for the machine as it was
            machine = document.typed(Machine, known | fields, place)
            if machine:
                merged[name] = machine
        clouds[cloud] = clouds[cloud].model_copy(update={"machines": merged})
    return clouds


def _items(document: Document, field: str) -> list[Any]:
    items = document.content.get(field) or []
    if isinstance(items, list):
        return items
    document.problem((field,), "must be a list")
    return []


def _unpinned(models: dict[str, Model]) -> tuple[str, ...]:
    return tuple(
        f"{name} ({quantization}) is not pinned: whatever its host answers is served; "
        + _HOW_TO_PIN.format(url=variant.files[0].url)
        for name, model in models.items()
        for quantization, variant in model.variants.items()
        if not variant.is_pinned
    )


def _is_object(content: Any) -> bool:
    return isinstance(content, dict)


def _present(entries: dict[Any, Any]) -> dict[Any, Any]:
    return {name: entry for name, entry in entries.items() if entry is not None}


def _raise(*documents: Document) -> None:
    problems = [problem for document in documents for problem in document.problems]
    if problems:
        raise RegistryError(problems)
