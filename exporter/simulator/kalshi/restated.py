"""What a venue does to its own past, long after everybody has read it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from exporter.simulator.kalshi.account import Account

CENT = Decimal("0.01")


def bust(account: Account) -> None:
    """Take the newest fill of an open market back."""
    for fill in reversed(account.fills):
        if not account.positions[fill.subaccount, fill.ticker].settled:
            account.bust(fill.fill_id)
            return


def amend(account: Account) -> None:
    """Charge a cent more for the newest fill."""
    for fill in account.fills[-1:]:
        account.amend(fill.fill_id, fee=fill.fee + CENT)


def resettle(account: Account) -> None:
    """Pay the market that was settled last the other way, where it said yes or no."""
    for row in reversed(account.settlements):
        result = account.markets[row.ticker].result
        if result in ("yes", "no"):
            account.resettle(row.ticker, "no" if result == "yes" else "yes")
            return


RESTATED: Mapping[str, Callable[[Account], None]] = {"bust": bust, "amend": amend, "resettle": resettle}
