"""The life of a server: ports first, then the model, then the engine, until SIGTERM or a final error."""

import asyncio
import json
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

import aiohttp
from aiohttp import web

from server.admin import Admin
from server.engine import Engine
from server.fetch import fetch
from server.gateway import Gateway
from server.manifest import Manifest
from server.status import FinalError, State, Status
from server.threads import in_daemon_thread

_TERMINATION_LOG = Path("/dev/termination-log")  # where Kubernetes reads why a container ended
_RESTARTS = 5  # starts in a row without a minute of service, after which the engine is given up
_SERVICE_SECONDS = 60


@dataclass(frozen=True)
class Listen:
    """Where the two ports are."""

    host: str
    port: int
    admin_port: int


async def run(manifest: Manifest, models: Path, listen: Listen) -> int:
    """Serves the manifest's model until SIGTERM; the process's exit code."""
    status = Status()
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, timeout=aiohttp.ClientTimeout(total=None), auto_decompress=False
    ) as session:
        supervisor = Supervisor(manifest, models, status, session)
        runners: list[web.AppRunner] = []
        try:
            await _listen(runners, supervisor, listen)
            return await supervisor.run()
        except FinalError as error:
            status.state, status.error = State.FAILED, str(error)
            report(str(error))
            return 1
        finally:
            for runner in runners:
                await runner.cleanup()


def report(sentence: str) -> None:
    """Says why the process ends, where people and Kubernetes look."""
    print(sentence, file=sys.stderr, flush=True)
    if _TERMINATION_LOG.exists():
        _TERMINATION_LOG.write_text(sentence)


async def _listen(runners: list[web.AppRunner], supervisor: "Supervisor", listen: Listen) -> None:
    for application, port in (
        (supervisor.admin.application(), listen.admin_port),
        (supervisor.gateway.application(), listen.port),
    ):
        # Without the cancellation, a handler runs on when its client has gone.
        runner = web.AppRunner(application, handler_cancellation=True, access_log=None, shutdown_timeout=0)
        await runner.setup()
        runners.append(runner)
        try:
            await web.TCPSite(runner, listen.host, port).start()
        except OSError as error:
            raise FinalError(f"port {port} of {listen.host} can't be listened on: {error.strerror}") from error


class Supervisor:
    """Takes a manifest through the states."""

    def __init__(self, manifest: Manifest, models: Path, status: Status, session: aiohttp.ClientSession) -> None:
        self.gateway = Gateway(manifest, status, session)
        self.admin = Admin(status, session)
        self._manifest = manifest
        self._models = models
        self._status = status
        self._session = session

    async def run(self) -> int:
        """Runs until SIGTERM or SIGINT; 0. Raises FinalError."""
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stopped.set)
        serving = asyncio.create_task(self._serve())
        stopping = asyncio.create_task(stopped.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if serving.done():
            stopping.cancel()
            await serving
        self._enter(State.DRAINING)
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)
        self._enter(State.STOPPED)
        return 0

    async def _serve(self) -> None:
        files = await in_daemon_thread(fetch, self._manifest, self._models, self._status)
        weights = next(path for path, file in zip(files, self._manifest.files, strict=True) if file.role == "weights")
        failures = 0
        while True:
            self._enter(State.LOADING)
            served = await self._serve_once(weights)
            failures = 0 if served >= _SERVICE_SECONDS else failures + 1
            if failures >= _RESTARTS:
                raise FinalError(f"the engine died {failures} times in a row; the log has its last words")
            self.admin.restarts.inc()
            await asyncio.sleep(min(2 ** (failures - 1), 30) if failures else 0)

    async def _serve_once(self, weights: Path) -> float:
        """Runs one engine until it dies; the seconds that it was ready. Raises FinalError when it can never be."""
        engine = Engine(self._manifest, weights)
        loop = asyncio.get_running_loop()
        try:
            await engine.start()
            if not await engine.wait_until_loaded(self._session):
                code = await engine.wait()
                if code > 0:  # it refused; a signal may pass
                    raise FinalError(f"llama-server can't load {weights.name}: {engine.last_words()}")
                return 0
            await self._check_context(engine)
            self.gateway.engine = self.admin.engine = engine.origin
            self._enter(State.READY)
            ready = loop.time()
            await engine.wait()
            return loop.time() - ready
        finally:
            await engine.stop()

    async def _check_context(self, engine: Engine) -> None:
        trained = await engine.trained_context(self._session)
        if self._manifest.context > trained:
            sentence = (
                f"context is {self._manifest.context}, and {self._manifest.model} was trained with {trained} tokens"
            )
            raise FinalError(sentence)

    def _enter(self, state: State) -> None:
        self._status.state = state
        print(json.dumps({"event": "state", "state": state, "model": self._manifest.model}), flush=True)
