"""The Pulumi CLI: one on PATH, else Pulumi's own release, else built from its Go modules."""

import hashlib
import json
import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from tools import download, paths
from tools.steps import announce, run, say

VERSION = "3.259.0"  # the same as the `pulumi` package in requirements.txt, whose protocol it speaks

# From https://github.com/pulumi/homebrew-tap/blob/51fb494/Formula/pulumi.rb, which Pulumi's release job writes; read
# on 2026-11-22.
RELEASE_SHA256 = {
    "x86_64": ("linux-x64", "94ba357acac23d01474084c4b00098dc0f7bc70ce13f34c777459254a5f718e5"),
    "aarch64": ("linux-arm64", "edc8327463a72160bb36cf82cf5062da9c8a244290a706d9980988e7bf486853"),
}
RELEASE_HOST = "https://get.pulumi.com"
RELEASE_URL = RELEASE_HOST + "/releases/sdk/pulumi-v{version}-{platform}.tar.gz"
GO_NEEDED = "1.21"  # the first that fetches the toolchain which go.mod asks for by itself
MODULES = Path(__file__).parent / "pulumi"
LANGUAGE_HOST = MODULES / "language_host.py"


def ensure() -> Path:
    """The folder that holds a `pulumi` to use; gets it when there is none. Raises Problems."""
    if found := existing():
        if is_built(found):
            _install(LANGUAGE_HOST, found / "pulumi-language-python")
        return found
    announce(
        f"Getting the Pulumi CLI {VERSION}",
        "It computes and makes the changes that the program describes.",
        "about a minute",
    )
    try:
        return _released()
    except download.Unreachable as reason:
        say(f"  Pulumi's release can't be had here ({reason}).")
        return _built()


def existing() -> Path | None:
    """The folder of a suitable `pulumi` that is already there."""
    on_path = shutil.which("pulumi")
    if on_path and _suitable(Path(on_path)):
        return Path(on_path).parent
    return next((folder for folder in (_release_folder(), _build_folder()) if (folder / "pulumi").exists()), None)


def is_built(folder: Path) -> bool:
    """Whether the CLI in `folder` came from the Go modules: then Pulumi's plugins can't be downloaded either."""
    return folder == _build_folder()


def _suitable(pulumi: Path) -> bool:
    """Of the same major version, not older than ours, and with its language host for Python beside it or on PATH."""
    try:
        answer = subprocess.run([pulumi, "version"], capture_output=True, text=True, timeout=20).stdout
    except (OSError, subprocess.TimeoutExpired):
        return False
    found = re.match(r"v?(\d+)\.(\d+)\.(\d+)", answer.strip())
    if not found:
        return False
    version = tuple(map(int, found.groups()))
    ours = tuple(map(int, VERSION.split(".")))
    has_host = (pulumi.resolve().parent / "pulumi-language-python").exists() or shutil.which("pulumi-language-python")
    return version[0] == ours[0] and version >= ours and bool(has_host)


def _release_folder() -> Path:
    return paths.cache() / f"pulumi-{VERSION}-release"


def _build_folder() -> Path:
    sources = b"".join((MODULES / name).read_bytes() for name in ("go.mod", "go.sum"))
    return paths.cache() / f"pulumi-{VERSION}-{hashlib.sha256(sources).hexdigest()[:12]}"


def _released() -> Path:
    if platform.machine() not in RELEASE_SHA256:
        raise download.Unreachable(f"no release is pinned for {platform.machine()}")
    name, sha256 = RELEASE_SHA256[platform.machine()]
    archive = paths.cache() / f"pulumi-v{VERSION}-{name}.tar.gz"
    download.fetch(RELEASE_URL.format(version=VERSION, platform=name), sha256, archive)
    unpacked = paths.cache() / f"pulumi-{VERSION}-release.{os.getpid()}"
    shutil.unpack_archive(archive, unpacked)
    shutil.rmtree(_release_folder(), ignore_errors=True)
    (unpacked / "pulumi").rename(_release_folder())
    shutil.rmtree(unpacked)
    archive.unlink()
    return _release_folder()


def _built() -> Path:
    announce(
        "Building the Pulumi CLI from its Go modules",
        "The same engine as the release, in the versions that tools/pulumi/go.sum pins.",
        "4 to 5 minutes on 2 cores",
    )
    staging = _build_folder().with_name(f"{_build_folder().name}.{os.getpid()}")
    staging.mkdir(parents=True)
    try:
        _compile(staging)
        _add_python(staging)
        shutil.rmtree(_build_folder(), ignore_errors=True)
        staging.rename(_build_folder())
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return _build_folder()


def _compile(target: Path) -> None:
    version = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
    run(
        [
            "go",
            "build",
            "-v",
            "-trimpath",
            "-ldflags",
            f"-s -w -X {version}=v{VERSION}",
            "-o",
            f"{target}/",
            "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi",
        ],
        cwd=MODULES,
        env=_go_environment(),
        failure="The Pulumi CLI could not be built from its Go modules.",
        remedy="check that a Go module proxy can be reached (`go env GOPROXY`), or install Pulumi yourself.",
    )


def _add_python(target: Path) -> None:
    """Puts what runs Python beside the engine: the SDK's executor and host of dynamic providers, our language host."""
    listed = subprocess.run(
        ["go", "list", "-m", "-json", "github.com/pulumi/pulumi/sdk/v3"],
        cwd=MODULES,
        env=_go_environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    sdk = Path(json.loads(listed.stdout)["Dir"]) / "python"
    for source in (sdk / "cmd" / "pulumi-language-python-exec", sdk / "dist" / "pulumi-resource-pulumi-python"):
        _install(source, target / source.name)
    _install(LANGUAGE_HOST, target / "pulumi-language-python")


def _install(source: Path, target: Path) -> None:
    if not target.exists() or target.read_bytes() != source.read_bytes():
        target.write_bytes(source.read_bytes())
        target.chmod(0o755)


def _go_environment() -> dict[str, str]:
    return os.environ | {"CGO_ENABLED": "0", "GOFLAGS": "-mod=readonly"}
