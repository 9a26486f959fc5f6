"""What all readers share: figures and grades, the snapshot, its patches, cursors and chart rows."""

from exporter.snapshot.columns import HISTORY_COLUMNS, HISTORY_FIELDS, history_row
from exporter.snapshot.components import COMPONENT_SOURCE, COMPONENTS, COUNTS, WINDOWS
from exporter.snapshot.cursor import Cursor
from exporter.snapshot.figure import Figure, Grade, Opening
from exporter.snapshot.patch import Tree, apply, decode, diff, encode

__all__ = [
    "COMPONENTS",
    "COMPONENT_SOURCE",
    "COUNTS",
    "HISTORY_COLUMNS",
    "HISTORY_FIELDS",
    "WINDOWS",
    "Cursor",
    "Figure",
    "Grade",
    "Opening",
    "Tree",
    "apply",
    "decode",
    "diff",
    "encode",
    "history_row",
]
