"""Problems of a stack, collected and reported together."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

import pulumi


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: the configuration key's full path, what is wrong, and what to do."""

    path: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}\n     {self.remedy}"


# pulumi-language-python-exec: the user has seen what is wrong. For any other code Pulumi adds an error of its own.
_SHOWN = 32


def stop(stack: str, problems: Sequence[Problem]) -> NoReturn:
    """Ends the program with one message that lists every problem."""
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    numbered = [f"  {number}. {problem}" for number, problem in enumerate(sorted(problems), 1)]
    pulumi.log.error("\n".join([f"The configuration of stack '{stack}' has {count}; nothing was changed.", *numbered]))
    sys.exit(_SHOWN)
