"""What `make` calls: python3 -m tools COMMAND."""

import argparse
import sys

from tools import development, local_stack
from tools.steps import Problems

COMMANDS = {
    "setup": local_stack.set_up,
    "up": local_stack.up,
    "down": local_stack.down,
    "status": local_stack.status,
    "test": development.test,
    "check": development.check,
    "bench": development.bench,
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python3 -m tools")
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args().command
    try:
        COMMANDS[command]()
    except Problems as error:
        numbered = (
            f"  {number}. {text.replace(chr(10), chr(10) + '  ')}" for number, text in enumerate(error.problems, 1)
        )
        print("\n".join([f"error: `make {command}` can't go on:", *numbered]), file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\ninterrupted; `make {command}` can be run again", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
