"""What workspaces and API keys are called, as observations.

Source: Anthropic "List Workspaces" and "List API Keys" (read 2026-08, newer shape of keys 2026-10).
Quirk:  the default workspace is in no list, so an id that is in none is its own. Lists page by the id of
        the last item. Old cost refers to archived workspaces and keys, so they are asked for, too.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from exporter.errors import OddRow
from exporter.records import ApiKey, Observation, Workspace
from exporter.sources.anthropic.rows import BASE, DEFAULT_WORKSPACE, Complaint
from exporter.sources.listing import HASHED, ListOf, Raw, text_in
from exporter.sources.paging import Collector, Params
from exporter.sources.shapes import Label, Shape, Text

WORKSPACES, API_KEYS = f"{BASE}/workspaces", f"{BASE}/api_keys"
ITEMS_AT_ONCE = 1_000


class WorkspaceRow(Shape):
    id: Text
    name: Label
    archived_at: Text | None

    def observation(self, source: str) -> Workspace:
        return Workspace(
            source=source, workspace_id=self.id, name=self.name, archived=self.archived_at is not None
        )


class KeyScope(Shape):
    type: Text
    workspace_id: Text | None = None


class ApiKeyRow(Shape):
    """A key in either shape: with `workspace_id`, null in the default workspace, or with `scope`."""

    id: Text
    name: Label
    status: Text
    workspace_id: Text | None = None
    scope: KeyScope | None = None

    def check(self) -> None:
        if self.scope is None and "workspace_id" not in self.model_fields_set:
            raise OddRow("workspace_id", "is missing, and so is scope")

    def observation(self, source: str) -> ApiKey:
        """Return the name, and where the key is used."""
        if self.scope is None or self.scope.type == "workspace":
            workspace = (self.scope or self).workspace_id or DEFAULT_WORKSPACE
        else:
            workspace = ""
        return ApiKey(source=source, key_id=self.id, name=self.name, status=self.status, workspace=workspace)


Item = TypeVar("Item", WorkspaceRow, ApiKeyRow)


def _id(raw: Raw) -> str | None:
    return text_in(raw, "id")


WORKSPACE_ROWS = ListOf(name="workspaces", path="data", shape=WorkspaceRow, identity=_id, components=())
KEY_ROWS = ListOf(name="API keys", path="data", shape=ApiKeyRow, identity=_id, components=())


class IdPage(Shape):
    data: list[object]
    has_more: bool
    last_id: Text | None

    def follow(self, complain: Complaint) -> str | None:
        """Return the id to go on after; None on the last page."""
        if self.has_more and self.last_id is None:
            raise complain("last_id", "is empty although there is more")
        return self.last_id if self.has_more else None


class Names:
    """Remembers which workspaces have a name, to tell the default one by its having none."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._named: frozenset[str] | None = None
        self._met: frozenset[str] = frozenset()
        self._refused = False

    @property
    def unnamed(self) -> str | None:
        """The id of the default workspace: the only one that was met and is in no list, if there is one."""
        strangers = frozenset() if self._named is None else self._met - self._named
        return next(iter(strangers)) if len(strangers) == 1 else None

    async def read(self, collector: Collector) -> list[Observation]:
        """Return the name of every workspace and key."""
        self._refused = True
        rows = await _items(collector, WORKSPACES, WORKSPACE_ROWS, [("include_archived", "true")])
        keys = await _items(collector, API_KEYS, KEY_ROWS, [])
        default = Workspace(
            source=self._source, workspace_id=DEFAULT_WORKSPACE, name="Default", archived=False
        )
        named = [row.observation(self._source) for row in keys]
        odd = [each.key for each in collector.aside if each.listed == WORKSPACE_ROWS.name]
        self._refused = False
        # Were one without an id left out, the default one might be taken for it.
        if not any(key.startswith(HASHED) for key in odd):
            self._named = frozenset((*(row.id for row in rows), *odd))
        return [default, *(row.observation(self._source) for row in rows), *named]

    async def meet(self, collector: Collector, ids: Collection[str]) -> list[Observation] | None:
        """Learn the ids of workspaces; one met for the first time may be new, so the names are read anew.

        None when there was no need. Once refused, they are not asked for again before `read` had them.
        """
        strange = frozenset(ids) - self._met - (self._named or frozenset())
        names = await self.read(collector) if strange and not self._refused else None
        self._met |= strange
        return names


async def _items(collector: Collector, path: str, listed: ListOf[Item], params: Params) -> list[Item]:
    """Return every item of a list once."""
    pages = await collector.pages(
        path,
        IdPage,
        [("limit", str(ITEMS_AT_ONCE)), *params],
        cursor="after_id",
        field="last_id",
        follow=lambda page: page.follow(collector.malformed),
    )
    collector.went_through(listed.name)
    return collector.rows.distinct(listed, (item for page in pages for item in page.data))
