"""Credentials for authentication: checked before they reach a header, and never shown."""

from __future__ import annotations

from pydantic import SecretStr

from exporter.errors import SettingsError


def usable(secret: SecretStr | str, name: str) -> SecretStr:
    """Return the secret without surrounding blanks and quotes.

    Raises SettingsError when it is empty or cannot be a header value: the HTTP library would quote
    such a value in its own error text.
    """
    text = secret.get_secret_value() if isinstance(secret, SecretStr) else secret
    text = text.strip().strip("\"'")
    if not text:
        raise SettingsError([f"{name} is empty."])
    if not text.isascii() or not text.isprintable() or " " in text:
        raise SettingsError([f"{name} holds a character that no key has; paste it again."])
    return SecretStr(text)
