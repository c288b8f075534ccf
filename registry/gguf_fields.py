"""The fields of a GGUF file's own architecture (`llama.block_count`), checked for type and range."""

from registry.gguf import GgufError, Header

# llama.cpp's LLAMA_MAX_LAYERS.
_LAYERS = 512
_LARGEST = 2**31 - 1


class Fields:
    """The metadata of a language model by the names without the architecture. Methods raise GgufError."""

    def __init__(self, header: Header) -> None:
        self._header = header
        architecture = self.text("general.architecture")
        if not architecture:
            raise GgufError("its metadata does not name an architecture")
        if architecture == "clip":
            raise GgufError("it is a projector for images or sound (mmproj), not a language model")
        self.architecture = architecture
        self.blocks = self.integer("block_count")
        if not 1 <= self.blocks <= _LAYERS:
            raise GgufError(f"it states {self.blocks} layers; llama.cpp takes 1 to {_LAYERS}")
        # Layers that predict further tokens come last, and hold nothing of a request.
        self.layers = self.blocks - self.integer("nextn_predict_layers", 0)
        if self.layers < 0:
            raise GgufError("it states more layers for further tokens than layers")
        self.layers = self.layers or self.blocks

    def text(self, key: str) -> str | None:
        """A text by its full name; None when it is missing or empty."""
        value = self._header.metadata.get(key)
        return (value or None) if isinstance(value, str) else None

    def integer(self, key: str, default: int | None = None) -> int:
        """A whole number; without a default it must be there."""
        name = f"{self.architecture}.{key}"
        value = self._header.metadata.get(name)
        if value is None and name not in self._header.array_lengths and default is not None:
            return default
        if value is None:
            raise GgufError(f"its metadata lacks {name!a}" if name not in self._header.array_lengths else _wrong(name))
        return _whole(value, name)

    def flags(self, key: str) -> list[bool] | None:
        """A list of yes and no, one per layer from the first, no where it is too short; None when it is no list."""
        value = self._header.metadata.get(f"{self.architecture}.{key}")
        if not isinstance(value, tuple):
            return None
        stated = [bool(one) for one in value[: self.layers]]
        return stated + [False] * (self.layers - len(stated))

    def per_layer(self, key: str, default: list[int]) -> list[int]:
        """One number for every layer, from a list of all layers or from a single number for all of them."""
        name = f"{self.architecture}.{key}"
        length = self._header.array_lengths.get(name)
        value = self._header.metadata.get(name)
        if length is None:
            return default if value is None else [_whole(value, name)] * self.layers
        if length != self.blocks or not isinstance(value, tuple):
            raise GgufError(f"its {name!a} has {length} entries for {self.blocks} layers")
        return [_whole(one, name) for one in value[: self.layers]]


def _whole(value: object, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= _LARGEST:
        raise GgufError(_wrong(name))
    return value


def _wrong(name: str) -> str:
    return f"its {name!a} is not a whole number from 0 to {_LARGEST}"
