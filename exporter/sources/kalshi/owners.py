"""Which subaccounts a key sees, and how each is asked for.

Source: Kalshi trade API, "Subaccounts" and "API Keys" (read 2026-11).
Quirk:  a key may be locked to one subaccount. The list of them is then refused, and so is every number but
        its own; without the parameter everything is of its own one. Which that is, only fills say.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exporter.sources.kalshi.rows import FILLS, SUBACCOUNTS, BalanceAnswer, Fills, Subaccounts
from exporter.sources.paging import Collector, Params

ABSENT = (403, 404)
"""How the venue answers for a feature that this account or key does not have."""

FORBIDDEN = (403,)
PRIMARY = 0
FILL_LISTS = ("/portfolio/fills", "/historical/fills")


@dataclass(frozen=True, slots=True)
class Owner:
    """A subaccount by its number, and the parameters that ask for it."""

    number: int
    params: Params

    @property
    def locked(self) -> bool:
        """Whether it is all that the key sees."""
        return not self.params


def numbered(number: int) -> Owner:
    """Return a subaccount that is asked for by its number."""
    return Owner(number, (("subaccount", str(number)),))


class Owners:
    """Finds the subaccounts anew for each reading; what a key is locked to stays for its life."""

    def __init__(self) -> None:
        self._only: Owner | None = None
        self._sees_primary = False

    async def all(self, collector: Collector) -> Sequence[Owner]:
        """Return all subaccounts that the key sees, the primary one included."""
        if self._only is not None:
            return (self._only,)
        answer = await collector.one_or_none("/portfolio/subaccounts/balances", Subaccounts, tolerate=ABSENT)
        if answer is not None:
            rows = collector.rows.distinct(SUBACCOUNTS, answer.subaccount_balances)
            collector.went_through(SUBACCOUNTS.name)
            numbers = sorted({row.subaccount_number for row in rows})
            return tuple(map(numbered, numbers or (PRIMARY,)))
        primary = numbered(PRIMARY)
        if self._sees_primary or await collector.one_or_none(
            "/portfolio/balance", BalanceAnswer, primary.params, tolerate=FORBIDDEN
        ):
            self._sees_primary = True
            return (primary,)
        number = await self._own(collector)
        if number is None:
            return (Owner(PRIMARY, ()),)  # nothing was traded yet, so that no row has to say whose it is
        self._only = Owner(number, ())
        return (self._only,)

    async def _own(self, collector: Collector) -> int | None:
        """Return the number that fills say they are of; None when there is no fill."""
        for path in FILL_LISTS:
            answer = await collector.one_or_none(path, Fills, [("limit", "1")], tolerate=ABSENT)
            for row in collector.rows.read(FILLS, answer.fills) if answer is not None else ():
                return row.subaccount_number or PRIMARY
        return None
