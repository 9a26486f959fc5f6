"""Results by group, which are kept beside the snapshot: what series and events have made in each window."""

from __future__ import annotations

from typing import Annotated

from exporter.snapshot.components import Window
from exporter.snapshot.definition import Stated, private
from exporter.snapshot.figure import GradeWord
from exporter.snapshot.texts import Ratio, Usd


class GroupResults(Stated, frozen=True, kw_only=True):
    """What groups have made in a window; `unrealised` and `exposure` are of now."""

    net: Annotated[Usd, private("Realised P&L less fees.")]
    realised: Annotated[Usd, private("Realised P&L before fees.")]
    fees: Annotated[Usd, private("Negative, as in the components.")]
    wins: Annotated[int, private("Round trips that made money.")]
    losses: Annotated[int, private("Round trips that lost money.")]
    even: Annotated[int, private("Round trips that did neither.")]
    win_ratio: Annotated[Ratio | None, private("Absent without a round trip.")] = None
    profit_factor: Annotated[Ratio | None, private("Absent without a loss.")] = None
    exposure: Annotated[Usd, private("Cost of what is open.")]
    unrealised: Annotated[Usd | None, private("Absent while nothing open has a mark.")] = None
    unmarked: Annotated[int | None, private("Open markets without a mark, left out of it.")] = None


class NamedGroup(GroupResults, frozen=True, kw_only=True):
    """One series or one event."""

    name: Annotated[str, private("Its name.")]


class OtherGroups(GroupResults, frozen=True, kw_only=True):
    """The sum of all groups that are not named."""

    groups: Annotated[int, private("How many they are.")]


class WindowGroups(Stated, frozen=True, kw_only=True):
    """The groups of a window, largest first by net and unrealised P&L together, either way."""

    grade: Annotated[GradeWord, private("That of trading in the window.")]
    groups: Annotated[tuple[NamedGroup, ...], private("The largest.")]
    other: Annotated[OtherGroups | None, private("The rest, where there is any.")] = None


class ResultsByGroup(Stated, frozen=True, kw_only=True):
    """What all groups have made, as it is stated every minute."""

    series: Annotated[dict[Window, WindowGroups], private("By series.")]
    event: Annotated[dict[Window, WindowGroups], private("By event.")]
