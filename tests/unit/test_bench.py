"""The benchmark's sparse models, read back by the registry's own reader, and its report."""

from pathlib import Path

import pytest

from registry import catalog, gguf
from registry.gguf_description import describe
from tools.bench import report, sparse_model
from tools.bench.report import Row

OURS = catalog.ours()


@pytest.mark.parametrize("name", ["tinyllama-1.1b-chat", "qwen2.5-0.5b-instruct", "gemma-3-1b-it", "phi-3-mini"])
def test_a_sparse_model_has_the_registry_s_shape_and_its_file_s_size_and_takes_no_disk(
    name: str, tmp_path: Path
) -> None:
    file, model = tmp_path / "model.gguf", OURS.model(name)
    sparse_model.write(name, model, "Q4_K_M", file)
    with file.open("rb") as source:

        def read(offset: int, length: int) -> bytes:
            source.seek(offset)
            return source.read(length)

        made = describe(gguf.read_header(read, file.stat().st_size))
    shape = model.shape
    assert shape
    assert (made.embedding, made.feed_forward, made.vocabulary) == (
        shape.embedding,
        shape.feed_forward,
        shape.vocabulary,
    )
    assert made.parameters == pytest.approx(model.parameters, rel=0.001)
    assert {(group.layers, group.heads, group.key_width, group.window) for group in made.kv_groups} == {
        (group.layers, group.heads, group.key_width, group.window) for group in shape.kv
    }
    assert file.stat().st_size == pytest.approx(model.variants["Q4_K_M"].size, rel=0.01)
    assert file.stat().st_blocks * 512 < 0.05 * file.stat().st_size


def test_the_report_replaces_its_own_section_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "performance.md"
    monkeypatch.setattr(report, "PAGE", page)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "results" / "memory.json")
    page.write_text("# Performance\n\n## Memory\n\nof before\n\n## Speed\n\nfast\n")
    fields = {"model": "m", "quantization": "Q8_0", "context": 1, "parallel": 1, "kv_cache": "f16", "prompt_tokens": 1}
    row = Row(**fields, file=1, predicted=90, measured=100.0)  # pyright: ignore[reportArgumentType]
    report.write([row], {"machine": "a", "cpu": "b", "date": "c", "engine": "d"})
    text = page.read_text()
    assert "of before" not in text and "-10.0%" in text
    assert text.startswith("# Performance\n\n## Memory\n") and text.endswith("\n\n## Speed\n\nfast\n")
