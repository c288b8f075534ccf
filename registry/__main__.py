"""python -m registry: the registry in a terminal, and as JSON for programs."""

import argparse
import json
import math
import os
import sys
from pathlib import Path
from typing import Any

from registry import catalog, commands, overlay, recommend, upkeep
from registry.catalog import Catalog, UnknownName
from registry.documents import RegistryError
from registry.hosts import HostError
from registry.quantity import mebibytes
from registry.records import CLOUDS, Cloud
from registry.verdict import Wish


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0; 1 for a no (it does not fit, a file is wrong); 2 for a question that can't be answered."""
    options = _parser().parse_args(arguments)
    try:
        is_new = options.command == "add" and options.registry and not options.registry.exists()
        known = overlay.with_team(options.registry) if options.registry and not is_new else catalog.ours()
        for warning in known.warnings:
            print(f"warning: {warning}", file=sys.stderr)
        document, text, good = _answer(known, options)
    except RegistryError as error:
        return _refuse(*error.problems)
    except UnknownName as error:
        return _refuse(f"{error}; the nearest are {', '.join(error.nearest)}")
    except (HostError, ValueError) as error:
        return _refuse(str(error))
    try:
        print(json.dumps(document, indent=2, default=str) if options.json else text, flush=True)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0 if good else 1


def _answer(known: Catalog, options: argparse.Namespace) -> tuple[Any, str, bool]:
    match options.command:
        case "list":
            return *commands.models(known, options.task), True
        case "show":
            return *commands.model(known, options.model), True
        case "fit":
            return commands.fit(known, _wish(known, options), *_where(known, options))
        case "recommend":
            answer = commands.recommendation(
                known, _wish(known, options), options.cloud, options.tokens_per_second, options.count
            )
            return *answer, bool(answer[0])
        case "add":
            return *upkeep.add(options.url, options.name, options.registry, options.token), True
        case _:
            return upkeep.check(known, options.token)


def _where(known: Catalog, options: argparse.Namespace) -> tuple[Cloud | None, str | None, float | None]:
    """The cloud and machine that are asked about, or the memory. A cloud alone means the recommended machine."""
    if bool(options.cloud) == bool(options.memory) or (options.machine and not options.cloud):
        raise ValueError("name --cloud and --machine, or --cloud alone for the recommended machine, or --memory")
    if options.cloud and not options.machine:
        chosen = recommend.recommended(known, _wish(known, options), options.cloud)
        if not chosen:
            raise ValueError(f"no machine of {options.cloud} fits; name one with --machine to see why")
        return options.cloud, chosen.name, None
    return options.cloud, options.machine, options.memory


def _wish(known: Catalog, options: argparse.Namespace) -> Wish:
    model = known.model(options.model)
    quantization = options.quantization or model.default
    if quantization not in model.variants:
        raise ValueError(f"{options.model} has no {quantization}; it has {', '.join(model.variants)}")
    if options.context and options.context > model.context.trained:
        raise ValueError(f"{options.model} was trained with {model.context.trained} tokens; --context is more")
    return Wish(
        name=options.model,
        quantization=quantization,
        context=options.context,
        parallel=options.parallel,
        kv_type=options.kv_cache,
    )


def _refuse(*sentences: str) -> int:
    for sentence in sentences:
        print(f"error: {sentence}", file=sys.stderr)
    return 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m registry", description="Models, what they need, and what they cost."
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--json", action="store_true", help="a document for programs instead of words")
    common.add_argument("--registry", type=Path, help="a team's registry file, laid over ours")
    wish = argparse.ArgumentParser(add_help=False)
    wish.add_argument("model", help="a name in the registry")
    wish.add_argument("--quantization", help="default: the model's")
    wish.add_argument("--context", type=_count, help="tokens of one request (default: the model's)")
    wish.add_argument(
        "--parallel", type=_count, help="requests at once (default: the most of 16, 8, 4, 2, 1 that fits)"
    )
    wish.add_argument("--kv-cache", choices=("f16", "q8_0"), default="f16", help="default: %(default)s")
    host = argparse.ArgumentParser(add_help=False)
    host.add_argument("--token", type=_token, help="a file with the access token for gated models")

    commands_ = parser.add_subparsers(dest="command", required=True)
    command = commands_.add_parser("list", parents=[common], help="every model")
    command.add_argument("--task", choices=("chat", "embedding", "rerank"))
    command = commands_.add_parser("show", parents=[common], help="one model")
    command.add_argument("model")
    command = commands_.add_parser("fit", parents=[common, wish], help="whether a model fits a machine")
    command.add_argument("--cloud", choices=CLOUDS)
    command.add_argument("--machine", help="a machine type of --cloud")
    command.add_argument("--memory", type=_memory, help="memory instead of a machine, such as 8Gi")
    command = commands_.add_parser("recommend", parents=[common, wish], help="which machine to take")
    command.add_argument("--cloud", choices=CLOUDS, required=True)
    command.add_argument("--tokens-per-second", type=_rate, default=0.0, help="what one stream must reach")
    command.add_argument("--count", type=_count, default=8, help="machines to list (default: %(default)s)")
    command = commands_.add_parser("add", parents=[common, host], help="an entry for a file, from its header")
    command.add_argument("url", help="https://..., hf://repository/file@revision")
    command.add_argument("--name", help="the entry's name (default: from the file's)")
    commands_.add_parser("check", parents=[common, host], help="ask every host for size and hash")
    return parser


def _count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of 1 or more")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0 < rate < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is no number above 0")
    return rate


def _memory(text: str) -> float:
    try:
        return mebibytes(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _token(text: str) -> str:
    try:
        return Path(text).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise argparse.ArgumentTypeError(f"{text} can't be read as text") from error


if __name__ == "__main__":
    sys.exit(main())
