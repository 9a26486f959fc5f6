"""A certificate authority for tests: servers and clients that it vouches for, and web configuration files."""

from __future__ import annotations

import datetime
from ipaddress import ip_address
from pathlib import Path

import bcrypt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

SIGNS_CERTIFICATES = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)
DAY = datetime.timedelta(days=1)


def hashed(password: str) -> str:
    """Return the hash of a password, by the quickest of all costs."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode()


class Authority:
    """Signs certificates into a folder; `file` is its own."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self.folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        own = (
            self._begun(self._name, self._key.public_key())
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(SIGNS_CERTIFICATES, critical=True)
        )
        self.file = folder / f"{name}.pem"
        self.file.write_bytes(own.sign(self._key, hashes.SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, *others: x509.GeneralName, file: str = "") -> tuple[Path, Path]:
        """Write a certificate for a host or an address, and its key; return where they are."""
        key = ec.generate_private_key(ec.SECP256R1())
        try:
            own: x509.GeneralName = x509.IPAddress(ip_address(name))
        except ValueError:
            own = x509.DNSName(name)
        signed = (
            self._begun(x509.Name([]), key.public_key())
            .add_extension(x509.SubjectAlternativeName([own, *others]), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        certificate, secret = (self.folder / f"{file or name}.{kind}" for kind in ("crt", "key"))
        certificate.write_bytes(signed.public_bytes(Encoding.PEM))
        secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, secret

    def _begun(self, subject: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
        now = datetime.datetime.now(datetime.UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - DAY)
            .not_valid_after(now + DAY)
            # Python 3.13 wants these of everybody (RFC 5280).
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False
            )
        )
