"""Authentication by bearer tokens, kept as hashes in a folder beside the database, one file each.

A token is shown once, when it is made. Its file holds the SHA-256 of it (it is 256 random bits, so nothing
slower is needed) and a key of its own that signs short-lived tokens for addresses: taking the file away
ends all of them. The file's time says when the token was used last. Once one to read with was made, a mark in
the folder says that figures are for those who show one, also when the last is revoked. Any number of
processes, on any number of machines, may share the folder.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exporter.errors import SettingsError
from exporter.stream.scopes import SCOPES, Scope

SHORT_SECONDS = 900
"""Life of a token for an address: addresses end up in logs and histories."""

SIGNED_AHEAD_SECONDS = 5
"""How much longer it may seem to live: clocks are slewed back a little."""

USED_SECONDS = 60
"""The last use is noted this often at most: it is a write to the disk."""

LOOK_SECONDS = 1.0
"""How soon a token that was made or revoked is known."""

LONG, SHORT = "nst", "nsa"
_LONG = re.compile(r"nst_([0-9a-f]{8})_([A-Za-z0-9_-]{43})")
_SHORT = re.compile(r"nsa_([0-9a-f]{8})_([0-9]{1,12})_([0-9a-f]{64})")
MAX_NAME = 60

CLOSED = "closed"
"""The file that is the mark. Revoking a token takes a right away, and must not give one to everybody."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token as it is kept. `used` is None until its first use."""

    id: str
    name: str
    scope: Scope
    digest: str
    key: str
    made: datetime
    used: datetime | None = None

    @property
    def reads(self) -> bool:
        """Whether there are figures that it opens."""
        return self.scope != "ingest"

    def __repr__(self) -> str:
        return f"Token({self.id!r}, {self.name!r}, {self.scope!r})"


class Tokens:
    """The tokens of one database."""

    def __init__(self, database: Path) -> None:
        self.folder = database.with_name(f"{database.name}.tokens")
        self._known: dict[str, Token] = {}
        self._closed = False
        self._seen: int | None = None
        self._look_at = 0.0
        self._used: dict[str, float] = {}

    # What the commands do.

    def create(self, name: str, scope: Scope, now: datetime) -> str:
        """Make a token and return its text, which is kept nowhere. Raises SettingsError."""
        if not name.strip() or len(name) > MAX_NAME or not name.isprintable():
            raise SettingsError([f"A token's name is one line of 1 to {MAX_NAME} characters."])
        id_, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
        text = f"{LONG}_{id_}_{secret}"
        kept = {
            "name": name.strip(),
            "scope": scope,
            "sha256": _digest(text),
            "key": secrets.token_hex(32),
            "made": now.astimezone(UTC).isoformat(),
        }
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Written aside first: whoever looks meanwhile sees the whole file or none.
            aside = self.folder / f".{id_}"
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(json.dumps(kept))
            made = now.timestamp()
            os.utime(aside, (made, made))
            aside.rename(self.folder / f"{id_}.json")
            if scope != "ingest":
                self._close()
        except OSError as error:
            raise SettingsError([f"The token cannot be kept in {self.folder} ({error.strerror})."]) from error
        return text

    def all(self) -> list[Token]:
        """Return every token, the oldest first."""
        found = (_read(path) for path in self.folder.glob("*.json"))
        return sorted((token for token in found if token is not None), key=lambda token: token.made)

    def revoke(self, id_: str) -> bool:
        """Take a token away, and what it has signed; False when there is none of that id."""
        if not re.fullmatch(r"[0-9a-f]{8}", id_):
            return False
        file = self.folder / f"{id_}.json"
        try:
            if (token := _read(file)) is not None and token.reads:
                self._close()  # one of an older version may have left no mark
            file.unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise SettingsError([f"Token {id_} cannot be removed ({error.strerror})."]) from error
        return True

    def readable(self) -> bool:
        """Whether there is a token to read with."""
        return any(token.reads for token in self.all())

    def _close(self) -> None:
        (self.folder / CLOSED).touch(mode=0o600)

    # What a process that serves asks; `monotonic` and `now` are in seconds.

    def known(self, monotonic: float) -> dict[str, Token]:
        """Return the tokens by id, as the folder had them within the last second."""
        if monotonic >= self._look_at:
            self._look_at = monotonic + LOOK_SECONDS
            try:
                seen: int | None = self.folder.stat().st_mtime_ns
            except OSError:
                seen = None
            if seen is None or seen != self._seen:
                self._seen = seen
                self._known = {token.id: token for token in self.all()}
                readers = any(token.reads for token in self._known.values())
                self._closed = readers or (self.folder / CLOSED).exists()
        return self._known

    def closed(self, monotonic: float) -> bool:
        """Whether figures are for those alone who show a token."""
        self.known(monotonic)
        return self._closed

    def find(self, text: str, monotonic: float, now: float) -> Token | None:
        """Return the token whose text this is, None when there is none."""
        shape = _LONG.fullmatch(text)
        token = self.known(monotonic).get(shape[1]) if shape else None
        # Compared in constant time, and also when there is nothing to compare with.
        same = hmac.compare_digest(_digest(text), token.digest if token is not None else "0" * 64)
        if token is None or not same:
            return None
        self._note(token, now)
        return token

    def sign(self, token: Token, now: float) -> tuple[str, int]:
        """Return a token for an address, and the time in seconds at which it expires."""
        until = int(now) + SHORT_SECONDS
        return f"{SHORT}_{token.id}_{until}_{_mac(token, until)}", until

    def verify(self, text: str, monotonic: float, now: float) -> Token | None:
        """Return the token that signed this one, None when none did or its time is over."""
        shape = _SHORT.fullmatch(text)
        token = self.known(monotonic).get(shape[1]) if shape else None
        if shape is None or token is None:
            return None
        until = int(shape[2])
        if not hmac.compare_digest(_mac(token, until), shape[3]):
            return None
        # One that would live longer than any was signed by a clock that has been set back since.
        if not now < until <= now + SHORT_SECONDS + SIGNED_AHEAD_SECONDS:
            return None
        return token

    def _note(self, token: Token, now: float) -> None:
        if abs(now - self._used.get(token.id, 0.0)) >= USED_SECONDS:
            self._used[token.id] = now
            with suppress(OSError):  # a folder that may only be read shows no use
                os.utime(self.folder / f"{token.id}.json", (now, now))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _mac(token: Token, until: int) -> str:
    return hmac.new(bytes.fromhex(token.key), f"{token.id}|{until}".encode(), hashlib.sha256).hexdigest()


def _read(path: Path) -> Token | None:
    """Return the token of a file; None for one that is gone, or is none."""
    try:
        kept = json.loads(path.read_text())
        used = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        made = datetime.fromisoformat(kept["made"])
        token = Token(
            path.stem,
            str(kept["name"]),
            kept["scope"],
            str(kept["sha256"]),
            str(kept["key"]),
            made,
            used if (used - made).total_seconds() > 1 else None,
        )
        bytes.fromhex(token.key)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return token if token.scope in SCOPES else None
