"""The admin port: health, progress and metrics, answered from the first second, whatever the engine does."""

import aiohttp
from aiohttp import web
from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest

from server.status import State, Status

_ENGINE_SECONDS = aiohttp.ClientTimeout(total=2)


class Admin:
    """The application of the admin port. `engine` is the origin of the engine, empty before it is loaded."""

    def __init__(self, status: Status, session: aiohttp.ClientSession) -> None:
        self.engine = ""
        self._status = status
        self._session = session
        self._registry = CollectorRegistry()
        state = Gauge("paddock_state", "1 for the state that the server is in", ["state"], registry=self._registry)
        for one in State:
            state.labels(one).set_function(lambda one=one: float(status.state is one))
        fetched = Gauge("paddock_download_bytes", "bytes of the model that are here", registry=self._registry)
        fetched.set_function(lambda: status.bytes)
        total = Gauge("paddock_download_total_bytes", "bytes of the model", registry=self._registry)
        total.set_function(lambda: status.total)
        self.restarts = Counter(
            "paddock_engine_restarts", "times that the engine was started again", registry=self._registry
        )

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_get("/livez", self._livez)
        application.router.add_get("/readyz", self._readyz)
        application.router.add_get("/startupz", self._startupz)
        application.router.add_get("/metrics", self._metrics)
        return application

    async def _livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def _readyz(self, _: web.Request) -> web.Response:
        return web.Response(text=f"{self._status.state}\n", status=200 if self._status.state is State.READY else 503)

    async def _startupz(self, _: web.Request) -> web.Response:
        return web.json_response(self._status.document())

    async def _metrics(self, _: web.Request) -> web.Response:
        ours = generate_latest(self._registry).decode()
        return web.Response(
            text=ours + await self._engine_metrics(),
            headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )

    async def _engine_metrics(self) -> str:
        if not self.engine:
            return ""
        try:
            async with self._session.get(f"{self.engine}/metrics", timeout=_ENGINE_SECONDS) as answer:
                return await answer.text() if answer.status == 200 else ""
        except (aiohttp.ClientError, TimeoutError):
            return ""
