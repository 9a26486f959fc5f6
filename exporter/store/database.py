"""Open the database: for the one writer (migrated, locked) or for any number of readers.

SQLite in WAL with synchronous=FULL: a commit that returned survives a killed process and a
lost power supply. Readers never block the writer. The writer holds a lock file beside the
database, so that a second exporter says one sentence instead of breaking the sequence.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import Connection, Engine, create_engine, event, insert, select, text
from sqlalchemy.engine import URL, ExceptionContext
from sqlalchemy.exc import DatabaseError, OperationalError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from exporter.errors import SchemaTooNew, StoreBusy, StoreDamaged, StoreError, StoreUnavailable
from exporter.store import schema

BUSY_TIMEOUT_MS = 5_000
"""Readers may hold a page while retention runs; longer than this means something is stuck."""

LOG_BYTES = 16 * 1024 * 1024
"""What the log keeps of the disk once its content is in the database: a reader that stayed for an hour makes
it grow by gigabytes, and without a limit it would stay so until a restart."""

WRITER_CACHE_KIB = 8_192
"""SQLite's page cache; bounded because the exporter has a memory budget. What it does not hold, the kernel
does: a page costs microseconds then."""


def open_writer(path: Path) -> tuple[Engine, TextIO]:
    """Return a migrated engine for writing and the lock that must be kept as long as it is used.

    Raises StoreBusy, SchemaTooNew or StoreUnavailable, each with the path and what to do.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = take_lock(path)
    except OSError as error:
        raise StoreUnavailable(
            f"The database {path} cannot be created or written ({error.strerror}): "
            "check DB_PATH and who owns its folder."
        ) from error
    try:
        if not path.exists() and restoring(path).exists():
            # An empty database in its place would look as if nothing had ever been earned.
            raise StoreUnavailable(
                f"There is no database at {path}, because a restore was broken off: "
                "run `northstar restore` again."
            )
        return writable(path), lock
    except StoreError:
        lock.close()
        raise


def writable(path: Path) -> Engine:
    """Return a migrated engine for writing; the caller sees to it that nobody else writes."""
    engine = _engine(URL.create("sqlite", database=str(path)))
    _pragmas(
        engine,
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_MS}",
        f"cache_size=-{WRITER_CACHE_KIB}",
        f"journal_size_limit={LOG_BYTES}",
    )
    try:
        migrate(engine)
    except (OperationalError, DatabaseError) as error:
        if is_corrupt(error.orig):
            raise StoreDamaged(f"The database {path}") from error
        raise StoreUnavailable(
            f"The database {path} cannot be opened for writing ({error.orig}): "
            "check DB_PATH, the disk and who owns the file."
        ) from error
    _watch(engine, path)
    return engine


def restoring(path: Path) -> Path:
    """Return where a copy is made ready before it takes the place of the database."""
    return path.with_name(f"{path.name}.restoring")


def outdated(path: Path) -> bool:
    """Tell whether a database has an older layout, so that its next writer has it migrated first."""
    if not path.exists():
        return False
    engine = _reading(path)
    try:
        found = revision(engine)
    except SQLAlchemyError:
        return False  # whoever opens it says what is wrong with it
    finally:
        engine.dispose()
    return found is not None and found < schema.HEAD


def open_reader(path: Path, *, pinned: bool = False) -> Engine:
    """Return an engine that can only read; a pinned one sees the database as it is now, until it is disposed
    of. Raises StoreUnavailable when there is no database yet."""
    if not path.exists():
        raise StoreUnavailable(f"There is no database at {path} yet: start the exporter, or check DB_PATH.")
    engine = _reading(path, pinned=pinned)
    try:
        found = revision(engine)
    except DatabaseError as error:
        if is_corrupt(error.orig):
            raise StoreDamaged(f"The database {path}") from error
        raise StoreUnavailable(
            f"The database {path} cannot be read: check DB_PATH and who owns it."
        ) from error
    if found is None:
        raise StoreUnavailable(f"The database {path} is not set up yet: start the exporter first.")
    if found > schema.HEAD:
        raise SchemaTooNew(f"The database {path} has layout {found}, this version reads {schema.HEAD}.")
    if found < schema.HEAD:
        raise StoreUnavailable(
            f"The database {path} is being migrated from layout {found} to {schema.HEAD}: wait until the "
            "exporter has done it, and start the exporter if it does not run."
        )
    _watch(engine, path)
    return engine


