"""A mail server as companies run them: TLS first, then a password, then letters."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.e2e.pipeline import HOST
from tests.ports import held_port


class Mailbox:
    """Keeps what is sent to it by who knows the password; `certificate` is what to trust it by."""

    def __init__(self, folder: Path, user: str, password: str) -> None:
        self.letters: list[EmailMessage] = []
        self.refused = 0
        self._known = (user.encode(), password.encode())
        self.certificate, key = _self_signed(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        port = held_port()
        self.address = f"{HOST}:{port}"
        self._controller = Controller(
            self,
            hostname=HOST,
            port=port,
            tls_context=context,
            require_starttls=True,
            auth_required=True,
            # What it asks for with LOGIN is worded as no other server words it.
            auth_exclude_mechanism=["LOGIN"],
            authenticator=self._authenticate,
        )
        self._controller.start()

    def _authenticate(self, _server: Any, _session: Any, _envelope: Any, _how: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and (given.login, given.password) == self._known
        self.refused += not known
        return AuthResult(success=known, handled=False)

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 - its name there
        """Take a letter."""
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.letters.append(letter)
        return "250 OK"

    def close(self) -> None:
        """Stop listening."""
        self._controller.stop()


def text(letter: EmailMessage) -> str:
    """Return what a person reads, whatever it was packed in."""
    body = letter.get_body(("plain",))
    assert body is not None
    content: str = body.get_content()
    return content.replace("\r\n", "\n").strip()


def _self_signed(folder: Path) -> tuple[Path, Path]:
    """Write a certificate for this machine's loopback, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "mail of a test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, secret = folder / "mail.pem", folder / "mail.key"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return certificate, secret
