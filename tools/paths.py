"""Where things lie in a checkout. Everything that is made lies under `.venv` and `.paddock`, both ignored by Git."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
WORK = ROOT / ".paddock"

PULUMI_HOME = WORK / "pulumi-home"
STATE = WORK / "state"
LOCAL_STACKS = WORK / "local"
ENVIRONMENT = WORK / "env"


def cache() -> Path:
    """The folder of what is built or fetched once; `PADDOCK_CACHE` lets several checkouts share one."""
    return Path(os.environ.get("PADDOCK_CACHE") or WORK / "cache").resolve()


def venv_python() -> Path:
    return VENV / "bin" / "python"
