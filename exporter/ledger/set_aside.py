"""What rests on rows that could not be read: they are missing from the books, so it is `partial`."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from exporter.ledger.doubt import Doubt
from exporter.records import Aside, SourceInfo
from exporter.snapshot import KIND_COMPONENTS, Reason


def doubts(info: SourceInfo, asides: Iterable[Aside]) -> tuple[Doubt, ...]:
    """Return what rows that are set aside speak against.

    Rows of a list with one thing wrong are one doubt, so that a thousand of them cost a tick no more than
    one; beside it each market that rows are known to be of has one that touches no line, but its position.
    """
    alike: dict[tuple[str, str, str, tuple[str, ...]], list[Aside]] = {}
    for each in asides:
        components = KIND_COMPONENTS[info.kind] if each.components is None else each.components
        alike.setdefault((each.listed, each.field, each.what, components), []).append(each)
    found: list[Doubt] = []
    for (listed, field, what, components), rows in alike.items():
        if components:
            reason = Reason(
                info.name, "set_aside", _said(listed, field, what, sum(each.count for each in rows))
            )
            found.append(
                Doubt(
                    components=frozenset(components),
                    reason=reason,
                    at=max(_all_known(each.at for each in rows), default=None),
                    since=min(_all_known(each.since for each in rows), default=None),
                )
            )
            found += [
                Doubt(components=frozenset(), reason=reason, scope=scope)
                for scope in dict.fromkeys(each.scope for each in rows)
                if scope
            ]
    return tuple(found)


def _said(listed: str, field: str, what: str, count: int) -> str:
    rows = "a row" if count == 1 else f"{count:,} rows"
    return f"{rows} of {listed} cannot be read and {'is' if count == 1 else 'are'} set aside: {field} {what}"


def _all_known(times: Iterable[datetime | None]) -> list[datetime]:
    """Return the times; none where that of one row is not known."""
    given = list(times)
    known = [at for at in given if at is not None]
    return known if len(known) == len(given) else []
