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
CACHE_NAME = WORK / "cache-folder"


def cache() -> Path:
    """The folder of what is built or fetched once.

    `PADDOCK_CACHE` lets several checkouts share one; a checkout remembers the one that it was set up with.
    """
    named = os.environ.get("PADDOCK_CACHE")
    if named:
        return Path(named).resolve()
    return Path(CACHE_NAME.read_text()) if CACHE_NAME.exists() else WORK / "cache"


def remember_cache() -> None:
    WORK.mkdir(exist_ok=True)
    CACHE_NAME.write_text(str(cache()))


def venv_python() -> Path:
    return VENV / "bin" / "python"
