"""Connecting: what is said of a server, a certificate or a proxy that stands in the way."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from exporter.errors import SettingsError, SourceError, SourceRejected, SourceUnavailable
from exporter.simulator.clock import SettableClock
from exporter.sources.http import Endpoint, HttpClient
from exporter.sources.reachability import AUTHORITY_FILES, check_proxies, trust
from tests.ports import held_port
from tests.sources.canned import NOW

pytestmark = pytest.mark.anyio

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is inherited from whoever runs the tests, and nothing is tried twice."""
    for name in (*PROXIES, *AUTHORITY_FILES, "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr("exporter.sources.http.ATTEMPTS", 1)


async def told(address: str) -> SourceError:
    """Return the error of a request to an address."""
    endpoint = Endpoint(source="kalshi", title="Kalshi", base_url=address)
    client = HttpClient(endpoint, lambda method, path: {}, SettableClock(NOW))
    try:
        with pytest.raises(SourceError) as caught:
            await client.get("/things")
    finally:
        await client.aclose()
    return caught.value


def certificate(folder: Path, name: str, *, days: int = 1) -> tuple[Path, Path]:
    """Return the files of a certificate for a host that signed itself, and of its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    signer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Office\x1b[31m Firewall")])
    built = (
        x509.CertificateBuilder()
        .subject_name(signer)
        .issuer_name(signer)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=3))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    shown, secret = folder / "shown.pem", folder / "secret.pem"
    shown.write_bytes(built.public_bytes(Encoding.PEM))
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return shown, secret


@contextmanager
def listening(context: ssl.SSLContext | None, answer: bytes = b"") -> Iterator[int]:
    """Serve one answer to whoever comes, over TLS where there is a context; yield the port."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    plain, _ = server.accept()
                except OSError:
                    return
                try:
                    plain.settimeout(5)
                    spoken = plain if context is None else context.wrap_socket(plain, server_side=True)
                    spoken.recv(4096)
                    spoken.sendall(answer)
                    spoken.close()
                except OSError:
                    plain.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join(10)


async def test_a_refused_connection_names_the_address() -> None:
    """Whoever mistyped a port sees it."""
    port = held_port()
    error = await told(f"http://127.0.0.1:{port}/v1")
    assert isinstance(error, SourceUnavailable)
    assert error.reason == "connect"
    assert (
        str(error)
        == f"Kalshi at http://127.0.0.1:{port} cannot be reached: nothing listens there, it refused."
    )


async def test_a_name_that_nobody_knows_is_said() -> None:
    """`.invalid` is kept free of names for ever."""
    error = await told("https://kalshi.invalid")
    assert "at https://kalshi.invalid cannot be reached: its name was not found" in str(error)


async def test_an_untrusted_certificate_says_who_signed_it(tmp_path: Path) -> None:
    """A firewall that opens TLS is the usual cause; what it calls itself changes no terminal."""
    shown, secret = certificate(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown, secret)
    with listening(context) as port:
        error = await told(f"https://localhost:{port}")
    assert isinstance(error, SourceRejected)
    assert error.reason == "certificate"
    assert "signed by Office[31m Firewall, that is not trusted: self-signed certificate" in str(error)
    assert "SSL_CERT_FILE" in str(error)


@pytest.mark.parametrize(
    ("name", "days", "said"), [("localhost", -1, "expired"), ("other.test", 1, "not valid for 'localhost'")]
)
async def test_a_trusted_authority_does_not_excuse_the_rest(
    tmp_path: Path, name: str, days: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An old certificate, or another one's, is named as what it is."""
    shown, secret = certificate(tmp_path, name, days=days)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown, secret)
    monkeypatch.setenv("SSL_CERT_FILE", str(shown))
    with listening(context) as port:
        error = await told(f"https://localhost:{port}")
    assert (error.reason, said in str(error)) == ("certificate", True), str(error)


@pytest.mark.parametrize("variable", AUTHORITY_FILES)
async def test_an_authority_of_the_environment_is_trusted(
    tmp_path: Path, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both names are set on machines behind such a firewall."""
    shown, secret = certificate(tmp_path, "localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(shown, secret)
    monkeypatch.setenv(variable, str(shown))
    with listening(context, b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}") as port:
        assert (await told(f"https://localhost:{port}")).reason == "not_found"


async def test_a_server_without_tls_is_no_mystery() -> None:
    """https for http is the commonest slip of all."""
    with listening(None, b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        error = await told(f"https://127.0.0.1:{port}")
    assert isinstance(error, SourceRejected)
    assert "does not speak TLS" in str(error)
    assert "is it http" in str(error)


@pytest.mark.parametrize("name", [*AUTHORITY_FILES, "SSL_CERT_DIR"])
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_an_authority_that_cannot_be_read_is_one_sentence(
    tmp_path: Path, name: str, content: str | None
) -> None:
    """A path of another machine in the environment ended in a traceback."""
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SettingsError) as caught:
        trust({name: str(path)})
    [problem] = caught.value.problems
    assert problem.startswith(f"{name} is {path}, which ")
    assert problem.endswith("unset it.")


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks://127.0.0.1:7890/", "socks5://127.0.0.1:7890/"),
        ("ftp://me:pass-word-1@127.0.0.1:1", "ftp://127.0.0.1:1: proxies of http"),
        ("http://127.0.0.1:99999", "no address such as"),
        ("http://[::1", "no address such as"),
        ("http://", "no address such as"),
    ],
)
@pytest.mark.parametrize("name", ["ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY"])
def test_a_proxy_that_cannot_work_is_one_sentence(
    name: str, proxy: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the variable, what it is, and what would do; never who we are there."""
    monkeypatch.setenv(name, proxy)
    with pytest.raises(SettingsError) as caught:
        check_proxies()
    [problem] = caught.value.problems
    assert problem.startswith(f"{name} is ")
    assert said in problem
    assert "pass-word-1" not in problem


@pytest.mark.parametrize("proxy", ["http://127.0.0.1:3128", "127.0.0.1:3128", "socks5://127.0.0.1:1080", ""])
async def test_a_proxy_that_is_away_is_named(proxy: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The server may be well: it is the proxy that nobody answers at."""
    port = str(held_port())
    address = proxy.replace("3128", port).replace("1080", port)
    monkeypatch.setenv("ALL_PROXY", address)
    error = await told("http://kalshi.invalid")
    if proxy:
        assert f"it was asked by the proxy {address}" in str(error)
    else:
        assert "proxy" not in str(error)


async def test_a_handshake_that_breaks_off_passes_by_itself() -> None:
    """A server that is being restarted ends connections in the middle: asked again, it is well."""
    with listening(None) as port:
        error = await told(f"https://127.0.0.1:{port}")
    assert isinstance(error, SourceUnavailable)


def test_whom_to_trust_is_read_once(tmp_path: Path) -> None:
    """A feed that connects anew must not hold up the others while it reads a hundred authorities."""
    shown, _ = certificate(tmp_path, "localhost")
    assert trust({}) is trust({})
    assert trust({"SSL_CERT_FILE": str(shown)}) is trust({"SSL_CERT_FILE": str(shown)})
    assert trust({"SSL_CERT_FILE": str(shown)}) is not trust({})
