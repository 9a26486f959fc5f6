"""What no document settles, or what is told differently: each dial chooses one reading of it.

The defaults are what unrelated projects report to have seen; where nobody has, the simplest.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Literal


@dataclass
class Dials:
    """Turn them before or while the service runs; a test turns one at a time."""

    ordinary_key_status: Literal[401, 403] = 403
    """How an ordinary key is refused."""

    landing: Literal["missing", "empty"] = "missing"
    """How a finished day looks in the cost report before its bill lands."""

    starting_inside: Literal["snap", "next"] = "snap"
    """Whether a cost report that starts inside a day has that day, or begins with the next."""

    date_only: bool = False
    """Whether a date without a time is taken for its midnight."""

    speed_needs_beta: bool = False
    """Whether grouping by speed is refused without the header of fast mode."""

    discount: Decimal = Decimal(0)
    """What was negotiated, as a share of the list price."""

    reports_discounted: bool = True
    """Whether the cost report states amounts after the discount, as the analytics do."""

    fast_twins: bool = True
    """Whether fast mode has rows of its own on a bill, told apart by their description alone."""

    search_writes_shown: bool = True
    """Whether usage with web searches shows what it wrote to the cache; elsewhere it was seen not to."""

    amounts: Literal["plain", "exponent"] = "plain"
    """How the decimal strings of amounts are written."""

    analytics: bool = True
    """Whether the organization has the analytics; without them their paths are not found."""

    refresh_every: timedelta = timedelta(hours=1)
    refresh_delay: timedelta = timedelta(minutes=5)
    """How often the analytics are renewed, and how far behind they are then."""

    watermark: bool = True
    """Whether the analytics say when they were renewed."""

    running_hour: bool = True
    """Whether the analytics show an hour that is not over at their renewal."""

    priority_cost: bool = False
    """Whether the analytics state a cost of the priority tier, at the price of the standard one."""

    cursor_expires: bool = True
    """Whether a renewal ends the lists that are being read."""
