"""Which architectures keep less than a KV cache of the whole context in every layer.

After llama.cpp 0c1e57098: the `load_arch_hparams` of src/models, llm_arch_is_recurrent and llama_model::create_memory.
An architecture that is not named here is taken to keep everything, so a new one is never sized too small for a window.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Sliding:
    """Of `period` layers one sees everything: the last, or the first. Without a period the file must list them."""

    period: int | None = None
    dense_first: bool = False
    default: int = 0
    fixed: int | None = None


SLIDING = MappingProxyType(
    {
        "afmoe": Sliding(4),
        "cohere2": Sliding(4),
        "cohere2moe": Sliding(4, dense_first=True),
        "exaone-moe": Sliding(4, default=128),
        "exaone4": Sliding(4, default=4096),
        "gemma2": Sliding(2, default=4096),
        "gemma3": Sliding(6),
        "gemma3n": Sliding(5),
        "gemma4": Sliding(),
        "gpt-oss": Sliding(2),
        "granite_swa": Sliding(),
        "laguna": Sliding(4, dense_first=True),
        "lfm2": Sliding(0),
        "llama4": Sliding(4, default=8192, fixed=8192),
        "maple": Sliding(),
        "mellum": Sliding(4),
        "mimo2": Sliding(),
        "muse-glimmer": Sliding(4),
        "olmo2": Sliding(4),
        "plamo3": Sliding(8),
        "smallthinker": Sliding(4, dense_first=True, fixed=4096),
        "spark2_5": Sliding(),
        "step35": Sliding(),
    }
)
NO_CACHE = frozenset(
    [
        "bert",
        "dream",
        "eurobert",
        "gemma-embedding",
        "jina-bert-v2",
        "jina-bert-v3",
        "llada",
        "llada-moe",
        "modern-bert",
        "neo-bert",
        "nomic-bert",
        "nomic-bert-moe",
        "rnd1",
        "wavtokenizer-dec",
    ]
)
RECURRENT = frozenset(["arwkv7", "mamba", "mamba2", "rwkv6", "rwkv6qwen2", "rwkv7"])
# A layer without heads is recurrent.
RECURRENT_BY_HEADS = frozenset(
    [
        "bailingmoe3",
        "glm5-next",
        "granitehybrid",
        "jamba",
        "kimi-k3",
        "kimi-linear",
        "lfm2",
        "lfm2moe",
        "nemotron_h",
        "nemotron_h_moe",
        "plamo2",
    ]
)
# Every so many layers one has attention, the others are recurrent.
RECURRENT_BY_INTERVAL = MappingProxyType({"minimax-01": 8, "qwen35": 4, "qwen35moe": 4, "qwen3next": 4, "qwen4exp": 4})
FALCON_HYBRID = "falcon-h1"
