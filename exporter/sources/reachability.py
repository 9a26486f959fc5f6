"""Connecting: whom to trust, by which proxy, and why a server cannot be reached, in words.

Source: OpenSSL's SSL_CERT_FILE and SSL_CERT_DIR, and REQUESTS_CA_BUNDLE, which people have set for other
        programs; HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY as curl reads them.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpx
from cryptography import x509
from cryptography.x509.oid import NameOID

from exporter.errors import SettingsError
from exporter.settings.entries import without_password

AUTHORITY_FILES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")
"""Files of the authorities to trust; the first that is set counts."""

AUTHORITY_FOLDER = "SSL_CERT_DIR"

PROXY_SCHEMES = ("http", "https", "socks5", "socks5h")
NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
"""What OpenSSL says of an answer that is none of TLS; anything else may pass, as a restart does."""

LOOK_SECONDS = 5.0
"""To see who signed a certificate takes one handshake."""


def trust(environ: Mapping[str, str] = os.environ) -> ssl.SSLContext:
    """Return whom to trust: the authorities that the environment names, else those that httpx does.

    Raises SettingsError when it names what cannot be read.
    """
    for name in (*AUTHORITY_FILES, AUTHORITY_FOLDER):
        if path := environ.get(name):
            return _trusting(name, path, folder=name == AUTHORITY_FOLDER or os.path.isdir(path))
    return _usual()


@cache
def _usual() -> ssl.SSLContext:
    # Read once: it takes tens of milliseconds, in which a feed that connects anew would hold up all.
    return httpx.create_ssl_context(trust_env=False)


@cache
def _trusting(name: str, path: str, *, folder: bool) -> ssl.SSLContext:
    try:
        if folder and not os.path.isdir(path):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return ssl.create_default_context(cafile=None if folder else path, capath=path if folder else None)
    except ssl.SSLError:
        problem = "holds no certificates in PEM form"
    except OSError as error:
        problem = f"cannot be read: {(error.strerror or 'not found').lower()}"
    raise SettingsError([f"{name} is {path}, which {problem}: name a file of authorities, or unset it."])


def check_proxies() -> None:
    """Raise SettingsError for a proxy of the environment that no request could go through."""
    problems = []
    for scheme, address in sorted(getproxies().items()):
        if scheme not in ("http", "https", "all"):
            continue
        stated = address if "://" in address else f"http://{address}"
        name, shown = f"{scheme.upper()}_PROXY", without_password(stated)
        try:
            parts = urlsplit(stated)
            usable = parts.hostname is not None and (parts.port is None or parts.port > 0)
        except ValueError:
            usable = False
        if not usable:
            problems.append(f"{name} is {shown}, which is no address such as http://127.0.0.1:3128.")
        elif parts.scheme == "socks":
            better = shown.replace("socks:", "socks5:", 1)
            problems.append(f"{name} is {shown}: say which SOCKS it speaks, for example {better}.")
        elif parts.scheme not in PROXY_SCHEMES:
            problems.append(f"{name} is {shown}: proxies of {', '.join(PROXY_SCHEMES)} can be used.")
    if problems:
        raise SettingsError(problems)


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why no connection came about: a label, and the words that follow the server's name and address.

    `lasting` says that a human must act: asking again would change nothing.
    """

    reason: str
    said: str
    lasting: bool = False


async def why_unreachable(error: Exception, url: httpx.URL) -> Unreachable:
    """Return why a request could not be sent. A certificate is looked at once more, to say who signed it."""
    found = list(_chain(error))
    by = _proxied(url)
    for cause in found:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return await _untrusted(cause, url)
    for cause in found:
        if isinstance(cause, ssl.SSLError) and isinstance(error, httpx.ConnectError):
            told = (cause.reason or "no reason given").replace("_", " ").lower()
            if cause.reason in NO_TLS:
                return Unreachable("tls", f"does not speak TLS ({told}); is it http, or another port?", True)
            return Unreachable("tls", f"broke off the TLS handshake ({told}){by}")
        if isinstance(cause, httpx.ProxyError):
            return Unreachable("proxy", f"cannot be reached: the proxy refused{by}")
        if isinstance(cause, socket.gaierror):
            return Unreachable("connect", f"cannot be reached: its name was not found{by}")
        if isinstance(cause, ConnectionRefusedError):
            return Unreachable("connect", f"cannot be reached: nothing listens there, it refused{by}")
        if isinstance(cause, OSError) and cause.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return Unreachable("connect", f"cannot be reached: there is no way to it from this machine{by}")
    if isinstance(error, httpx.TimeoutException | TimeoutError):
        return Unreachable("timeout", f"did not answer in time{by}")
    if isinstance(error, httpx.ConnectError):
        return Unreachable("connect", f"cannot be reached ({type(found[-1]).__name__}){by}")
    return Unreachable("connection", f"broke off the connection{by}")


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and all that it came of."""
    seen: set[int] = set()
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop(0)
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield each
        if isinstance(each, BaseExceptionGroup):
            waiting += each.exceptions
        waiting += [each.__cause__, each.__context__]


def _proxied(url: httpx.URL) -> str:
    """Return by which proxy the environment has a server asked, in brackets; nothing where by none."""
    proxies = getproxies()
    address = proxies.get(url.scheme) or proxies.get("all")
    if address is None or proxy_bypass(url.host):
        return ""
    return f" (it was asked by the proxy {without_password(address)})"


async def _untrusted(error: ssl.SSLCertVerificationError, url: httpx.URL) -> Unreachable:
    told = error.verify_message[:1].lower() + error.verify_message[1:]
    signer = await asyncio.to_thread(_signed_by, url)
    by = f", signed by {signer}" if signer else ""
    return Unreachable(
        "certificate",
        f"shows a certificate{by}, that is not trusted: {told}; if its authority is yours, name the "
        "authority's file in SSL_CERT_FILE",
        True,
    )


def _signed_by(url: httpx.URL) -> str:
    """Return who signed the certificate that a server shows; nothing when it cannot be seen."""
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    try:
        with (
            socket.create_connection((url.host, url.port or 443), LOOK_SECONDS) as plain,
            blind.wrap_socket(plain, server_hostname=url.host) as shown,
        ):
            stated = shown.getpeercert(binary_form=True)
        issuer = x509.load_der_x509_certificate(stated or b"").issuer
    except (OSError, ValueError):
        return ""
    names = issuer.get_attributes_for_oid(NameOID.COMMON_NAME) or list(issuer)
    return "".join(sign for sign in str(names[0].value) if sign.isprintable())[:80] if names else ""
