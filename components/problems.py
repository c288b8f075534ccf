"""Problems of a stack, collected and reported together."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong: the configuration key's full path, what is wrong, and what to do."""

    path: str
    what: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.what}\n     {self.remedy}"


class ConfigurationError(pulumi.RunError):
    """Ends the program with one message that lists every problem; Pulumi shows it without a traceback."""

    def __init__(self, stack: str, problems: Sequence[Problem]) -> None:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        numbered = [f"  {number}. {problem}" for number, problem in enumerate(problems, 1)]
        super().__init__("\n".join([f"The configuration of stack '{stack}' has {count}; nothing was changed.", *numbered]))
        self.problems = list(problems)
