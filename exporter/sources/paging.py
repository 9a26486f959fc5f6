"""Pagination: whole lists or nothing. Raw answers travel with the result, or with the error that ended it.

Rule:   an envelope that cannot be trusted (no list, a page without end, a token that repeats) is refused with
        all that is in it; of the rows each stands for itself, see `listing`.

Bound:  MAX_PAGES for each list, MAX_RESTARTS for one that expires, and the bytes of a whole reading. Repeated
        cursors are refused, since following one never ends.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from exporter.errors import SourceError, SourceMalformed, SourceUnavailable
from exporter.records import Answer, Aside, Listed
from exporter.sources.contract import Window
from exporter.sources.http import HttpClient
from exporter.sources.listing import Sorter
from exporter.sources.shapes import first_trouble

MAX_PAGES = 2_000
"""Two million rows of the venue. Beyond that a server is more likely to walk in circles than to have more."""

MAX_BYTES = 64 * 1024 * 1024
"""Of one reading. The most that is read again at once is 20 000 rows, of a kilobyte each."""

MAX_FIRST_BYTES = 512 * 1024 * 1024
"""Of the first reading of a source that lists all it has ever known: a million sales."""

GONE = 410
MAX_RESTARTS = 2
"""A list is renewed every few hours and read in seconds: a third time is no coincidence."""

Page = TypeVar("Page", bound=BaseModel)
Params = Sequence[tuple[str, str]]


def room_for(window: Window) -> int:
    """Return how many bytes the reading of a window may have."""
    return MAX_FIRST_BYTES if window.start is None else MAX_BYTES


class Collector:
    """Collects the pages of one fetch, the raw answers it came by, and the rows that had to be set aside.

    `room` is how many bytes all of its answers may have together.
    """

    def __init__(self, client: HttpClient, room: int = MAX_BYTES) -> None:
        self.client = client
        self._room = self._left = room
        self.answers: list[Answer] = []
        self.rows = Sorter(client.source)
        self.listed: list[Listed] = []

    @property
    def aside(self) -> tuple[Aside, ...]:
        """The rows that could not be read."""
        return self.rows.aside

    def went_through(self, listed: str, since: datetime | None = None, over: datetime | None = None) -> None:
        """Note that a list was read to its end: what was set aside of it and is not there now is gone, and so
        is what happened before `over`."""
        self.listed.append(Listed(listed, since, over))

    def malformed(self, field: str, what: str) -> SourceMalformed:
        """Return the error for a field that is not as agreed."""
        return SourceMalformed(
            self.client.source,
            field,
            f"{self.client.title} answered in an unexpected shape: {field} {what}; nothing of it was booked.",
            answers=self.answers,
        )

    async def one(self, path: str, model: type[Page], params: Params = ()) -> Page:
        """Return one parsed answer."""
        return self._parse(await self._get(path, params), model)

    async def one_or_none(
        self, path: str, model: type[Page], params: Params = (), *, tolerate: Collection[int]
    ) -> Page | None:
        """Return one parsed answer; None when its status is one of `tolerate`."""
        answer = await self._get(path, params, tolerate)
        return None if answer.status in tolerate else self._parse(answer, model)

    async def pages(
        self,
        path: str,
        model: type[Page],
        params: Params,
        *,
        cursor: str,
        follow: Callable[[Page], str | None],
        field: str,
        tolerate: Collection[int] = (),
        may_expire: bool = False,
    ) -> list[Page]:
        """Return every page of a list.

        `follow` gives the next value of the parameter `cursor`, None at the end; `field` is where the
        answer holds it, to name it when it repeats.
        A first page with a status of `tolerate` is an empty list. Where a list `may_expire`, because its
        rows were renewed while it was read, it is read again from its first page.
        """
        found: list[Page] = []
        seen: set[str] = set()
        token: str | None = None
        restarts = 0
        while len(found) < MAX_PAGES:
            asked = [*params, (cursor, token)] if token is not None else params
            answer = await self._get(path, asked, ((GONE,) if may_expire else ()) if found else tolerate)
            if not found and answer.status in tolerate:
                return []
            if found and answer.status == GONE:
                restarts += 1
                if restarts > MAX_RESTARTS:
                    raise self._expired()
                found, seen, token = [], set(), None
                continue
            if self._left < 0:
                # The last page tells as much of it as all of them, and they would be kept at each attempt.
                self.answers = self.answers[-1:]
                raise self.malformed(field, f"goes on after {self._room // 1024**2} MB")
            page = self._parse(answer, model)
            found.append(page)
            token = follow(page)
            if token is None:
                return found
            if token in seen:
                raise self.malformed(field, "repeats, so the list would never end")
            seen.add(token)
        raise self.malformed(field, f"goes on after {MAX_PAGES} pages")

    def _expired(self) -> SourceUnavailable:
        return SourceUnavailable(
            self.client.source,
            "expired",
            f"{self.client.title} renewed its rows {MAX_RESTARTS + 1} times while they were read.",
            answers=self.answers,
        )

    async def _get(self, path: str, params: Params, tolerate: Collection[int] = ()) -> Answer:
        try:
            answer = await self.client.get(path, params, tolerate=tolerate)
        except SourceError as error:
            error.answers = (*self.answers, *error.answers)
            raise
        self.answers.append(answer)
        self._left -= len(answer.body)
        return answer

    def _parse(self, answer: Answer, model: type[Page]) -> Page:
        try:
            return model.model_validate_json(answer.body)
        except ValidationError as error:
            field, what = first_trouble(error)
            raise self.malformed(field, what) from error
