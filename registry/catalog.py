"""The whole registry in one value: models, levels, machines, measurements."""

import difflib
import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from registry.addresses import place
from registry.documents import Document, RegistryError
from registry.pinning import unpinned
from registry.records import CLOUDS, HERE, Cloud, CloudMachines, Level, Machine, Measurement, Model


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
        added = (*warnings, *unpinned({name: model}))
        return replace(self, models=self.models | {name: model}, warnings=self.warnings + added)

    def replacement(self, url: str) -> str | None:
        """The name of the model whose file is at `url` now: the file itself, or one that the address led to once."""
        wanted = place(url)
        for name, model in self.models.items():
            files = [file.url for variant in model.variants.values() for file in variant.files]
            if wanted in map(place, [*model.replaces, *files]):
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
    raise_problems(models, machines)
    return Catalog(_present(entries), _present(levels), _present(clouds))


def _present(entries: dict[Any, Any]) -> dict[Any, Any]:
    return {name: entry for name, entry in entries.items() if entry is not None}


def raise_problems(*documents: Document) -> None:
    """Raises RegistryError when any document has problems."""
    problems = [problem for document in documents for problem in document.problems]
    if problems:
        raise RegistryError(problems)
