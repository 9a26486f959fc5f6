"""`northstar backup` and `northstar restore`: a verified copy of the database, and back again."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from exporter.settings import Settings
from exporter.store.backup import back_up
from exporter.store.copies import Copies
from exporter.store.restore import restore

FOLDER = "backups"
"""Beside the database, for the command; on schedule only where a setting says so."""


def back_up_now(settings: Settings, options: argparse.Namespace) -> int:
    """Make a verified copy and say where it is. Raises BackupFailed."""
    folder = options.to or settings.backup_folder or settings.db_path.parent / FOLDER
    made = back_up(settings.db_path, Copies(folder, settings.db_path), datetime.now(UTC))
    found = made.contents
    print(
        f"{made.path} holds the database up to snapshot {found.cursor}, {made.size / 1e6:,.1f} MB. Verified: "
        f"every row is the database's ({found.records:,} records, {found.snapshots:,} snapshots), SQLite's "
        "integrity check found nothing, and the newest snapshot was read back whole."
    )
    return 0


def restore_from(settings: Settings, options: argparse.Namespace) -> int:
    """Put a copy in the place of the database and say what that means. Raises StoreError."""
    file: Path = options.file
    done = restore(file, settings.db_path, datetime.now(UTC))
    aside = f" The one that was there is now {done.aside}." if done.aside is not None else ""
    print(
        f"{settings.db_path} is restored up to snapshot {done.copied} of {file.name}, and goes on as "
        f"{done.cursor}: clients start over by themselves.{aside} Start the exporter: it reads again what "
        "happened since, as far as its sources list it."
    )
    return 0
