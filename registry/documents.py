"""Reads YAML with the line of every value, so that a problem can be shown where it stands."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

Place = tuple[str | int, ...]
RecordType = TypeVar("RecordType", bound=BaseModel)
# libyaml's parser, where PyYAML was built with it, is ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SCALARS = yaml.SafeLoader("")
_MOST_VALUES = 500_000  # aliases can make a small file expand without end
_LARGEST = 10 << 20  # bytes; a registry of a thousand models has about one million


class RegistryError(Exception):
    """A registry that can't be used: every problem, each with file, line and what to do."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = list(problems)


class Document:
    """A YAML file: its content, and the line of every value in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[str] = []
        self._lines: dict[Place, int] = {}
        self.content = self._read()

    def problem(self, place: Place, what: str) -> None:
        """Notes a problem at a place of the content."""
        dotted = _printable(".".join(str(part) for part in place))
        self.problems.append(f"{self.path}:{self.line(place)}: {f'{dotted}: ' if dotted else ''}{what}")

    def line(self, place: Place) -> int:
        """The line of a place, or of the nearest one around it."""
        return next((self._lines[place[:end]] for end in range(len(place), -1, -1) if place[:end] in self._lines), 1)

    def typed(self, kind: type[RecordType], content: object, place: Place) -> RecordType | None:
        """The content of a place as a record; None, and problems noted, when it is none."""
        try:
            return kind.model_validate(content)
        except ValidationError as error:
            for details in error.errors(include_url=False, include_input=False):
                self.problem((*place, *details["loc"]), _in_words(details["type"], details["msg"]))
            return None

    def _read(self) -> Any:
        try:
            if self.path.stat().st_size > _LARGEST:
                raise RegistryError([f"{self.path}: is larger than {_LARGEST >> 20} MiB; that is no registry"])
            node = yaml.compose(self.path.read_text(encoding="utf-8"), Loader=_LOADER)
            return self._plain(node, ()) if node else {}
        except OSError as error:
            raise RegistryError([f"{self.path}: can't be read: {error.strerror}"]) from error
        except UnicodeDecodeError as error:
            raise RegistryError([f"{self.path}: is not UTF-8 text"]) from error
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = mark.line + 1 if mark else 1
            raise RegistryError([f"{self.path}:{line}: is not YAML: {error.problem or error.context}"]) from error
        except yaml.YAMLError as error:
            raise RegistryError([f"{self.path}: is not YAML: {str(error).splitlines()[0]}"]) from error
        except (ValueError, OverflowError) as error:  # a date or a number that is none
            raise RegistryError(
                [f"{self.path}: holds a value that can't be read: {str(error).splitlines()[0]}"]
            ) from error
        except RecursionError as error:
            raise RegistryError([f"{self.path}: is nested too deeply"]) from error

    def _plain(self, node: yaml.Node, place: Place) -> Any:
        if len(self._lines) > _MOST_VALUES:
            raise RegistryError([f"{self.path}: has too many values; are there aliases in aliases?"])
        self._lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, place)
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(item, (*place, index)) for index, item in enumerate(node.value)]
        try:
            return _SCALARS.construct_object(node)
        except (ValueError, OverflowError, yaml.YAMLError) as error:
            what = str(error).splitlines()[0]
            raise RegistryError(
                [f"{self.path}:{self.line(place)}: {_printable(node.value)!r} can't be read: {what}"]
            ) from error

    def _mapping(self, node: yaml.MappingNode, place: Place) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in result:
                self.problems.append(f"{self.path}:{key_node.start_mark.line + 1}: {key!r} is there already; keep one")
            result[key] = self._plain(value_node, (*place, key))
            self._lines[(*place, key)] = key_node.start_mark.line + 1
        return result


def _printable(text: object) -> str:
    """The text without what could move a terminal's cursor, and not longer than a line."""
    return "".join(char if char.isprintable() else "?" for char in str(text))[:200]


def _in_words(kind: str, message: str) -> str:
    if kind == "extra_forbidden":
        return "is not a field; remove it, or see registry/README.md for the fields"
    if kind == "missing":
        return "is missing"
    if kind == "string_pattern_mismatch":
        return "is not written as it has to be; see registry/README.md"
    text = message.removeprefix("Value error, ").replace("Input should be", "must be")
    return text[0].lower() + text[1:]
