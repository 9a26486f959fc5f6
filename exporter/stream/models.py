"""Response models for the OpenAPI document; the bodies themselves are ready bytes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from exporter.snapshot.breakdown import WindowGroups
from exporter.snapshot.schema import REFERENCE, schemas
from exporter.snapshot.tree import Snapshot

CURSOR_EXAMPLE = "9f522097de1c-1234"


class CursorAnswer(BaseModel):
    """Every answer says which snapshot it speaks of."""

    epoch: str = Field(description="Identity of one database's numbering.", examples=["9f522097de1c"])
    sequence: int = Field(description="Number of the snapshot.", examples=[1234])
    as_of: str = Field(
        description="Time the snapshot speaks of, UTC. In health absent before the first snapshot.",
        examples=["2026-11-22T12:00:00.000000Z"],
    )


class SnapshotAnswer(RootModel[dict[str, Any]]):
    """Stands for the snapshot."""


class WindowGroupsAnswer(RootModel[dict[str, Any]]):
    """Stands for the groups of a window."""


DEFINED = {SnapshotAnswer: Snapshot, WindowGroupsAnswer: WindowGroups}
"""What `described` has refer to a definition of the snapshot's room, so that nothing is stated twice."""


def described(document: dict[str, Any]) -> dict[str, Any]:
    """Return the OpenAPI document with the parts that are defined elsewhere as their definition has them."""
    found: dict[str, Any] = document["components"]["schemas"]
    defined = schemas()
    for model, definition in DEFINED.items():
        found[model.__name__] = {"$ref": REFERENCE.format(name=definition.__name__)}
    assert not found.keys() & defined.keys(), "two schemas have one name"
    document["components"]["schemas"] = dict(sorted({**found, **defined}.items()))
    return document


class Delta(BaseModel):
    """A JSON Merge Patch (RFC 7396) from the sequence before to this one."""

    sequence: int
    patch: dict[str, Any]


class Deltas(CursorAnswer):
    """The deltas after the cursor; `epoch` and `sequence` are the cursor to ask with next."""

    resync: Literal[False]
    deltas: list[Delta]


class Resync(CursorAnswer):
    """The cursor leads nowhere without a hole: start over with the snapshot."""

    resync: Literal[True]
    reason: Literal["unknown_cursor", "pruned", "other_epoch", "behind"]
    snapshot: SnapshotAnswer


class HistoryPoint(BaseModel):
    """The last snapshot of one step."""

    at: str
    sequence: int
    values: list[str | None] = Field(
        description="In the order of `fields`; null where the figure was missing."
    )


class HistoryAnswer(CursorAnswer):
    """A down-sampled series. A step without a snapshot has no point: a gap stays a gap."""

    fields: list[str]
    step: float = Field(description="Seconds.")
    points: list[HistoryPoint]


class GroupsAnswer(CursorAnswer):
    """Results by group, as they were stated after the snapshot that `sequence` names."""

    by: Literal["series", "event"]
    windows: dict[str, WindowGroupsAnswer]


class ExplainedLine(BaseModel):
    """A part of a figure, with the record it comes from and the raw answers that was read from."""

    at: str | None = None
    what: str
    usd: str
    records: list[dict[str, Any]]


class ExplainedAnswer(CursorAnswer):
    """A figure and a page of its lines, which sum to it; or, with `day`, a day of API cost side by side."""

    model_config = ConfigDict(extra="allow")

    window: str | None = None
    figure: str | None = None
    usd: str | None = Field(default=None, description="Absent where the figure is missing.")
    sum: str | None = Field(default=None, description="Of all lines, not only of this page.")
    exact: bool | None = Field(default=None, description="Whether the lines sum to the figure.")
    count: int | None = None
    offset: int | None = None
    lines: list[ExplainedLine] | None = None
    day: str | None = Field(default=None, examples=["2026-11-20"])


class StatedPeriod(BaseModel):
    """What a period came to, as it is known now."""

    period: str = Field(examples=["2026-10"])
    words: str = Field(description="Its days in words, with the zone.")
    first: str = Field(description="Its first day, which is in it.", examples=["2026-10-01"])
    last: str = Field(description="Its last day, which is in it.", examples=["2026-10-31"])
    start: str = Field(alias="from", description="The moment it begins at, UTC.")
    end: str = Field(alias="to", description="The moment it ends before, UTC.")
    over: bool = Field(description="Whether it has ended.")
    net: dict[str, Any] = Field(description="A figure, as a snapshot states it.")
    components: dict[str, Any] = Field(description="Signed contributions, which sum to the net.")
    counts: dict[str, int] = Field(description="How much happened: fills, settlements, orders, refunds.")
    by_source: dict[str, Any] | None = Field(
        default=None, description="Its components by source, for sources of a kind that has several."
    )


class OfPast(CursorAnswer):
    """What every answer about the past says: the snapshot it goes with, and the settings in force."""

    timezone: str
    currency: str
    lot_rule: str
    mark_rule: str


class PeriodsAnswer(OfPast):
    """Periods, the first one first."""

    periods: Sequence[StatedPeriod]
    weeks: Sequence[StatedPeriod] | None = Field(
        default=None, description="Those of the whole range, clipped to it; with `sums` only."
    )
    total: StatedPeriod | None = Field(default=None, description="The whole range; with `sums` only.")


class StatementRow(BaseModel):
    """What a market, a product, a model and so on came to in a period."""

    name: str = Field(description="Empty for what cannot be told apart.")
    net: str
    amounts: dict[str, str] = Field(description="Signed contributions; `api_cost` is bill and estimate.")
    counts: dict[str, int] | None = None


