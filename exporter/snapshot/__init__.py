"""What all readers share: figures and grades, the snapshot, its patches, cursors and chart rows."""

from exporter.snapshot.columns import HISTORY_COLUMNS, HISTORY_FIELDS, RENAMED, history_row
from exporter.snapshot.components import (
    COMPONENTS,
    COUNTS,
    KIND_COMPONENTS,
    KIND_TITLES,
    STATEMENT,
    WINDOWS,
    Component,
)
from exporter.snapshot.cursor import Cursor
from exporter.snapshot.figure import Figure, Grade, Opening, Reason
from exporter.snapshot.patch import Tree, apply, decode, diff, encode
from exporter.snapshot.per_order import PER_ORDER, per_order

__all__ = [
    "COMPONENTS",
    "COUNTS",
    "HISTORY_COLUMNS",
    "HISTORY_FIELDS",
    "KIND_COMPONENTS",
    "KIND_TITLES",
    "PER_ORDER",
    "RENAMED",
    "STATEMENT",
    "WINDOWS",
    "Component",
    "Cursor",
    "Figure",
    "Grade",
    "Opening",
    "Reason",
    "Tree",
    "apply",
    "decode",
    "diff",
    "encode",
    "history_row",
    "per_order",
]
