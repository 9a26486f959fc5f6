"""What the sources tell us, as frozen records in the field's own words.

Units:  dollars and contracts as Decimal; times aware, UTC, microseconds.
Signs:  fees, costs, gross, refunds are positive; a sign is given once, in the ledger.
Two kinds: *records* are kept for ever, each under a key, a changed one as a new revision;
*observations* (marks, balances, the venue's own view) speak of now and are replaced.
"""

from exporter.records.answers import Answer
from exporter.records.api_cost import (
    ApiKey,
    BilledDay,
    BilledLine,
    EstimateRow,
    KeyUsage,
    KeyUsageLine,
    Landing,
    UsageHour,
    UsageLine,
    Workspace,
)
from exporter.records.revisions import KINDS, Change, Observation, Record, replaces
from exporter.records.sales import Refund, Sale
from exporter.records.trading import (
    Balance,
    Fill,
    Mark,
    Settlement,
    Side,
    Transfer,
    TransferStatus,
    VenuePosition,
    book_key,
    subaccount_of,
    ticker_of,
)

__all__ = [
    "KINDS",
    "Answer",
    "ApiKey",
    "Balance",
    "BilledDay",
    "BilledLine",
    "Change",
    "EstimateRow",
    "Fill",
    "KeyUsage",
    "KeyUsageLine",
    "Landing",
    "Mark",
    "Observation",
    "Record",
    "Refund",
    "Sale",
    "Settlement",
    "Side",
    "Transfer",
    "TransferStatus",
    "UsageHour",
    "UsageLine",
    "VenuePosition",
    "Workspace",
    "book_key",
    "replaces",
    "subaccount_of",
    "ticker_of",
]