def revision(engine: Engine) -> str | None:
    """Return the migration the database stands at, None for an empty one."""
    with engine.connect() as connection:
        present = connection.scalar(text("SELECT count(*) FROM sqlite_master WHERE name = 'alembic_version'"))
        if not present:
            return None
        found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
        return found


def migrate(engine: Engine, to: str = schema.HEAD) -> None:
    """Bring the database to a layout, the newest; do nothing when it is there already.

    A step is one transaction, or says how it goes on after a kill in its middle.
    """
    found = revision(engine)
    if found == to:
        return
    # Imported here because it takes longer than everything else of a start that needs no migration.
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise SchemaTooNew(
            f"The database has layout {found}, which is newer than this version's {schema.HEAD}: "
            "upgrade northstar-pnl, or point DB_PATH at another file."
        )
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, to)
        if connection.scalar(select(schema.meta.c.value).where(schema.meta.c.key == "epoch")) is None:
            connection.execute(insert(schema.meta).values(key="epoch", value=new_epoch()))
    # A step that moved much leaves a log as large, which nothing else would ever make small again.
    with closing(engine.raw_connection()) as raw, closing(raw.cursor()) as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def new_epoch() -> str:
    """Return a name that no other numbering has."""
    return uuid.uuid4().hex[:12]


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Open a transaction that is durable when the block ends; a database error becomes StoreUnavailable."""
    try:
        with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or type(error).__name__
        raise StoreUnavailable(f"The database refused a write ({cause}): nothing of it was kept.") from error


def _engine(url: URL, *, pinned: bool = False) -> Engine:
    # One connection for the process: SQLite serialises writers anyway, and its page cache and
    # data_version belong to a connection. A pinned one is never told to end its transaction.
    return create_engine(
        url,
        poolclass=StaticPool,
        connect_args={"check_same_thread": False, "isolation_level": None},
        skip_autocommit_rollback=pinned,
    )


def _reading(path: Path, *, pinned: bool = False) -> Engine:
    url = URL.create("sqlite", database=f"file:{path.resolve()}", query={"mode": "ro", "uri": "true"})
    engine = _engine(url, pinned=pinned)
    _pragmas(engine, f"busy_timeout={BUSY_TIMEOUT_MS}", "query_only=ON")
    return engine


def _pragmas(engine: Engine, *pragmas: str) -> None:
    @event.listens_for(engine, "connect")
    def set_pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        for pragma in pragmas:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        # The driver's own transaction handling begins too late for a read followed by a write.
        driver: Any = connection.connection.dbapi_connection
        if not driver.in_transaction:  # a pinned one has begun
            connection.exec_driver_sql("BEGIN")


def _watch(engine: Engine, path: Path) -> None:
    """From now on tell damage apart: what was opened as a database was one."""

    @event.listens_for(engine, "handle_error")
    def damaged(context: ExceptionContext) -> None:
        if is_damage(context.original_exception):
            raise StoreDamaged(f"The database {path}") from context.original_exception


def is_damage(error: BaseException | None) -> bool:
    """Tell whether SQLite read from a database what it cannot have written: text that is none, too."""
    if not isinstance(error, sqlite3.DatabaseError):
        return False
    # The driver has no code for text that is none.
    return is_corrupt(error) or _code(error) == sqlite3.SQLITE_NOTADB or "decode to UTF-8" in str(error)


def is_corrupt(error: BaseException | None) -> bool:
    """Tell whether SQLite found a broken page."""
    return _code(error) == sqlite3.SQLITE_CORRUPT


def _code(error: BaseException | None) -> int | None:
    """Return SQLite's primary result code, None for an error that has none."""
    code = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF


def take_lock(path: Path) -> TextIO:
    """Return the lock of the one writer, who keeps it open. Raises StoreBusy, OSError."""
    lock = Path(f"{path}.lock").open("a+")  # noqa: SIM115 - held for the life of the process
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise StoreBusy(
            f"Another exporter writes {path}: stop it first, or set DB_PATH to another file."
        ) from error
    lock.seek(0)
    lock.truncate()
    lock.write(f"{os.getpid()}\n")
    lock.flush()
    return lock
