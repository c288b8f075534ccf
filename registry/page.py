"""Writes registry/README.md and its pictures from the data: `python -m registry.page [--check]`."""

import statistics
import sys
from collections.abc import Callable
from pathlib import Path

from registry import catalog, cost, pictures, recommend, sizing, speed
from registry.catalog import Catalog
from registry.records import CLOUDS, HERE, Cloud, Model
from registry.text import billions, gigabytes, rate, table, usd
from registry.verdict import Wish

PAGE = HERE / "README.md"
SEEDS = ("tinyllama-1.1b-chat", "phi-3-mini", "llama2-7b-chat")
# The cost table that the project started from: USD per hour of its t3.large, tokens per second, USD per 1K tokens.
GIVEN_MACHINE, GIVEN_HOUR = "t3.large", 0.0928
CLOUD_NAMES = ("Azure ", "AWS ", "GCP ", "OCI ")  # how benchmarks.yaml begins the machines of clouds
MOST_VCPU = 4  # as many as the given machines have at most
GIVEN = {"tinyllama-1.1b-chat": (15, 0.0017), "phi-3-mini": (12, 0.0021), "llama2-7b-chat": (6, 0.0043)}
DOES_NOT_FIT = " **does not fit**"
SHOWN_MACHINES: dict[Cloud, tuple[str, ...]] = {
    "aws": ("t3.large", "t3.xlarge", "c5.xlarge", "c7i.xlarge", "m7g.xlarge", "c8g.2xlarge"),
    "gcp": ("n1-standard-2", "n1-standard-4", "c2-standard-4", "t2d-standard-4", "c4a-standard-4"),
    "azure": ("Standard_D2s_v3", "Standard_D4s_v3", "Standard_F4s_v2", "Standard_D4ps_v6"),
}


def files() -> dict[Path, str]:
    """The page and its pictures, by path."""
    known = catalog.ours()
    return {
        PAGE: page(known),
        HERE / "cost-speed.svg": pictures.cost_against_speed(known, SEEDS),
        HERE / "memory.svg": pictures.memory_by_term(known, SEEDS),
    }


def page(known: Catalog) -> str:
    """The page as Markdown."""
    parts: list[Callable[[Catalog], str]] = [
        _head,
        _models,
        _levels,
        _cost,
        _storage,
        _machines,
        _matrix,
        _speed,
        _team,
    ]
    return "\n\n".join(part(known) for part in parts) + "\n"


def _head(known: Catalog) -> str:
    return f"""# The model registry

{len(known.models)} models and {sum(len(prices.machines) for prices in known.clouds.values())} machine types, and what follows
from them: whether a model fits, how fast it decodes, what it costs. Ask in a terminal, after `make setup` and
`. .paddock/env`:

```console
$ python -m registry list
$ python -m registry show phi-3-mini
$ python -m registry fit llama2-7b-chat --cloud aws --machine c5.xlarge
$ python -m registry recommend qwen3-4b-instruct-2507 --cloud gcp --tokens-per-second 10
$ python -m registry add hf://Qwen/Qwen2.5-0.5B-Instruct-GGUF/qwen2.5-0.5b-instruct-q4_k_m.gguf@main
$ python -m registry check
```

Each takes `--json`, and `--registry FILE` for a team's own file. Speeds and costs are **estimates** unless they say
*measured*; prices have their date and region beside them.

<!-- Generated from models.yaml, instances.yaml and benchmarks.yaml by `python -m registry.page`. -->"""


def _models(known: Catalog) -> str:
    rows = [
        (
            f"`{name}`",
            model.task,
            billions(model.parameters)
            + (f" ({billions(model.active_parameters)} active)" if model.active_parameters else ""),
            ", ".join(f"{level} {gigabytes(variant.size)}" for level, variant in model.variants.items()),
            f"{model.context.default} / {model.context.trained}",
            model.license,
            model.use,
            "; ".join(model.unverified) or "-",
        )
        for name, model in known.models.items()
    ]
    headers = ["name", "task", "weights", "files", "context, default / most", "licence", "use", "not verified"]
    pinned = sum(variant.is_pinned for model in known.models.values() for variant in model.variants.values())
    return f"""## Models

Every file is pinned by revision, size and sha256 ({pinned} of them; the demo's lies in this repository and has no revision): a host that answers anything else is refused.
None needs an access token, as far as is known. Widths and vocabularies are those of the published configurations. Phi-3, Llama 2 and TinyLlama are the models that the project started from; two of their
addresses were dead, and lead to the files here.

{table(headers, rows, "github")}"""


def _levels(known: Catalog) -> str:
    rows = [(f"`{name}`", level.size, level.quality, level.speed, level.note) for name, level in known.levels.items()]
    return f"""## Quantization levels

{table(["level", "size", "quality", "speed", "note"], rows, "github")}"""


