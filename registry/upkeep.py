"""Keeping the registry: an entry for a file from its header, and a question to every host about size and hash."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from registry.catalog import Catalog
from registry.documents import RegistryError
from registry.gguf import GgufError, read_header
from registry.gguf_description import Description, describe
from registry.hosts import HostError, Remote, ranged_reader, resolve
from registry.records import File, Model
from registry.text import table

DEFAULT_CONTEXT = 4096
AT_ONCE = 8  # hosts asked at the same time by `check`
_QUANTIZATION = re.compile(r"[-.](I?Q\d\w*|MXFP4|BF16|F16|F32)$", re.IGNORECASE)
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf)")


def add(url: str, name: str | None, target: Path | None, token: str | None) -> tuple[Any, str]:
    """Reads the header of a file without its weights and writes its entry to a team's registry file, or only shows it.

    All shards of a set are one variant. Raises HostError, RegistryError, ValueError.
    """
    remotes = [resolve(one, token) for one in _shards(url)]
    try:
        description = describe(read_header(ranged_reader(remotes[0], token), remotes[0].size))
    except GgufError as error:
        raise ValueError(f"{remotes[0].shown}: {error}") from error
    chosen = name or _name(remotes[0])
    entry = _entry(description, remotes)
    Model.model_validate(entry)
    document = {"models": {chosen: entry}}
    text = yaml.safe_dump(document, sort_keys=False, width=1000)
    unpinned = [remote.shown for remote in remotes if not remote.sha256]
    notes = [f"# {shown}: its host tells no sha256; the first boot's own is kept and enforced" for shown in unpinned]
    if target is None:
        return document, "\n".join([*notes, text])
    _append(target, chosen, entry)
    return document, f"{chosen} is in {target}."


def check(known: Catalog, token: str | None) -> tuple[Any, str, bool]:
    """Asks the host of every file for size and sha256; what differs, what can't be reached, and whether all is well."""
    files = [
        (name, level, file)
        for name, model in known.models.items()
        for level, variant in model.variants.items()
        for file in variant.files
        if not file.location.startswith("file:")
    ]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        answers = list(pool.map(lambda row: _compared(row[2], token), files))
    rows = [(name, level, file.name, said) for (name, level, file), said in zip(files, answers, strict=True)]
    wrong = [row for row in rows if row[3] != "ok"]
    document = [dict(zip(("model", "quantization", "file", "answer"), row, strict=True)) for row in rows]
    summary = f"{len(rows) - len(wrong)} of {len(rows)} files are what the registry says."
    text = "\n\n".join([table(["model", "quantization", "file", "answer"], wrong), summary]) if wrong else summary
    return document, text, not wrong


def _compared(file: File, token: str | None) -> str:
    try:
        remote = resolve(file.location, token)
    except HostError as error:
        return str(error)
    if file.size is not None and remote.size != file.size:
        return f"has {remote.size} bytes instead of {file.size}"
    if file.sha256 and remote.sha256 and remote.sha256 != file.sha256:
        return f"has sha256 {remote.sha256} instead of {file.sha256}"
    return "ok"


def _shards(url: str) -> Iterator[str]:
    """The addresses of a set of which `url` is one file, in order."""
    shard = _SHARD.search(url)
    if not shard:
        yield url
        return
    for number in range(1, int(shard[2]) + 1):
        yield f"{url[: shard.start()]}-{number:05}-of-{shard[2]}{url[shard.end() :]}"


def _entry(description: Description, remotes: list[Remote]) -> dict[str, Any]:
    quantization = description.quantization or "unknown"
    repository, revision = _identity(remotes[0].url)
    variant = {
        **({"repository": repository, "revision": revision} if repository and revision else {}),
        "files": [_file(remote) for remote in remotes],
    }
    return {
        "task": "embedding" if description.pooling in ("mean", "cls", "last") else _task(description),
        "license": description.license or "unknown",
        "context": {"default": min(description.context, DEFAULT_CONTEXT), "trained": description.context},
        **({"parameters": description.parameters} if description.shards == 1 else {}),
        "shape": {
            "embedding": description.embedding,
            **({"feedForward": description.feed_forward} if description.feed_forward else {}),
            "vocabulary": max(description.vocabulary, 1),
            **({"state": description.state_bytes} if description.state_bytes else {}),
            "kv": [_group(group) for group in description.kv_groups],
        },
        "default": quantization,
        "variants": {quantization: variant},
        **({} if description.chat_template else {"unverified": ["the file holds no chat template; set chatTemplate"]}),
    }


def _task(description: Description) -> str:
    return "rerank" if description.pooling == "rank" else "chat"


def _file(remote: Remote) -> dict[str, Any]:
    pin = {"sha256": remote.sha256} if remote.sha256 else {}
    return {"name": _file_name(remote), "url": remote.shown, "size": remote.size, **pin}


def _group(group: Any) -> dict[str, int]:
    window = {"window": group.window} if group.window else {}
    return {
        "layers": group.layers,
        "heads": group.heads,
        "keyWidth": group.key_width,
        "valueWidth": group.value_width,
        **window,
    }


def _identity(url: str) -> tuple[str | None, str | None]:
    """Repository and commit of a hub's address."""
    match = re.search(r"/([^/]+/[^/]+)/resolve/([0-9a-f]{40})/", urlsplit(url).path)
    return (match[1], match[2]) if match else (None, None)


def _file_name(remote: Remote) -> str:
    return re.sub(r"[^A-Za-z0-9._+-]", "_", PurePosixPath(unquote(urlsplit(remote.url).path)).name)


def _name(remote: Remote) -> str:
    stem = _SHARD.sub("", _file_name(remote)).removesuffix(".gguf")
    return _QUANTIZATION.sub("", stem).lower()


def _append(target: Path, name: str, entry: dict[str, Any]) -> None:
    """Adds an entry to a team's file, and leaves every other line of it as it is."""
    text = target.read_text() if target.exists() else ""
    content = yaml.safe_load(text) or {}
    models = content.get("models") if isinstance(content, dict) else None
    if isinstance(models, dict) and name in models:
        raise RegistryError([f"{target}: models.{name} is there already; choose another with --name"])
    if models is not None and (not isinstance(models, dict) or not re.search(r"^models:[ \t]*$", text, re.MULTILINE)):
        raise RegistryError([f"{target}: models is not a block of names; add what is shown without --registry by hand"])
    block = "".join(f"  {line}\n" for line in yaml.safe_dump({name: entry}, sort_keys=False, width=1000).splitlines())
    if models is None:
        separator = "\n" if text and not text.endswith("\n") else ""
        new = f"{text}{separator}models:\n{block}"
    else:
        new = re.sub(r"^models:[ \t]*\n", lambda found: found[0] + block, text, count=1, flags=re.MULTILINE)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_text(new)
    partial.replace(target)
