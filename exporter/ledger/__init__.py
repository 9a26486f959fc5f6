"""What the records mean: positions, profit and loss, one snapshot. Pure: values in, values out."""

from exporter.ledger.marks import MarkRule
from exporter.ledger.plan import Credit, Plan
from exporter.ledger.pnl import Ledger, SourceState
from exporter.ledger.statement import state

__all__ = ["Credit", "Ledger", "MarkRule", "Plan", "SourceState", "state"]
