"""What all readers share: figures and grades, the snapshot, its patches, cursors and chart rows."""

from exporter.snapshot.columns import (
    HISTORY_COLUMNS,
    HISTORY_FIELDS,
    OF_SOURCE,
    ONLY_VENUE,
    RENAMED,
    history_row,
    of_source,
)
from exporter.snapshot.components import (
    COMPONENTS,
    COUNTS,
    KIND_COMPONENTS,
    KIND_TITLES,
    STATEMENT,
    WINDOWS,
    Component,
    Window,
)
from exporter.snapshot.cursor import Cursor
from exporter.snapshot.figure import Figure, Grade, GradeWord, Opening, Reason, StatedFigure
from exporter.snapshot.patch import Json, JsonObject, apply, decode, diff, encode, plain_json
from exporter.snapshot.per_order import PER_ORDER, per_order
from exporter.snapshot.stored import from_json
from exporter.snapshot.tree import Snapshot

__all__ = [
    "COMPONENTS",
    "COUNTS",
    "HISTORY_COLUMNS",
    "HISTORY_FIELDS",
    "KIND_COMPONENTS",
    "KIND_TITLES",
    "OF_SOURCE",
    "ONLY_VENUE",
    "PER_ORDER",
    "RENAMED",
    "STATEMENT",
    "WINDOWS",
    "Component",
    "Cursor",
    "Figure",
    "Grade",
    "GradeWord",
    "Json",
    "JsonObject",
    "Opening",
    "Reason",
    "Snapshot",
    "StatedFigure",
    "Window",
    "apply",
    "decode",
    "diff",
    "encode",
    "from_json",
    "history_row",
    "of_source",
    "per_order",
    "plain_json",
]
