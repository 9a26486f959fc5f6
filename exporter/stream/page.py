"""The live page and the modules for other people's pages: no build step, nothing from another host."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Awaitable, Callable

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from exporter.stream import modules
from exporter.stream.modules import STATIC

SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # Asked again each time, answered 304: a page and a script of two versions never meet.
    "Cache-Control": "no-cache",
}

EMBEDDED = {
    # Code that anybody may read anyway; the figures themselves have their own list of origins.
    "Access-Control-Allow-Origin": "*",
    "Cross-Origin-Resource-Policy": "cross-origin",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class Files(StaticFiles):
    """Static files with the headers of the page."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(SECURITY)
        return response


def router() -> APIRouter:
    """Return the routes of the page and of the modules with their types."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def index() -> Response:
        return FileResponse(STATIC / "index.html", media_type="text/html; charset=utf-8", headers=SECURITY)

    for name in modules.ENTRIES:
        types = modules.types(name)
        routes.add_api_route(f"/{name}", _serve(modules.module(name), "text/javascript"))
        routes.add_api_route(f"/{types.name}", _serve(types.read_text(encoding="utf-8"), "text/plain"))
    return routes


def _serve(text: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    body = text.encode()
    packed = gzip.compress(body, mtime=0)
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'

    async def answer(request: Request) -> Response:
        headers = EMBEDDED | {"ETag": tag, "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == tag:
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            return Response(packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=media_type)
        return Response(body, headers=headers, media_type=media_type)

    return answer
