"""The block that teams had before: {name, uri, size, quantization, context_size, estimated_tps}."""

import re
from pathlib import PurePosixPath
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from registry.records import ADDRESS, Context, Count, File, Model, ModelName, Number, Record, Stated, Variant

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_LARGEST = 10**15  # bytes; no model is larger
_SIZE = re.compile(r"\s*~?\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-z]*)\s*")


def _checked(size: str | float) -> str | float:
    bytes_in_words(size)
    return size


class GivenModel(Record):
    """The block, field by field. `size` may be words ("1.1GB") or bytes; `sha256` pins it."""

    model_config = Record.model_config | {"alias_generator": None}

    name: ModelName
    uri: Annotated[str, Field(pattern=f"^{ADDRESS}$")]
    size: Annotated[str | int | float, AfterValidator(_checked)]
    quantization: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    context_size: Count
    estimated_tps: Annotated[Number, Field(gt=0)] | None = None
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = None


def is_given(content: Any) -> bool:
    """Whether a block has this form rather than the registry's."""
    return isinstance(content, dict) and "variants" not in content and bool({"uri", "context_size"} & content.keys())


def bytes_in_words(size: str | float) -> int:
    """The bytes of a size such as "1.1GB", "700 MiB" or 668788096. Raises ValueError."""
    match = _SIZE.fullmatch(str(size))
    if isinstance(size, bool) or not match or match[2].upper() not in _UNITS:
        raise ValueError(f"{size!r} is not a size such as 1.1GB")
    count = float(match[1]) * _UNITS[match[2].upper()]
    if not 1 <= count <= _LARGEST:
        raise ValueError(f"{size!r} is no size of a model")
    return int(count)


def to_model(given: GivenModel) -> Model:
    """The block as an entry of the registry. Raises ValueError for a size that is none."""
    file = File(name=_file_name(given.uri), url=given.uri, sha256=given.sha256)
    variant = Variant(files=(file,), approximate_size=bytes_in_words(given.size))
    stated = Stated(tokens_per_second=given.estimated_tps) if given.estimated_tps else None
    return Model(
        context=Context(default=given.context_size, trained=given.context_size),
        stated=stated,
        default=given.quantization,
        variants={given.quantization: variant},
        unverified=("everything but the address: `python -m registry add` reads the rest",),
    )


def _file_name(uri: str) -> str:
    path = urlsplit(uri).path if "://" in uri else uri
    return re.sub(r"[^A-Za-z0-9._+-]", "_", PurePosixPath(path.partition("@")[0]).name) or "model.gguf"
