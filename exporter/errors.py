"""Everything that can go wrong, as one tree; catch at the level you can answer for.

ExporterError
  SettingsError         every wrong setting at once, by name; never a secret's value
  SourceError
    SourceUnavailable   passing trouble: time-out, 429, 5xx; retried within bounds
    SourceRejected      a human must act: wrong key, missing scope, wrong address
    SourceMalformed     the answer's shape changed; names the field, books nothing
    SourceBroken        its code here failed, or brought what it must not; whoever wrote it must act
  PeriodError           a text that is no period, or a period that cannot be; says what would do
  OddRow                one row of a list cannot be read: it alone is set aside
  LedgerError           records contradict each other; says which
    OutOfBalance        a snapshot whose double entry does not sum to zero; it is refused
  StoreError
    StoreUnavailable    the database cannot be opened or written
    StoreDisplaced      another file lies where the database was; nothing is written to either
    StoreDamaged        what is stored is not what was written; it is never served
    DaybookDamaged      the same of what is made of the records, and will be once more
    SchemaTooNew        written by a newer version; this one must not touch it
    StoreBusy           another exporter is the writer
    SequenceGap         a snapshot that does not follow the last one
    BackupFailed        no verified copy could be made, or a copy cannot be used; says which
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from exporter.records import Answer


class ExporterError(Exception):
    """Base of all errors of ours; its text is a sentence for the person who runs the stack."""


class SettingsError(ExporterError):
    """One or more settings are wrong; `problems` holds a sentence for each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class SourceError(ExporterError):
    """A source gave no usable answer; `reason` is the label its error counter carries.

    `sentence` says what happened, and nothing of what this program will do about it.
    """

    def __init__(self, source: str, reason: str, sentence: str, *, answers: Sequence[Answer] = ()) -> None:
        self.source = source
        self.reason = reason
        self.answers = tuple(answers)
        super().__init__(sentence)


class SourceUnavailable(SourceError):
    """Passing trouble; `retry_after` is the server's own wish in seconds, None when it had none."""

    def __init__(
        self,
        source: str,
        reason: str,
        sentence: str,
        *,
        retry_after: float | None = None,
        answers: Sequence[Answer] = (),
    ) -> None:
        self.retry_after = retry_after
        super().__init__(source, reason, sentence, answers=answers)


class SourceRejected(SourceError):
    """The source understood us and said no; asking again changes nothing until a human acts."""


class SourceMalformed(SourceError):
    """An answer that does not have the agreed shape; `field` says where, as in `fills.fee_cost`."""

    def __init__(self, source: str, field: str, sentence: str, *, answers: Sequence[Answer] = ()) -> None:
        self.field = field
        super().__init__(source, "malformed", sentence, answers=answers)


class PeriodError(ExporterError):
    """What was asked for is no stretch of days that we could answer for."""


class OddRow(ExporterError):
    """A row that contradicts itself, or its list; `field` says where, `what` is wrong in plain words."""

    def __init__(self, field: str, what: str) -> None:
        self.field = field
        self.what = what
        super().__init__(f"{field} {what}")


class SourceBroken(SourceError):
    """The source's own code failed or brought what is not its own; the others know nothing of it."""


class LedgerError(ExporterError):
    """Records contradict each other."""


class OutOfBalance(LedgerError):
    """Double entry does not sum to zero, or the parts do not sum to the net."""


class StoreError(ExporterError):
    """The database could not do what was asked."""


class StoreUnavailable(StoreError):
    """The database cannot be opened, read or written."""


class StoreDisplaced(StoreError):
    """Another file was put in the place of the open database; only its owner knows which is meant."""


class StoreDamaged(StoreError):
    """What is stored is not what was written; `what` names it, as the beginning of a sentence."""

    remedy = "Restore a backup with `northstar restore`."

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not what was written, its checksum differs: the disk or another program changed the "
            f"database. {self.remedy}"
        )


class DaybookDamaged(StoreDamaged):
    """A line of the daybook is not what was written."""

    remedy = "The exporter makes it anew from the records."


class SchemaTooNew(StoreError):
    """The database was written by a newer version."""


class StoreBusy(StoreError):
    """Another exporter writes this database."""


class SequenceGap(StoreError):
    """A snapshot was offered that does not follow the last one."""


BackupReason = Literal["folder", "no_room", "busy", "unreadable", "not_verified", "stopped", "unexpected"]
"""What keeps a copy from being made: the folder, its room, another copy, the database, the proof, or us."""


class BackupFailed(StoreError):
    """No verified copy could be made, or a copy does not hold; `reason` is its counter's label."""

    def __init__(self, reason: BackupReason, sentence: str) -> None:
        self.reason = reason
        super().__init__(sentence)
