"""Set-up, the local stack and checks: what `make` calls. Standard library only, so that it runs before anything is installed."""

import sys

if sys.version_info < (3, 11):
    # This file alone must parse on an old Python; everything after it may use 3.11.
    sys.exit(
        "error: Paddock needs Python 3.11 or newer, and %s is %d.%d.\n"
        "  What to do: install a newer Python and name it, for example: make PYTHON=python3.12 up" % (sys.executable, sys.version_info[0], sys.version_info[1])
    )
