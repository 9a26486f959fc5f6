"""Kalshi's request signature, and keys as people paste them."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from exporter.errors import SettingsError
from exporter.sources.kalshi.key import load_key, signer
from tests.sources import payloads as p
from tests.sources.canned import KEY_ID, NOW, WINDOW, Upstream, kalshi, private_key


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def pem(key: Any, form: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return str(key.private_bytes(Encoding.PEM, form, NoEncryption()).decode())


def test_an_rsa_signature_is_pss_with_a_salt_as_long_as_the_digest(rsa_key: rsa.RSAPrivateKey) -> None:
    """The signed text is milliseconds, method and path, put together without separator."""
    headers = signer(KEY_ID, rsa_key, lambda: NOW)("get", "/trade-api/v2/portfolio/balance")
    assert headers["KALSHI-ACCESS-KEY"] == KEY_ID
    assert headers["KALSHI-ACCESS-TIMESTAMP"] == "1795348800000"
    rsa_key.public_key().verify(
        base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"]),
        b"1795348800000GET/trade-api/v2/portfolio/balance",
        padding.PSS(padding.MGF1(hashes.SHA256()), 32),
        hashes.SHA256(),
    )


def test_an_ed25519_signature_is_over_the_text_itself() -> None:
    """The kind of signature follows from the key, not from its label."""
    key = Ed25519PrivateKey.generate()
    headers = signer(KEY_ID, key, lambda: NOW)("GET", "/path")
    signature = base64.b64decode(headers["KALSHI-ACCESS-SIGNATURE"])
    key.public_key().verify(signature, b"1795348800000GET/path")


@pytest.mark.anyio
async def test_the_query_is_not_signed_but_the_base_path_is() -> None:
    """The signature covers the path from the host's root."""
    upstream = Upstream(p.answers("kalshi"))
    await kalshi(upstream).fetch(WINDOW)
    key = load_pem_private_key(private_key().encode(), None)
    assert isinstance(key, Ed25519PrivateKey)
    for request in upstream.requests:
        text = f"{request.headers['kalshi-access-timestamp']}GET{request.url.path}"
        signature = base64.b64decode(request.headers["kalshi-access-signature"])
        key.public_key().verify(signature, text.encode())


PASTED = {
    "as it is": lambda text: text,
    "literal line ends": lambda text: text.replace("\n", "\\n"),
    "windows line ends": lambda text: text.replace("\n", "\r\n"),
    "literal windows line ends": lambda text: text.replace("\n", "\\r\\n"),
    "in double quotes": lambda text: f'"{text}"',
    "in single quotes": lambda text: f"'{text.strip()}'",
    "without last line end": lambda text: text.strip(),
    "in one line": lambda text: text.replace("\n", " "),
    "indented": lambda text: text.replace("\n", "\n    "),
    "with a remark above": lambda text: f"my key\n{text}",
}


@pytest.mark.parametrize("paste", PASTED.values(), ids=PASTED)
@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
def test_a_key_is_read_however_it_was_pasted(
    rsa_key: rsa.RSAPrivateKey, form: PrivateFormat, paste: Any
) -> None:
    """People paste keys into variables, and variables into files."""
    found = load_key(paste(pem(rsa_key, form)))
    assert isinstance(found, rsa.RSAPrivateKey)
    assert found.private_numbers() == rsa_key.private_numbers()


def test_a_key_that_cannot_be_read_is_explained_in_one_sentence(rsa_key: rsa.RSAPrivateKey) -> None:
    """The sentence names what is wrong and quotes nothing."""
    locked = rsa_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"pw")).decode()
    old_locked = pem(rsa_key, PrivateFormat.TraditionalOpenSSL).replace(
        "-----\n", "-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n", 1
    )
    cut = pem(rsa_key).replace(pem(rsa_key)[200:500], "")
    other = pem(ec.generate_private_key(ec.SECP256R1()))
    public = "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----"
    for text, word in (
        ("", "PEM"), (KEY_ID, "PEM"), (public, "is a public key"), ("-----BEGIN PRIVATE KEY-----", "cut off"),
        (public.replace("PUBLIC", "OPENSSH PRIVATE"), "OpenSSH"), (locked, "password"),
        (old_locked, "password"), (cut, "damaged"), (other, "kind"),
    ):  # fmt: skip
        with pytest.raises(SettingsError, match=word) as caught:
            load_key(text)
        assert len(caught.value.problems) == 1
        assert "\n" not in str(caught.value)
