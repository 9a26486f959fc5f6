"""`northstar token`: who may read."""

from __future__ import annotations

import argparse
import time
from datetime import UTC, datetime

from exporter.errors import SettingsError
from exporter.settings import Settings
from exporter.stream.scopes import SCOPES
from exporter.stream.tokens import Tokens


def run(settings: Settings, options: argparse.Namespace) -> int:
    """Make, list or revoke tokens. Raises SettingsError."""
    tokens = Tokens(settings.db_path)
    match options.verb:
        case "create":
            first = not tokens.closed(time.monotonic())
            text = tokens.create(options.name, options.scope, datetime.now(UTC))
            print(f"{text}\n\nThis is shown once. It may {SCOPES[options.scope]}.")
            if first and options.scope != "ingest":
                print("From now on page and stream ask for a token, on this machine too.")
        case "list":
            for each in tokens.all():
                used = f"{each.used:%Y-%m-%d %H:%M} UTC" if each.used else "never"
                print(f"{each.id}  {each.scope:<7} made {each.made:%Y-%m-%d}  used {used}  {each.name}")
        case "revoke":
            if not tokens.revoke(options.id):
                raise SettingsError(
                    [f"There is no token {options.id[:20]!r}: `northstar token list` shows them."]
                )
            print(f"Token {options.id} is revoked; what it opened ends within seconds.")
            if tokens.closed(time.monotonic()) and not tokens.readable():
                print(
                    "None is left to read with: nobody reads until `northstar token create NAME` makes one. "
                    f"To open page and stream to everybody on this machine, remove {tokens.folder}."
                )
    return 0
