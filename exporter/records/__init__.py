"""What the sources tell us, as frozen records in the field's own words.

Units:  dollars and contracts as Decimal; times aware, UTC, microseconds.
Signs:  fees, costs, gross, refunds are positive; a sign is given once, in the ledger.
Source: everything names the source that brought it. Two of one kind may number their things alike, so
        that a record is known by (source, kind, key) and by nothing less.
Two kinds: *records* are kept for ever, each under a key, a changed one as a new revision;
*observations* (marks, balances, the venue's own view) speak of now and are replaced.
A row that could be made neither of is an *aside*.
"""

from exporter.records.answers import Answer
from exporter.records.api_cost import (
    ApiKey,
    BillChange,
    BilledDay,
    BilledLine,
    EstimateRow,
    KeyUsage,
    KeyUsageLine,
    UsageHour,
    UsageLine,
    Workspace,
)
from exporter.records.aside import (
    MORE,
    VENUE_POSITIONS,
    Aside,
    Listed,
    completed,
    name_of,
    narrowed,
    together,
)
from exporter.records.kinds import Kind, SourceInfo
from exporter.records.restatements import Restatement, amounts, restates, told
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
    "MORE",
    "VENUE_POSITIONS",
    "Answer",
    "ApiKey",
    "Aside",
    "Balance",
    "BillChange",
    "BilledDay",
    "BilledLine",
    "Change",
    "EstimateRow",
    "Fill",
    "KeyUsage",
    "KeyUsageLine",
    "Kind",
    "Listed",
    "Mark",
    "Observation",
    "Record",
    "Refund",
    "Restatement",
    "Sale",
    "Settlement",
    "Side",
    "SourceInfo",
    "Transfer",
    "TransferStatus",
    "UsageHour",
    "UsageLine",
    "VenuePosition",
    "Workspace",
    "amounts",
    "book_key",
    "completed",
    "name_of",
    "narrowed",
    "replaces",
    "restates",
    "subaccount_of",
    "ticker_of",
    "together",
    "told",
]
