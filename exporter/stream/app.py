"""The sidecar's routes, behind CORS and gate. Each response is ready bytes of the feed, or from the store.

It reads the store and nothing else: any number of these may run beside one exporter.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Protocol

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.security import HTTPBearer
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from exporter import __version__
from exporter.errors import StoreUnavailable
from exporter.runtime import clock as clocks
from exporter.runtime.clock import StepWatch, said
from exporter.stream import (
    answers,
    aside,
    explain,
    export,
    groups,
    health,
    history,
    models,
    page,
    periods,
    restatements,
    streams,
)
from exporter.stream.events import Event
from exporter.stream.feed import POLL_SECONDS, Feed
from exporter.stream.gate import Access, Gate, Grant
from exporter.stream.hub import HEARTBEAT_SECONDS, MAX_CLIENTS, MAX_PER_ADDRESS, Hub
from exporter.stream.metrics import StreamMetrics
from exporter.stream.remote_read import routes as remote_read
from exporter.stream.scopes import readable
from exporter.stream.tokens import SHORT_SECONDS
from exporter.times import stamp

log = logging.getLogger(__name__)

LONG_POLL_SECONDS = 25.0
"""Longest wait of one poll: below the 30 s after which many proxies give up on an answer."""

MAX_DELTAS = 1_000
DEFAULT_DELTAS = 200
"""Deltas in one answer; a reader further behind asks again from where the answer ends."""

BEARER = HTTPBearer(auto_error=False, description="Where a token is asked for: docs/stream.md, Access.")
REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"model": models.Error, "description": "No valid token."},
    403: {"model": models.Error, "description": "This token, page or host name does not reach here."},
    414: {"model": models.Error, "description": "The query is too long."},
}
UNREADY: dict[int | str, dict[str, Any]] = {
    503: {"model": models.Error, "description": "There is no snapshot to speak of yet."}
}

Clock = Callable[[], datetime]


class Companion(Protocol):
    """What else follows the feed in this process; its trouble is shown, and never ours."""

    name: str
    trouble: str | None

    def register(self, registry: CollectorRegistry) -> None: ...

    async def run(self, feed: Feed) -> None: ...


class _Documented(FastAPI):
    """An app whose OpenAPI document has the snapshot as its definition has it."""

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            self.openapi_schema = models.described(super().openapi())
        return self.openapi_schema


def create_app(
    store_path: Path,
    *,
    poll_seconds: float = POLL_SECONDS,
    heartbeat_seconds: float = HEARTBEAT_SECONDS,
    most: int = MAX_CLIENTS,
    most_per_address: int = MAX_PER_ADDRESS,
    clock: Clock = lambda: datetime.now(UTC),
    monotonic: Callable[[], float] | None = None,
    feed: Feed | None = None,
    companion: Companion | None = None,
    access: Access | None = None,
) -> FastAPI:
    """Return the app that follows the database at `store_path`, which need not exist yet.

    `app.state.feed` is what it follows with; closing it ends the open streams. Without a `monotonic` clock
    the wall clock counts as one that nobody sets.
    """
    followed = feed if feed is not None else Feed(store_path, poll_seconds=poll_seconds)
    metrics = StreamMetrics()
    steps = StepWatch(clock, clocks.of(clock) if monotonic is None else monotonic)

    def stepped(step: timedelta) -> None:
        metrics.clock_stepped(step)
        followed.stepped += step
        log.warning("%s: what is served stays as old as it was", said(step))

    steps.listen(stepped)
    gate = access if access is not None else Access(store_path)
    hub = Hub(
        followed,
        metrics,
        heartbeat_seconds=heartbeat_seconds,
        most=most,
        most_per_address=most_per_address,
        tokens=gate.known,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(each.run()) for each in (followed, hub, steps)]
        for task in tasks:
            task.add_done_callback(_watched)
        beside = asyncio.create_task(companion.run(followed)) if companion is not None else None
        if beside is not None:
            beside.add_done_callback(_companion_watched)
        try:
            yield
        finally:
            followed.close()
            if beside is not None:
                beside.cancel()
                await asyncio.gather(beside, return_exceptions=True)
            for task in tasks[1:]:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    app = _Documented(
        title="NorthStar P&L stream",
        version=__version__,
        summary="The newest snapshot of all figures, what changed since, and how they moved.",
        openapi_url="/api/openapi.json",
        docs_url=None,  # these pages load scripts from another host
        redoc_url=None,
        lifespan=lifespan,
        responses=REFUSALS,
    )
    streaming = streams.router(hub)
    app.add_middleware(
        Gate,
        access=gate,
        direct=streams.endpoints(streaming),
        refusal=answers.refuse_access,
    )
    if gate.origins or gate.demo:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=["*"] if gate.demo else sorted(gate.origins),
            allow_methods=["GET", "POST"],
            allow_headers=["Authorization", "If-None-Match", "Last-Event-ID"],
            expose_headers=["ETag", "Retry-After"],
        )
    app.state.feed, app.state.metrics, app.state.hub = followed, metrics, hub
    if companion is not None:
        companion.register(metrics.registry)
    app.include_router(_pnl(followed, metrics, clock), dependencies=[Depends(BEARER)])
    app.include_router(streaming, dependencies=[Depends(BEARER)])
    app.include_router(groups.router(followed), dependencies=[Depends(BEARER)])
    app.include_router(aside.router(followed), dependencies=[Depends(BEARER)])
    app.include_router(restatements.router(followed), dependencies=[Depends(BEARER)])
    app.include_router(explain.router(store_path), dependencies=[Depends(BEARER)])
    app.include_router(periods.router(store_path), dependencies=[Depends(BEARER)])
    app.include_router(remote_read.router(store_path), dependencies=[Depends(BEARER)])
    app.include_router(export.router(followed), dependencies=[Depends(BEARER)])
    app.include_router(_health(followed, clock, steps, companion))
    app.include_router(_token(gate), dependencies=[Depends(BEARER)])
    app.include_router(_rest(metrics))
    app.include_router(page.router())
    app.mount("/static", page.Files(), name="static")
    app.add_exception_handler(HTTPException, answers.refused)
    app.add_exception_handler(RequestValidationError, answers.misunderstood)
    app.add_exception_handler(history.BadQuestion, answers.senseless)
    app.add_exception_handler(StoreUnavailable, answers.unavailable)
    app.add_exception_handler(Exception, answers.broken)
    return app


def _pnl(feed: Feed, metrics: StreamMetrics, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/api/pnl", tags=["figures"])

    @router.get(
        "/current",
        response_model=models.SnapshotAnswer,
        responses={304: {"description": "If-None-Match names the newest snapshot."}, **UNREADY},
        summary="The newest snapshot, whole; its ETag is the cursor.",
    )
    async def current(request: Request, if_none_match: Annotated[str | None, Header()] = None) -> Response:
        newest = _newest(feed)
        tag = f'"{newest.cursor}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"}
        if if_none_match is not None and _matches(if_none_match, tag):
            return Response(status_code=304, headers=headers)
        body = newest.seen(request.state.grant.scope).body
        return Response(body, media_type="application/json", headers=headers)

    @router.get(
        "/deltas",
        response_model=models.Deltas | models.Resync,
        responses={**UNREADY, 422: {"model": models.Error}},
        summary="Merge patches after a cursor; waits for one when there is none yet.",
    )
    async def deltas(
        request: Request,
        since: Annotated[
            str | None,
            Query(max_length=128, examples=[models.CURSOR_EXAMPLE], description="Cursor: epoch-sequence."),
        ] = None,
        wait: Annotated[
            float,
            Query(
                ge=0, allow_inf_nan=False, description=f"Seconds; at most {LONG_POLL_SECONDS:.0f} are waited."
            ),
        ] = 0.0,
        limit: Annotated[int, Query(ge=1, le=MAX_DELTAS)] = DEFAULT_DELTAS,
    ) -> Response:
        _newest(feed)
        news = await feed.resume(since, limit)
        if not news.events and wait > 0:
            with metrics.client("poll"):
                await feed.wait(news.place, min(wait, LONG_POLL_SECONDS))
            news = feed.after(news.place, limit)
        if since and news.reason is not None:
            metrics.resync(news.reason)
        for event in news.events:
            metrics.sent("poll", event.kind)
        return answers.json_bytes(answers.told(feed, news, request.state.grant.scope))

    @router.get(
        "/history",
        response_model=models.HistoryAnswer,
        responses={**UNREADY, 422: {"model": models.Error}},
        summary="How figures moved: the last snapshot of each step.",
    )
    async def past(
        request: Request,
        start: Annotated[
            str | None, Query(alias="from", description="RFC 3339; default 24 hours before `to`.")
        ] = None,
        end: Annotated[
            str | None, Query(alias="to", description="RFC 3339, not included; default now.")
        ] = None,
        step: Annotated[
            float | None, Query(allow_inf_nan=False, description="Seconds; default 500 steps.")
        ] = None,
        fields: Annotated[
            list[str] | None,
            Query(examples=["today.net,mtd.net"], description="Comma separated; default today.net,mtd.net."),
        ] = None,
    ) -> Response:
        newest = _newest(feed)
        asked = history.question(start, end, step, fields, clock())
        scope = request.state.grant.scope
        if unseen := [field for field in asked.fields if not readable(field, scope)]:
            raise HTTPException(403, f"A token with the scope {scope} does not see {unseen[0]}.")
        found = await feed.history(asked.aligned, asked.end, asked.points)
        return answers.json_answer(
            {
                "epoch": newest.cursor.epoch,
                "sequence": newest.cursor.sequence,
                "as_of": newest.as_of,
                "fields": asked.fields,
                "step": asked.step.total_seconds(),
                "points": history.values(asked, found),
            }
        )

    return router


def _health(feed: Feed, clock: Clock, steps: StepWatch, companion: Companion | None) -> APIRouter:
    router = APIRouter(prefix="/api/health", tags=["health"])
    unready: dict[int | str, dict[str, Any]] = {503: {"model": models.HealthAnswer}}

    def about() -> dict[str, Any]:
        known = {"epoch": feed.epoch, "sequence": feed.sequence}
        return known | {"as_of": feed.as_of} if feed.as_of else known

    async def ready(request: Request) -> Response:
        steps.look()
        parts = health.parts(feed, clock(), time.monotonic())
        grant = request.state.grant
        if grant is None or grant.scope != "all":
            parts = {name: {"ok": part["ok"]} for name, part in parts.items()}
        well = all(part["ok"] for part in parts.values())
        if companion is not None:  # said, but no reason to send clients elsewhere
            parts[companion.name] = health.part(companion.trouble)
        answer = {"status": "ok" if well else "unready"} | about() | {"parts": parts}
        return answers.json_answer(answer, 200 if well else 503)

    for path, summary in (("", "Same as /ready."), ("/ready", "Whether the figures here can be relied on.")):
        router.add_api_route(
            path, ready, response_model=models.HealthAnswer, responses=unready, summary=summary
        )

    @router.get("/live", response_model=models.LiveAnswer, summary="Whether the process answers at all.")
    async def live() -> Response:
        return answers.json_answer({"status": "ok"} | about())

    return router


def _token(access: Access) -> APIRouter:
    router = APIRouter(prefix="/api", tags=["access"])

    @router.post(
        "/token",
        response_model=models.ShortLived,
        summary="A short-lived token for an address, where no header can be sent.",
    )
    async def token(request: Request) -> Response:
        grant: Grant = request.state.grant
        text, until = "", int(access.clock()) + SHORT_SECONDS
        if grant.token is not None:
            if "authorization" not in request.headers:
                raise HTTPException(403, "A short-lived token makes no other: send the token it came from.")
            text, until = access.tokens.sign(grant.token, access.clock())
        expires = stamp(datetime.fromtimestamp(until, UTC))
        answer = {"token": text, "scope": grant.scope, "expires_at": expires, "expires_in": SHORT_SECONDS}
        return answers.json_answer(answer)

    return router


def _rest(metrics: StreamMetrics) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/metrics")
    async def scraped() -> Response:
        return Response(
            metrics.render(), headers={"Content-Type": CONTENT_TYPE_LATEST} | answers.JSON_HEADERS
        )

    return router


def _newest(feed: Feed) -> Event:
    newest = feed.current()
    if newest is None:
        raise StoreUnavailable(feed.trouble or "The exporter has published no snapshot yet.")
    return newest


def _matches(if_none_match: str, tag: str) -> bool:
    """Whether a list of entity tags names this one; weak or strong is the same for a GET."""
    return any(part.strip().removeprefix("W/") in (tag, "*") for part in if_none_match.split(","))


def _watched(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("The feed stopped; health says so from now on.", exc_info=error)


def _companion_watched(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("A companion of the feed stopped; the feed goes on.", exc_info=error)
