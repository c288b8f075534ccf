"""Set-up, the local stack and checks: what `make` calls.

Standard library only, so that it runs before anything is installed.
"""

import sys

OLDEST = (3, 11)

if sys.version_info < OLDEST:
    # This file alone must parse on an old Python; everything after it may use 3.11.
    sys.exit(
        "error: Paddock needs Python 3.11 or newer, and this is %s.\n" % sys.version.split()[0]  # noqa: UP031
        + "  What to do: install a newer Python and name it, for example: make PYTHON=python3.12 up"
    )
