"""Who may read `/metrics`, by the web configuration file as it is now: it may change while we serve."""

from __future__ import annotations

import base64
import binascii
import hashlib
import logging
import secrets
from collections.abc import Mapping
from ipaddress import ip_address
from pathlib import Path
from threading import Lock
from typing import Any

import bcrypt

from exporter.errors import SettingsError
from exporter.metrics.web_config import WebConfig, built, stated

log = logging.getLogger("northstar")

BCRYPT_BYTES = 72
"""What bcrypt reads of a password; programs that hash one leave the rest away, too."""

MOST_VERIFIED = 100
"""Passwords remembered as right. There are as many as users, and as often as the file changes."""

Stamps = dict[Path, tuple[int, int, int] | None]


class WebGuard:
    """The file, read again when it or what it names changes; a broken one leaves the last one in force."""

    def __init__(self, path: Path) -> None:
        """Read it. Raises SettingsError when it cannot be used."""
        self._path = path
        self._lock = Lock()
        self._stamps: Stamps = {}
        self._wrong = ""
        self._config = self._read()
        self.passwords = Passwords()

    def config(self) -> WebConfig:
        """Return what is in force."""
        with self._lock:
            if self._stamps != {file: _stamp(file) for file in self._stamps}:
                self._read_again()
            return self._config

    def _read_again(self) -> None:
        try:
            self._config = self._read()
        except SettingsError as error:
            if str(error) != self._wrong:
                log.warning("%s What was read before stays in force.", error)
            self._wrong = str(error)
        else:
            log.info("%s was read again", self._path)
            self._wrong = ""

    def _read(self) -> WebConfig:
        # Looked at first and read then: what is written in between is seen at the next request.
        self._stamps = {self._path: _stamp(self._path)}
        file = stated(self._path)
        self._stamps |= {each: _stamp(each) for each in file.files(self._path.parent)}
        return built(self._path, file)


def _stamp(file: Path) -> tuple[int, int, int] | None:
    """Return what changes with a file; another one that is put in its place by a link counts, too."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


class Passwords:
    """Basic authentication. One password is hashed at a time, and a right one once.

    Hashing takes long by intention: without the first anybody could keep all cores busy, and without the
    second each scrape would be late.
    """

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._verified: dict[bytes, None] = {}
        self._hashing = Lock()

    def right(self, users: Mapping[bytes, bytes], authorization: str) -> bool:
        """Tell whether the header states a user with the right password."""
        given = _credentials(authorization)
        if given is None:
            return False
        user, password = given
        hashed = users.get(user)
        if hashed is None:
            # Somebody unknown waits as long as somebody known, so that the time gives no name away.
            self._matches(password, max(users.values(), key=_cost))
            return False
        mark = self._mark(user, password, hashed)
        if mark in self._verified:
            return True
        if not self._matches(password, hashed):
            return False
        if len(self._verified) >= MOST_VERIFIED:
            self._verified.clear()
        self._verified[mark] = None
        return True

    def _matches(self, password: bytes, hashed: bytes) -> bool:
        with self._hashing:
            return bcrypt.checkpw(password[:BCRYPT_BYTES], hashed)

    def _mark(self, *parts: bytes) -> bytes:
        """Return what is remembered of a password: nothing that it could be found by."""
        mark = hashlib.blake2b(key=self._key)
        for part in parts:
            mark.update(len(part).to_bytes(8, "big") + part)
        return mark.digest()


def _cost(hashed: bytes) -> int:
    return int(hashed[4:6])


def _credentials(authorization: str) -> tuple[bytes, bytes] | None:
    """Return user and password of a header; None for anything else (RFC 7617)."""
    kind, _, text = authorization.partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        user, colon, password = base64.b64decode(text.strip(), validate=True).partition(b":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def names_of(certificate: Mapping[str, Any] | None) -> frozenset[str]:
    """Return the alternative names of a verified certificate: hosts, addresses, mailboxes and URIs."""
    found = set()
    for kind, value in (certificate or {}).get("subjectAltName", ()):
        # The library writes an IPv6 address in a way of its own.
        found.add(str(ip_address(value)) if kind == "IP Address" else str(value))
    return frozenset(found)