def _cost(known: Catalog) -> str:
    aws = known.clouds["aws"]
    rows = []
    for name, (given_speed, given_cost) in GIVEN.items():
        machine_name = aws.recommended[name]
        machine = aws.machines[machine_name]
        right = cost.per_1k_tokens(machine.price, given_speed)
        full = cost.per_1k_tokens(machine.price + cost.burst_surcharge(machine), given_speed)
        rows.append(
            (
                f"`{name}`",
                given_speed,
                _given_machine(known, name),
                usd(given_cost),
                usd(cost.per_1k_tokens(GIVEN_HOUR, given_speed)),
                f"{machine_name}, {usd(machine.price)}",
                usd(right),
                usd(full),
            )
        )
    services = _services(known)
    headers = [
        "model",
        "tok/s stated",
        "given",
        "given per 1K",
        "by the formula",
        "recommended",
        "per 1K",
        "with burst surcharge",
    ]
    llama = recommend.choice(known, _wish(known, "llama2-7b-chat"), "aws", GIVEN_MACHINE).fit
    return f"""## Cost

USD per 1,000 tokens = price per hour / 3600 / tokens per second x 1000, at full use of one stream.

{table(headers, rows, "github")}

The first columns are the table that the project started from; the formula gives its figures. What was wrong in it:
{GIVEN_MACHINE} in {aws.region} is {usd(aws.machines[GIVEN_MACHINE].price)}, not {usd(GIVEN_HOUR)} ({aws.price_date}). With llama.cpp's
default loading, moreover, the weights are in memory twice, mapped and as a copy in the CPU's own layout, and Llama 2 at
{llama.context} tokens does not fit those 8 GiB. Paddock reads the file instead of mapping it; then it needs {llama.total} MiB of the
{llama.available} that the node offers, with {llama.parallel} request at a time. A row that does not fit even so is marked.

T3 is burstable: a machine that decodes all day also pays for what is above its baseline, which is the last column. At 10 %
use a token costs ten times the price per 1K, without the surcharge; with all slots busy, less: the tables below show both.
Disks, control plane and load balancer come on top: {services}."""


def _given_machine(known: Catalog, name: str) -> str:
    fits = recommend.choice(known, _wish(known, name), "aws", GIVEN_MACHINE).fit.fits
    return f"{GIVEN_MACHINE}, {usd(GIVEN_HOUR)}{'' if fits else DOES_NOT_FIT}"


def _services(known: Catalog) -> str:
    """What is billed beside the machines, by cloud."""
    return (
        "; ".join(
            f"{cloud} {usd(one.control_plane)}/h for a control plane, {usd(one.load_balancer)}/h for a load balancer, "
            f"{usd(one.disk_price)} per GB and month of SSD"
            for cloud, one in ((cloud, known.clouds[cloud].services) for cloud in CLOUDS)
        )
        + f" ({known.clouds['aws'].services.date}, from memory and to be checked)"
    )


def _storage(known: Catalog) -> str:
    rows = [
        (
            f"`{name}`",
            gigabytes(model.variants[model.default].size),
            f"{sizing.claim_gib(model.variants[model.default])} GiB",
        )
        for name, model in known.models.items()
        if name in SEEDS
    ]
    return f"""## Storage

A model is downloaded once for each replica, checked, and kept on a ReadWriteOnce claim of an SSD class (gp3, pd-balanced,
Premium SSD). The claim is twice the files, for the next version beside this one, and a tenth more, in steps of
{", ".join(map(str, sizing.CLAIM_STEPS))} GiB.

{table(["model", "files", "claim"], rows, "github")}"""


def _machines(known: Catalog) -> str:
    parts = [
        "## Machines",
        "Recommended for the models that the project started from, and the best value among machines of at most 4 vCPU. Speeds here are modelled; the cost table above uses those that were stated with it. On ARM the speed model is least certain (see below), and a container image for it has to match.",
    ]
    for cloud in CLOUDS:
        prices = known.clouds[cloud]
        rows = []
        for name in SEEDS:
            wish = _wish(known, name)
            given = recommend.choice(known, wish, cloud, prices.recommended[name])
            better = _best_value(known, wish, cloud)
            rows.append((f"`{name}`", *_machine_cells(given), *_machine_cells(better)))
        headers = ["model", "recommended", "tok/s", "per 1K", "best value", "tok/s", "per 1K"]
        alternative = prices.machines[prices.cpu_optimized]
        parts += [
            f"### {cloud}, {prices.region}, {prices.price_date}",
            table(headers, rows, "github"),
            f"CPU-optimized alternative: {prices.cpu_optimized} ({alternative.vcpu} vCPU, {alternative.memory:g} GiB, {usd(alternative.price)}/h). "
            f"Prices: {prices.price_source}.",
        ]
    return "\n\n".join(parts)


