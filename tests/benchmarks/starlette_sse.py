"""The stream as sse-starlette's own response would serve it: a task and a generator for each client.

    python -m tests.benchmarks.starlette_sse DATABASE PORT

What the hub is measured against. It runs until it is stopped.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from sse_starlette import EventSourceResponse

from exporter.stream import sse
from exporter.stream.feed import Feed
from exporter.stream.server import listen


def app(database: Path) -> FastAPI:
    """Return an app with the one route, and the address that says it is up."""
    feed = Feed(database)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        watching = asyncio.create_task(feed.run())
        yield
        feed.close()
        await watching

    async def events() -> AsyncIterator[bytes]:
        place = None
        while not feed.closed:
            news = feed.after(place)
            for event in news.events:
                yield event.framed(sse.frame)
            place = news.place
            await feed.wait(place)

    made = FastAPI(lifespan=lifespan)

    @made.get("/api/pnl/stream", response_class=EventSourceResponse)
    async def stream() -> EventSourceResponse:
        return EventSourceResponse(events(), sep="\n")

    @made.get("/api/health/live")
    async def live() -> dict[str, str]:
        return {"status": "ok"}

    return made


def main(database: str, port: str) -> None:
    """Serve until stopped."""
    server = uvicorn.Server(uvicorn.Config(app(Path(database)), log_level="critical", access_log=False))
    server.run(sockets=[listen(port=int(port))])


if __name__ == "__main__":
    main(*sys.argv[1:])