class StatementAnswer(OfPast):
    """A period, and a page of its rows; `sum` is of all rows."""

    statement: StatedPeriod
    by: str | None = None
    count: int | None = None
    offset: int | None = None
    sum: str | None = None
    exact: bool | None = Field(
        default=None, description="Whether the rows sum to the lines that they divide."
    )
    rows: Sequence[StatementRow] | None = None


class ComparedSide(BaseModel):
    """One side of a comparison: a period as far as it is compared."""

    model_config = ConfigDict(extra="allow")

    period: str
    start: str = Field(alias="from")
    until: str
    words: str
    days: int = Field(description="Local days of it that are compared, the last one counted.")
    of_days: int = Field(description="How many it has.")


class ComparedLine(BaseModel):
    """What a line was, and what it is more or less by; the grade is the worst of both sides."""

    grade: str
    then: str | None = Field(default=None, description="Absent where a side is missing.")
    usd: str | None = None
    ratio: str | None = Field(default=None, description="Only of a base of a dollar or more.")


class ComparisonAnswer(OfPast):
    """A period beside one other, or the mean of several."""

    rule: str
    words: str
    equal_knowledge: bool
    this: ComparedSide
    others: list[ComparedSide]
    net: ComparedLine
    components: dict[str, ComparedLine]


class LineOfChange(BaseModel):
    """What a market, a sale or a day of API cost has more or less in a period than it had."""

    source: str
    name: str
    usd: str
    amounts: dict[str, str]
    records: list[dict[str, Any]] = Field(
        description="What came since, the newest first; none where time alone has done it."
    )


class ChangesAnswer(OfPast):
    """A period then and now, and the lines that have changed of its days that were over then."""

    model_config = ConfigDict(extra="allow")

    known_at: str
    then: StatedPeriod
    now: StatedPeriod
    sum: str
    count: int
    changes: list[LineOfChange]


class PointOfCourse(BaseModel):
    """What a period had come to at a moment."""

    at: str
    usd: str | None = Field(default=None, description="The net; absent where a source has never answered.")
    partial: bool | None = Field(
        default=None, description="True where what was unrealised then is not known; else absent."
    )
    components: dict[str, str] | None = Field(
        default=None, description="Signed contributions, which sum to the net; only where asked for."
    )


class CourseAnswer(OfPast):
    """How a period came about: its beginning, the end of each hour or day until now, and the end or now."""

    period: str = Field(examples=["2026-10"])
    words: str = Field(description="Its days in words, with the zone.")
    first: str = Field(description="Its first day, which is in it.", examples=["2026-10-01"])
    last: str = Field(description="Its last day, which is in it.", examples=["2026-10-31"])
    start: str = Field(alias="from", description="The moment it begins at, UTC.")
    end: str = Field(alias="to", description="The moment it ends before, UTC.")
    over: bool = Field(description="Whether it has ended.")
    step: Literal["hour", "day"]
    points: Sequence[PointOfCourse]


class AsideRow(BaseModel):
    """A row that cannot be read."""

    source: str
    list: str = Field(examples=["fills"])
    key: str = Field(description="Its own id, or a hash of the row where that cannot be read.")
    field: str = Field(examples=["fills.fee_cost"])
    what: str = Field(description="What is odd about the field, in words.")
    count: int = Field(description="How many rows it stands for: more than one beyond those kept one by one.")
    at: str | None = Field(default=None, description="When it happened, at the latest.")
    first_seen: str
    last_seen: str
    version: str = Field(description="The version of the exporter that could not read it.")
    components: Sequence[str] | None = Field(
        default=None, description="The lines of the statement that rest on it; absent for all of its source."
    )
    row: str | None = Field(default=None, description="The JSON as it came, at most 16 kB of it.")


class AsideAnswer(CursorAnswer):
    """The rows that are set aside, the newest first."""

    rows: Sequence[AsideRow]


class RestatementEntry(BaseModel):
    """A record that a source has said otherwise, or said late."""

    number: int = Field(description="Its place in the log: it grows with each.")
    source: str
    kind: str = Field(examples=["fill"])
    key: str = Field(description="The record's own id.")
    happened_at: str
    before: dict[str, str] | None = Field(
        default=None, description="Its amounts as they were said; absent where nothing was."
    )
    after: dict[str, str] = Field(description="Its amounts as they are said.", examples=[{"fee": "0.08"}])
    at: str = Field(description="When that was read.")


class RestatementsAnswer(CursorAnswer):
    """What the sources have said otherwise, the newest first."""

    restatements: Sequence[RestatementEntry]
    next: int | None = Field(default=None, description="What to ask for with `before`; absent at the end.")


class HealthPart(BaseModel):
    """One part of the chain."""

    ok: bool
    reason: str | None = Field(default=None, description="A sentence, when not ok.")
    age_seconds: float | None = None
    limit_seconds: float | None = None


class HealthAnswer(CursorAnswer):
    """Whether to send clients here, and which part is to blame."""

    status: Literal["ok", "unready"]
    parts: dict[str, HealthPart]


class LiveAnswer(CursorAnswer):
    """The process answers."""

    status: Literal["ok"]


class ShortLived(BaseModel):
    """A token for an address; empty where none is asked for."""

    token: str
    scope: Literal["all", "totals"]
    expires_at: str
    expires_in: int = Field(description="Seconds.")


class Complaint(BaseModel):
    """What was wrong."""

    code: str
    message: str


class Error(BaseModel):
    """The shape of every error."""

    error: Complaint