def _best_value(known: Catalog, wish: Wish, cloud: Cloud) -> recommend.Choice:
    """The fewest USD per 1K tokens of one stream, on a machine of the size that the table is about."""
    small = [one for one in recommend.choices(known, wish, cloud) if one.machine.vcpu <= MOST_VCPU]
    return min(small, key=lambda one: (one.per_1k_tokens, one.per_hour))


def _machine_cells(one: recommend.Choice) -> tuple[str, str, str]:
    name = f"{one.name} ({usd(one.per_hour)}/h)" + ("" if one.fit.fits else DOES_NOT_FIT)
    return name, rate(one.speed.tokens_per_second), usd(one.per_1k_tokens)


def _matrix(known: Catalog) -> str:
    parts = [
        "## Fit, speed and cost",
        "For each model and machine: slots that fit at the default context, tokens per second of one stream and with all slots "
        "busy, and USD per 1K tokens of each. The price is the machine's with its burst surcharge. A dash does not fit.",
    ]
    for cloud in CLOUDS:
        headers = ["model", *SHOWN_MACHINES[cloud]]
        names = [name for name, model in known.models.items() if model.task == "chat" and name != "paddock-demo"]
        rows = [
            (f"`{name}`", *(_cell(known, name, cloud, machine) for machine in SHOWN_MACHINES[cloud])) for name in names
        ]
        parts += [f"### {cloud}", table(headers, rows, "github")]
    parts.append("![USD per 1K tokens against tokens per second](cost-speed.svg)")
    parts.append("![Memory by term](memory.svg)")
    return "\n\n".join(parts)


def _cell(known: Catalog, name: str, cloud: Cloud, machine: str) -> str:
    one = recommend.choice(known, _wish(known, name), cloud, machine)
    if not one.fit.fits:
        return "-"
    return (
        f"{one.fit.parallel} slots, {rate(one.speed.tokens_per_second)} / {rate(one.speed.batched_tokens_per_second)}, "
        f"{usd(one.per_1k_tokens)} / {usd(one.per_1k_tokens_batched)}"
    )


def _speed(_: Catalog) -> str:
    median, worst = speed.error_summary()
    compared = speed.errors()
    named = [abs(error) for row, error in compared if row.machine.startswith(CLOUD_NAMES)]
    by_machine = f"On the {len(named)} rows of named cloud machines the median is {statistics.median(named):.0%}."
    row, error = max(compared, key=lambda pair: abs(pair[1]))
    return f"""## How speed is estimated

Decoding reads every active weight once for each token: tokens per second = bandwidth / bytes. One core reads
{speed.CORE_BANDWIDTH:g} GB/s and a host {speed.HOST_BANDWIDTH:g} GB/s; below 1 GB on up to {speed.SMALL_VCPU} vCPUs
{1 - speed.SMALL_FACTOR:.0%} is taken off, because unpacking takes longer than reading. All slots busy give up to
{max(speed.BATCHED.values()):g} times the tokens of one stream (measured on 2 vCPU).

Against {len(compared)} of {len(speed.benchmarks())} published speeds ([benchmarks.yaml](benchmarks.yaml); the others lack the
weights or the processors), on which its constants were fitted, the median error is **{median:.0%}**, the worst **{worst:.0%}** ({row.model} on {row.machine}: {error:+.0%}).
{by_machine} A team's own measurement wins over the estimate."""


def _team(_: Catalog) -> str:
    return """## A team's own file

`pulumi config set paddock:registry registry.yaml` lays a file over this registry. It may hold `models` (in the form of
models.yaml, or blocks as below), `machines` by cloud (a known one is changed field by field; a price needs its `priceDate`)
and `measured` speeds:

```yaml
model:
  name: my-model
  uri: https://models.example.com/my-model-q4_k_m.gguf
  size: 1.1GB
  quantization: Q4_K_M
  context_size: 2048
  estimated_tps: 15
machines:
  aws:
    m7g.xlarge: {price: 0.12, priceDate: 2026-11-01}
measured:
  - {model: phi-3-mini, quantization: Q4_K_M, machine: m7g.xlarge, tokensPerSecond: 9.1, date: 2026-11-01}
```

A block without sha256 works, with a warning that says how to pin it; `paddock:requirePinned` forbids it. Its size in words
is used for sizing only."""


def _wish(known: Catalog, name: str) -> Wish:
    model: Model = known.model(name)
    return Wish(name=name, quantization=model.default)


def main() -> int:
    """Writes the files, or with --check says which are not current."""
    stale = {path: text for path, text in files().items() if not path.exists() or path.read_text() != text}
    if "--check" not in sys.argv:
        for path, text in stale.items():
            path.write_text(text)
        return 0
    for path in stale:
        print(
            f"{path.relative_to(HERE.parent)} is not current; write it with: python -m registry.page", file=sys.stderr
        )
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
