"""Keeping the registry: an entry for a file from its header, and a question to every host about size and hash."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml
from pydantic import ValidationError

from registry import team_file
from registry.catalog import Catalog
from registry.gguf import GgufError, read_header
from registry.gguf_description import Description, describe
from registry.hosts import HostError, Remote, ranged_reader, resolve
from registry.records import MODEL_NAME, File, Model
from registry.text import table

DEFAULT_CONTEXT = 4096
AT_ONCE = 8  # hosts asked at the same time by `check`
_QUANTIZATION = re.compile(r"[-.](I?Q\d\w*|MXFP4|BF16|F16|F32)$", re.IGNORECASE)
_LICENSE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,60}")
_MOST_SHARDS = 100
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})(?=\.gguf)")


def add(url: str, name: str | None, target: Path | None, token: str | None) -> tuple[Any, str]:
    """Reads the header of a file without its weights and writes its entry to a team's registry file, or only shows it.

    All shards of a set are one variant. Raises HostError, RegistryError, ValueError.
    """
    if name is not None and not MODEL_NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name: letters, digits, and . _ + - within")
    remotes = [resolve(one, token) for one in _shards(url)]
    lost = next((remote.shown for remote in remotes if remote.shown != remote.url), None)
    if lost:
        raise ValueError(f"{lost} is not whole without its query, which a registry does not hold; name a plain address")
    try:
        description = describe(read_header(ranged_reader(remotes[0], token), remotes[0].size))
    except GgufError as error:
        raise ValueError(f"{remotes[0].shown}: {error}") from error
    if description.shards != len(remotes):
        raise ValueError(f"{remotes[0].shown} is one of {description.shards} files, and its name says {len(remotes)}")
    chosen = name or _name(remotes[0])
    entry = _entry(description, remotes)
    try:
        Model.model_validate(entry)
    except ValidationError as error:
        raise ValueError(f"{remotes[0].shown}: {_in_words(error)}; write the entry by hand") from error
    document = {"models": {chosen: entry}}
    text = yaml.safe_dump(document, sort_keys=False, width=1000)
    unpinned = [remote.shown for remote in remotes if not remote.sha256]
    notes = [f"# {shown}: its host tells no sha256; the first boot's own is kept and enforced" for shown in unpinned]
    if target is None:
        return document, "\n".join([*notes, text])
    team_file.append(target, chosen, entry)
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
    if file.sha256 and remote.sha256 != file.sha256:
        return f"has sha256 {remote.sha256} instead of {file.sha256}" if remote.sha256 else "its host tells no sha256"
    return "ok"


def _shards(url: str) -> Iterator[str]:
    """The addresses of a set of which `url` is one file, in order."""
    shard = _SHARD.search(url)
    if not shard:
        yield url
        return
    if not 1 <= int(shard[1]) <= int(shard[2]) <= _MOST_SHARDS:
        raise ValueError(f"{shard[0]!r} is no part of a set of 1 to {_MOST_SHARDS} files")
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
        "license": description.license if _LICENSE.fullmatch(description.license or "") else "unknown",
        "context": {"default": min(description.context, DEFAULT_CONTEXT), "trained": description.context},
        **_parameters(description),
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


def _parameters(description: Description) -> dict[str, int]:
    """The weights, and of a mixture of experts those that a token reads: all but the experts that are not asked."""
    if description.shards != 1:
        return {}
    counts = {"parameters": description.parameters}
    if description.experts and description.experts_used:
        idle = description.expert_parameters * (1 - description.experts_used / description.experts)
        counts["activeParameters"] = max(1, round(description.parameters - idle))
    return counts


def _in_words(error: ValidationError) -> str:
    """What the header lacks, without pydantic's own page."""
    problems = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, details['loc']))}: {details['msg']}" for details in problems)


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
