"""python -m server: runs a model server in the foreground."""

import argparse
import asyncio
import logging
import sys
from pathlib import Path

from server import manifest, supervisor


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m server", description="Fetches the manifest's model and serves the OpenAI API."
    )
    parser.add_argument("--manifest", type=Path, required=True, help="the model manifest, a JSON file")
    parser.add_argument("--models", type=Path, required=True, help="folder that models are kept in")
    parser.add_argument("--host", default="127.0.0.1", help="address of both ports (default: %(default)s)")
    parser.add_argument("--port", type=_port, default=8080, help="OpenAI API and console (default: %(default)s)")
    parser.add_argument("--admin-port", type=_port, default=9090, help="health and metrics (default: %(default)s)")
    arguments = parser.parse_args()
    try:
        document = manifest.load(arguments.manifest)
    except manifest.ManifestError as error:
        supervisor.report(str(error))
        return 2
    # A request that is no HTTP is answered with 400; its bytes have no place in the log.
    logging.getLogger("aiohttp.server").setLevel(logging.CRITICAL)
    listen = supervisor.Listen(arguments.host, arguments.port, arguments.admin_port)
    return asyncio.run(supervisor.run(document, arguments.models, listen))


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 65535):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: a number from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
