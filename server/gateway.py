"""The public port: /v1/* of the manifest's task goes to the engine, everything else is answered here."""

import aiohttp
from aiohttp import web

from server import console
from server.manifest import Manifest
from server.status import State, Status

# The routes of OpenAI's API that llama-server serves for each task.
ROUTES = {
    "chat": ("chat/completions", "completions", "responses", "models"),
    "embedding": ("embeddings", "models"),
    "rerank": ("rerank", "reranking", "models"),
}
_KNOWN = frozenset(route for routes in ROUTES.values() for route in routes)
_RETRY_SECONDS = "2"
# Headers of one connection, which must not go to the other (RFC 9110, 7.6.1), and what each side computes itself.
_OWN_HEADERS = frozenset(
    {
        "connection",
        "keep-alive",
        "transfer-encoding",
        "te",
        "trailer",
        "upgrade",
        "content-length",
        "host",
        "date",
        "server",
    }
)
_BODY_LIMIT = 32 << 20  # bytes


class Gateway:
    """The application of the public port. `engine` is the origin of the engine."""

    def __init__(self, manifest: Manifest, status: Status, session: aiohttp.ClientSession) -> None:
        self.engine = ""
        self._manifest = manifest
        self._status = status
        self._session = session

    def application(self) -> web.Application:
        application = web.Application(client_max_size=_BODY_LIMIT)
        application.router.add_get("/", self._console)
        application.router.add_route("*", "/v1/{route:.*}", self._openai)
        application.router.add_route("*", "/{anything:.*}", self._not_found)
        return application

    async def _console(self, request: web.Request) -> web.Response:
        page = console.page(self._manifest, self._status, f"{request.scheme}://{request.host}")
        return web.Response(text=page, content_type="text/html")

    async def _not_found(self, request: web.Request) -> web.Response:
        return error(404, "invalid_request_error", f"there is no {request.method} {request.path} here")

    async def _openai(self, request: web.Request) -> web.StreamResponse:
        route = request.match_info["route"]
        if route not in _KNOWN:
            return await self._not_found(request)
        if route not in ROUTES[self._manifest.task]:
            return error(
                501,
                "not_supported_error",
                f"/v1/{route} is not served: {self._manifest.model} is a model for {self._manifest.task}",
            )
        if self._status.state is not State.READY:
            return error(503, "server_error", f"the server is {self._status.state}", {"Retry-After": _RETRY_SECONDS})
        return await self._forward(request, route)

    async def _forward(self, request: web.Request, route: str) -> web.StreamResponse:
        """Passes a request on and its answer back, chunk by chunk; a client that goes away ends the engine's work."""
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _OWN_HEADERS}
        try:
            async with self._session.request(
                request.method, f"{self.engine}/v1/{route}", data=body, headers=headers
            ) as answer:
                passed = {name: value for name, value in answer.headers.items() if name.lower() not in _OWN_HEADERS}
                response = web.StreamResponse(status=answer.status, headers=passed)
                await response.prepare(request)
                async for chunk in answer.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
                return response
        except aiohttp.ClientConnectorError:
            return error(502, "server_error", "the engine is not running; it is being restarted")


def error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """An answer in the shape of OpenAI's errors."""
    return web.json_response(
        {"error": {"message": message, "type": kind, "param": None, "code": None}}, status=status, headers=headers
    )
