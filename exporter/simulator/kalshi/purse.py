"""The cash of an account, by subaccount and shard, and everything that moves it but trading.

Source: Kalshi trade API, portfolio pages on deposits, withdrawals and subaccounts (read 2026-11).
Units:  dollars, Decimal; movements in whole cents as the venue lists them.
Quirk:  only a movement that is `applied` has moved cash; one that is returned later has moved it back.
        Interest and incentives are in the balance and in no list at all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from exporter.simulator.clock import Clock
from exporter.simulator.kalshi.market import ZERO
from exporter.simulator.wire import identity

Amount = Decimal | str | int
EVENTS, MARGINED = "event_contract", "margined"
STATUSES = ("pending", "applied", "failed", "returned")


@dataclass(frozen=True, slots=True)
class Movement:
    """A deposit or withdrawal. Only status `applied` moves cash."""

    id: str
    kind: str  # "deposit" or "withdrawal"
    cents: int
    fee_cents: int
    time: datetime
    status: str = "applied"
    type: str = "ach"
    finalized: datetime | None = None

    @property
    def effect(self) -> Decimal:
        """Dollars by which the cash has changed: the fee is taken out of a deposit, and on top otherwise."""
        if self.status != "applied":
            return ZERO
        return ((self.cents if self.kind == "deposit" else -self.cents) - self.fee_cents) * Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Transfer:
    """Cash that changed its place: between subaccounts, between shards, or to the margined instance."""

    id: str
    amount: Decimal
    time: datetime
    subaccounts: tuple[int, int] = (0, 0)
    shards: tuple[int, int] = (0, 0)
    instances: tuple[str, str] = (EVENTS, EVENTS)

    @property
    def effect(self) -> Decimal:
        """Dollars by which the cash of the event contracts has changed."""
        if self.instances[0] == self.instances[1]:
            return ZERO
        return self.amount if self.instances[1] == EVENTS else -self.amount


@dataclass(frozen=True, slots=True)
class Credit:
    """Interest, an incentive or a promotion: in the balance, in no list."""

    amount: Decimal
    time: datetime
    kind: str


class Purse:
    """Cash per (subaccount, shard)."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.purse: dict[tuple[int, int], Decimal] = {(0, 0): ZERO}
        self.movements: list[Movement] = []
        self.transfers: list[Transfer] = []
        self.credits: list[Credit] = []

    @property
    def cash(self) -> dict[int, Decimal]:
        """Dollars per subaccount, all shards together."""
        found: dict[int, Decimal] = {}
        for (subaccount, _), amount in self.purse.items():
            found[subaccount] = found.get(subaccount, ZERO) + amount
        return found

    def add_cash(self, amount: Decimal, subaccount: int = 0, shard: int = 0) -> None:
        """Change the cash of one place by a signed amount."""
        place = subaccount, shard
        self.purse[place] = self.purse.get(place, ZERO) + amount

    def deposit(
        self,
        amount: Amount,
        at: datetime | None = None,
        *,
        status: str = "applied",
        fee: Amount = 0,
        id: str | None = None,
    ) -> Movement:
        """Pay `amount` dollars in, less `fee`; only status `applied` moves cash."""
        return self._move("deposit", Decimal(amount), Decimal(fee), at, status, id)

    def withdraw(
        self,
        amount: Amount,
        at: datetime | None = None,
        *,
        status: str = "applied",
        fee: Amount = 0,
        id: str | None = None,
    ) -> Movement:
        """Pay `amount` dollars out, and `fee` on top; only status `applied` moves cash."""
        return self._move("withdrawal", Decimal(amount), Decimal(fee), at, status, id)

    def change_movement(self, id: str, status: str, at: datetime | None = None) -> Movement:
        """Give a deposit or withdrawal another status; cash follows, both ways (a return undoes it)."""
        number, before = next((n, m) for n, m in enumerate(self.movements) if m.id == id)
        finalized = None if status == "pending" else at or self.clock()
        after = replace(before, status=_known(status), finalized=finalized)
        self.movements[number] = after
        self.add_cash(after.effect - before.effect)
        return after

    def credit(
        self, amount: Amount, kind: str = "interest", at: datetime | None = None, *, subaccount: int = 0
    ) -> Credit:
        """Add a signed amount to the balance that no list will ever explain."""
        found = Credit(Decimal(amount), at or self.clock(), kind)
        self.credits.append(found)
        self.add_cash(found.amount, subaccount)
        return found

    def transfer(
        self,
        amount: Amount,
        *,
        subaccounts: tuple[int, int] = (0, 0),
        shards: tuple[int, int] = (0, 0),
        at: datetime | None = None,
    ) -> Transfer:
        """Move cash from the first to the second of two subaccounts, or of two shards: never P&L."""
        if (subaccounts[0] != subaccounts[1]) == (shards[0] != shards[1]):
            raise ValueError("a transfer is between two subaccounts or between two shards")
        dollars, time = Decimal(amount), at or self.clock()
        made = Transfer(identity("transfer", time, len(self.transfers)), dollars, time, subaccounts, shards)
        self.transfers.append(made)
        self.add_cash(-dollars, subaccounts[0], shards[0])
        self.add_cash(dollars, subaccounts[1], shards[1])
        return made

    def margin(self, amount: Amount, at: datetime | None = None) -> Transfer:
        """Move cash to the margined instance of the exchange (below zero: back from it)."""
        dollars, time = Decimal(amount), at or self.clock()
        instances = (EVENTS, MARGINED) if dollars > 0 else (MARGINED, EVENTS)
        name = identity("transfer", time, len(self.transfers))
        made = Transfer(name, abs(dollars), time, instances=instances)
        self.transfers.append(made)
        self.add_cash(made.effect)
        return made

    def _move(
        self, kind: str, amount: Decimal, fee: Decimal, at: datetime | None, status: str, id: str | None
    ) -> Movement:
        time = at or self.clock()
        cents, fee_cents = int(amount * 100), int(fee * 100)
        name = id or identity(kind, time, cents, len(self.movements))
        finalized = time if _known(status) == "applied" else None
        movement = Movement(name, kind, cents, fee_cents, time, status, finalized=finalized)
        self.movements.append(movement)
        self.add_cash(movement.effect)
        return movement


def _known(status: str) -> str:
    if status not in STATUSES:
        raise ValueError(f"a movement is one of {', '.join(STATUSES)}")
    return status
