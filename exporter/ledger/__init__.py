"""What the records mean: positions, profit and loss, one snapshot. Pure: values in, values out."""

from exporter.ledger.book import SourceState
from exporter.ledger.cost.plan import Credit, Plan
from exporter.ledger.ledger import Late, Ledger
from exporter.ledger.statement import state
from exporter.ledger.trading.marks import MarkRule

__all__ = ["Credit", "Late", "Ledger", "MarkRule", "Plan", "SourceState", "state"]
