"""NorthStar P&L: what did we make, today and this month, right now.

The way of one figure: a source answer becomes records (`sources`), records become
positions and totals (`ledger`), totals become one immutable snapshot, a durable commit
gives the snapshot its sequence (`store`), and only then `/metrics` (`metrics`) and the
stream (`stream`) may show it.
"""

__version__ = "0.1.0"
