"""The public port: /v1/* of the manifest's task goes to the engine, everything else is answered here."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

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
# What goes on to the engine and back. Without Origin the engine allows no foreign page to read its answers.
_PASSED_ON = frozenset({"content-type", "accept"})
_PASSED_BACK = frozenset({"content-type", "cache-control"})
_BODY_LIMIT = 32 << 20  # bytes

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Gateway:
    """The application of the public port. `engine` is the origin of the engine."""

    def __init__(self, manifest: Manifest, status: Status, session: aiohttp.ClientSession) -> None:
        self.engine = ""
        self._manifest = manifest
        self._status = status
        self._session = session

    def application(self) -> web.Application:
        application = web.Application(client_max_size=_BODY_LIMIT, middlewares=[in_openai_s_shape])
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
        if request.method != ("GET" if route == "models" else "POST"):
            return error(405, "invalid_request_error", f"/v1/{route} does not take {request.method}")
        if route not in ROUTES[self._manifest.task]:
            reason = f"/v1/{route} is not served: {self._manifest.model} is a model for {self._manifest.task}"
            return error(501, "not_supported_error", reason)
        if self._status.state is not State.READY:
            wait = {"Retry-After": _RETRY_SECONDS}
            return error(503, "server_error", f"the server is {self._status.state}", wait)
        return await self._forward(request, route)

    async def _forward(self, request: web.Request, route: str) -> web.StreamResponse:
        """Passes a request on and its answer back, chunk by chunk; a client that goes away ends the engine's work."""
        body = await request.read()
        headers = {name: value for name, value in request.headers.items() if name.lower() in _PASSED_ON}
        url = f"{self.engine}/v1/{route}"
        try:
            async with self._session.request(request.method, url, data=body, headers=headers) as answer:
                return await _passed_back(request, answer)
        except aiohttp.ClientError:
            return error(502, "server_error", "the engine ended while it worked on this; it is being started again")


async def _passed_back(request: web.Request, answer: aiohttp.ClientResponse) -> web.StreamResponse:
    kept = {name: value for name, value in answer.headers.items() if name.lower() in _PASSED_BACK}
    response = web.StreamResponse(status=answer.status, headers=kept)
    if answer.content_type != "text/event-stream":
        # The whole answer before the first byte: an engine that dies in it is a 502, not half an answer.
        return web.Response(status=answer.status, headers=kept, body=await answer.read())
    await response.prepare(request)
    try:
        async for chunk in answer.content.iter_any():
            await response.write(chunk)
    except aiohttp.ClientError:
        await response.write(_frame("server_error", "the engine ended while it worked on this"))
    await response.write_eof()
    return response


@web.middleware
async def in_openai_s_shape(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Errors that aiohttp raises itself, such as for a body that is too large, in the shape of OpenAI's."""
    try:
        return await handler(request)
    except web.HTTPException as raised:
        return error(raised.status, "invalid_request_error", raised.text or raised.reason)


def error(status: int, kind: str, message: str, headers: dict[str, str] | None = None) -> web.Response:
    """An answer in the shape of OpenAI's errors."""
    return web.json_response(_document(kind, message), status=status, headers=headers)


def _document(kind: str, message: str) -> dict[str, Any]:
    return {"error": {"message": message, "type": kind, "param": None, "code": None}}


def _frame(kind: str, message: str) -> bytes:
    """An error within a stream, and its end."""
    return f"data: {json.dumps(_document(kind, message))}\n\ndata: [DONE]\n\n".encode()
