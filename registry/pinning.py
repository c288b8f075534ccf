"""Whether what is served can ever change, and how to see that it can't."""

from registry.records import Model, Variant


def unpinned(models: dict[str, Model]) -> tuple[str, ...]:
    """A warning for each variant of these models that has no sha256."""
    return tuple(
        f"{name} ({quantization}) is not pinned: whatever is at its address is served; " + how_to_pin(variant)
        for name, model in models.items()
        for quantization, variant in model.variants.items()
        if not variant.is_pinned
    )


def how_to_pin(variant: Variant) -> str:
    """What to do about a variant without sha256."""
    url = variant.files[0].url
    if url.startswith("file:"):
        return "pin it: write the file's sha256 into its entry (`sha256sum` tells it)"
    return f"pin it: `python -m registry add {url}`, in a checkout of Paddock, writes size and sha256"
