"""llama-server as a child process: started, watched, stopped. It dies with its parent."""

import asyncio
import ctypes
import signal
import socket
import sys
from pathlib import Path

import aiohttp

from server import cpus, engine_command
from server.engine_command import EngineOptions
from server.manifest import Manifest
from server.status import FinalError

_PR_SET_PDEATHSIG = 1  # prctl(2)
_POLL_SECONDS = 0.1
_STOP_SECONDS = 5
_LIBC = ctypes.CDLL(None)


class Engine:
    """One llama-server for one manifest. `origin` is where it listens, on loopback."""

    def __init__(self, manifest: Manifest, weights: Path) -> None:
        self._options = EngineOptions(
            model=weights,
            alias=manifest.model,
            port=_free_port(),
            context=manifest.context,
            parallel=manifest.parallel,
            kv_cache=manifest.kv_cache,
            threads=cpus.threads(),
            chat_template=manifest.chat_template,
        )
        self.origin = f"http://127.0.0.1:{self._options.port}"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Starts the process. Raises FinalError when there is no suitable llama-server."""
        try:
            program = engine_command.find(engine_command.candidates())
        except FileNotFoundError as error:
            raise FinalError(str(error)) from error
        self._process = await asyncio.create_subprocess_exec(
            program,
            *engine_command.arguments(self._options),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=sys.stderr,
            preexec_fn=_die_with_parent,
        )

    async def wait_until_loaded(self, session: aiohttp.ClientSession) -> bool:
        """Waits until it has loaded the model. False when it died instead."""
        while self._process and self._process.returncode is None:
            try:
                async with session.get(f"{self.origin}/health") as answer:
                    if answer.status == 200:
                        return True
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(_POLL_SECONDS)
        return False

    async def wait(self) -> int:
        """Waits until the process ends; its exit code, negative for a signal."""
        assert self._process
        return await self._process.wait()

    async def stop(self) -> None:
        """Ends the process: asked first, killed after five seconds."""
        if not self._process or self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), _STOP_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


def _die_with_parent() -> None:
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
