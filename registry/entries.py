"""A model that a team writes as an object: in the registry's form, or as the block that it had before."""

from typing import Any

from registry import given
from registry.addresses import place
from registry.catalog import Catalog
from registry.records import MODEL_NAME, Model


def entry(content: Any, base: Catalog) -> tuple[str, Model, list[str]]:
    """A model that is written as an object, in the registry's form with a name, or as a given block.

    Returns its name, the model, and warnings. Raises ValidationError or ValueError.
    """
    if not given.is_given(content):
        fields = dict(content)
        name = str(fields.pop("name", "model"))
        if not MODEL_NAME.fullmatch(name):
            raise ValueError(f"{name!r} is no name of a model: letters, digits, and . _ + - within")
        model = Model.model_validate(fields)
        relative = [file.url for variant in model.variants.values() for file in variant.files if "://" not in file.url]
        if relative:
            raise ValueError(f"{relative[0]!r} is not a whole address: https://, http://, hf://, or file:// and a path")
        return name, model, []
    block = given.GivenModel.model_validate(content)
    name = base.replacement(block.uri)
    if name is None:
        return block.name, given.to_model(block), []
    return block.name, *_as_asked(block, name, base.models[name])


def _as_asked(block: given.GivenModel, name: str, model: Model) -> tuple[Model, list[str]]:
    """Our entry for the file that a block names, with the context that it asks for; what is said of it."""
    url = model.variants[model.default].files[0].url
    said = [f"{block.name}: {name} of the registry is used, which pins {url}"]
    if place(block.uri) in map(place, model.replaces):
        said = [f"{block.name}: {block.uri} is dead; {url} is used instead"]
    if block.quantization != model.default:
        raise ValueError(f"quantization is {block.quantization}, and the file is {model.default}")
    if block.context_size > model.context.trained:
        raise ValueError(
            f"context_size is {block.context_size}; {name} was trained with {model.context.trained} tokens"
        )
    context = model.context.model_copy(update={"default": block.context_size})
    return model.model_copy(update={"context": context}), said
