"""llama-server as a child process: started, watched, stopped. It dies with its parent."""

import asyncio
import ctypes
import signal
import socket
import sys
from collections import deque
from pathlib import Path

import aiohttp

from server import cpus, engine_command
from server.engine_command import EngineOptions
from server.manifest import Manifest
from server.status import FinalError

_PR_SET_PDEATHSIG = 1  # prctl(2)
_POLL_SECONDS = 0.1
_STOP_SECONDS = 5
_LAST_WORDS = 20  # lines
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
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._reading: asyncio.Task[None] | None = None

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
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            preexec_fn=_die_with_parent,
        )
        assert self._process.stdout
        self._reading = asyncio.create_task(self._pass_on(self._process.stdout))

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

    async def trained_context(self, session: aiohttp.ClientSession) -> int:
        """The tokens that the loaded model was trained with."""
        async with session.get(f"{self.origin}/v1/models") as answer:
            return (await answer.json())["data"][0]["meta"]["n_ctx_train"]

    def last_words(self) -> str:
        """The last error that the engine wrote, or its last line."""
        errors = [line for line in self._words if " E " in line]
        return (errors or list(self._words) or ["nothing"])[-1]

    async def _pass_on(self, output: asyncio.StreamReader) -> None:
        """Writes what the engine says to our own standard error, and keeps the end of it."""
        while line := await output.readline():
            text = line.decode(errors="replace").rstrip()
            self._words.append(text)
            print(text, file=sys.stderr, flush=True)

    async def wait(self) -> int:
        """Waits until the process ends; its exit code, negative for a signal."""
        assert self._process
        code = await self._process.wait()
        if self._reading:
            await self._reading
        return code

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
