"""The server of `/metrics`, over a real connection: who is let in, and what the others read."""

from __future__ import annotations

import base64
import http.client
import logging
import os
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import product
from pathlib import Path

import bcrypt
import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter

from exporter.metrics import web_guard
from exporter.metrics.page import Page
from exporter.metrics.server import serve
from exporter.metrics.web_guard import MOST_VERIFIED, Passwords, WebGuard
from tests.examples import ANY
from tests.metrics.authority import Authority, hashed

HOST = "127.0.0.1"
PATIENCE = 30.0
TLS = "tls_server_config: {{cert_file: server.crt, key_file: server.key{more}}}\n"
Serve = Callable[[str], int]
Answer = tuple[int, dict[str, str], str]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    """Who vouches for the server, whose certificate is in the folder of the test."""
    made = Authority(tmp_path)
    made.issue(HOST, file="server")
    return made


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serve]:
    """Serves a page by a web configuration file, as `web.yml` in the folder of the test; returns the port."""
    registry = CollectorRegistry()
    Counter("northstar_told_total", "Help.", registry=registry)
    with ExitStack() as until_the_end:

        def start(text: str) -> int:
            file = tmp_path / "web.yml"
            file.write_text(text)
            server, thread = serve(Page(registry), 0, HOST, guard=WebGuard(file))
            until_the_end.callback(server.server_close)
            until_the_end.callback(thread.join)
            until_the_end.callback(server.shutdown)
            return server.server_port

        yield start


def trust(authority: Authority, *certificate: Path) -> ssl.SSLContext:
    """Return what a client trusts, and the certificate that it shows."""
    context = ssl.create_default_context(cafile=str(authority.file))
    if certificate:
        context.load_cert_chain(*certificate)
    return context


def get(port: int, context: ssl.SSLContext | None = None, path: str = "/metrics", **headers: str) -> Answer:
    """Ask once, over TLS where there is a context."""
    asking: http.client.HTTPConnection
    if context is None:
        asking = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    else:
        asking = http.client.HTTPSConnection(HOST, port, timeout=PATIENCE, context=context)
    try:
        asking.request("GET", path, headers=headers)
        answer = asking.getresponse()
        return answer.status, dict(answer.headers), answer.read().decode()
    finally:
        asking.close()


def basic(user: str, password: str) -> str:
    """Return the header that states a user and a password."""
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_the_page_is_served_over_tls(authority: Authority, serving: Serve) -> None:
    """To whoever trusts who signed; to others nothing, and without TLS a sentence."""
    port = serving(TLS.format(more=""))
    status, _, body = get(port, trust(authority))
    assert (status, "northstar_told_total 0.0" in body) == (200, True)
    with pytest.raises(ssl.SSLCertVerificationError):
        get(port, ssl.create_default_context())
    assert get(port)[::2] == (400, "This port speaks TLS: ask for https://.\n")


def test_a_version_below_the_least_is_not_spoken(authority: Authority, serving: Serve) -> None:
    """With TLS 1.3 as the least, a client of 1.2 is turned away."""
    port = serving(TLS.format(more=", min_version: TLS13"))
    assert get(port, trust(authority))[0] == 200
    old = trust(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(OSError, match=r"(?i)alert|protocol"):
        get(port, old)


def test_one_who_connects_and_says_nothing_keeps_nobody_waiting(authority: Authority, serving: Serve) -> None:
    """The first word of TLS is waited for in a thread of its own."""
    port = serving(TLS.format(more=""))
    with socket.create_connection((HOST, port)):
        assert get(port, trust(authority))[0] == 200


def test_a_certificate_is_asked_for_and_its_names_are_looked_at(authority: Authority, serving: Serve) -> None:
    """Nothing is told to a client without one, with one that somebody else signed, or in another name."""
    port = serving(
        TLS.format(
            more=", client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem, "
            "client_allowed_sans: [prometheus.example.com, '::1', 'spiffe://prod/prometheus']"
        )
    )
    stranger = Authority(authority.folder, "stranger")
    for shown in ((), stranger.issue("prometheus.example.com", file="forged")):
        with pytest.raises((OSError, http.client.HTTPException)):
            get(port, trust(authority, *shown))
    for name, others, status in (
        ("prometheus.example.com", (), 200),
        ("::1", (), 200),
        ("a.example.com", (x509.UniformResourceIdentifier("spiffe://prod/prometheus"),), 200),
        ("example.com", (x509.RFC822Name("ops@example.com"),), 403),
    ):
        assert get(port, trust(authority, *authority.issue(name, *others, file="client")))[0] == status, name


def test_a_certificate_may_be_left_out_where_it_is_not_required(authority: Authority, serving: Serve) -> None:
    """One that is shown is verified all the same."""
    port = serving(
        TLS.format(more=", client_auth_type: VerifyClientCertIfGiven, client_ca_file: authority.pem")
    )
    assert get(port, trust(authority))[0] == 200
    with pytest.raises((OSError, http.client.HTTPException)):
        get(port, trust(authority, *Authority(authority.folder, "stranger").issue("a", file="forged")))


NOT_RIGHT: tuple[dict[str, str], ...] = (
    {},
    {"Authorization": basic("alice", "wrong")},
    {"Authorization": basic("alice", "")},
    {"Authorization": basic("nobody", "right")},
    {"Authorization": basic("bob", "right")},
    {"Authorization": "Bearer right"},
    {"Authorization": "Basic"},
    {"Authorization": "Basic %%%"},
    {"Authorization": "Basic " + base64.b64encode(b"alice").decode()},
    {"Authorization": basic("alice", "right\0")},
    {"Authorization": basic("alice", "r" * 100)},
)


def test_whoever_states_no_right_password_is_told_to(serving: Serve) -> None:
    """On every path, and without a figure."""
    port = serving(f"basic_auth_users: {{alice: {hashed('right')}, bob: {hashed('other')}}}")
    paths = ("/metrics", "/", "/favicon.ico", "/-/healthy", "/metrics?name[]=northstar_told_total")
    for stated, path in product(NOT_RIGHT, paths):
        status, headers, body = get(port, None, path, **stated)
        assert status == 401
        assert headers["WWW-Authenticate"].startswith("Basic realm=")
        assert "northstar" not in body
    assert get(port, Authorization=basic("alice", "right"))[0] == 200


def test_a_password_is_as_long_as_bcrypt_reads(serving: Serve) -> None:
    """Of a longer one htpasswd hashes the beginning, too."""
    long = "p" * 100
    port = serving(f"basic_auth_users: {{alice: {hashed(long[:72])}}}")
    assert get(port, Authorization=basic("alice", long))[0] == 200


def test_headers_of_the_file_are_in_every_answer(serving: Serve) -> None:
    """In the page, in a refusal, and in that of a method."""
    port = serving(
        "http_server_config:\n"
        "  headers: {X-Frame-Options: deny, Content-Security-Policy: default-src 'none'}\n"
        f"basic_auth_users: {{alice: {hashed('right')}}}"
    )
    for headers in (get(port)[1], get(port, Authorization=basic("alice", "right"))[1]):
        assert headers["X-Frame-Options"] == "deny"
        assert headers["Content-Security-Policy"] == "default-src 'none'"
        assert "Python" not in headers["Server"]
    asking = http.client.HTTPConnection(HOST, port, timeout=PATIENCE)
    asking.request("POST", "/metrics", body=b"x")
    answer = asking.getresponse()
    assert (answer.status, answer.headers["X-Frame-Options"]) == (501, "deny")
    asking.close()


def test_a_request_that_is_nonsense_is_no_fault(serving: Serve, caplog: pytest.LogCaptureFixture) -> None:
    """A sentence for it, and nothing in the log."""
    port = serving("http_server_config: {}")
    for sent in (b"\x80\x81\r\n\r\n", b"GET http://[::1/metrics HTTP/1.0\r\n\r\n"):
        with socket.create_connection((HOST, port)) as asking:
            asking.sendall(sent)
            assert b" 400 " in asking.makefile("rb").read()
    with socket.create_connection((HOST, port)) as asking:
        asking.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # ends it with a reset
        asking.sendall(b"GET /metrics HTTP/1.0\r\n")
    assert get(port)[0] == 200
    assert caplog.records == []


@pytest.fixture(scope="module")
def bare() -> Iterator[int]:
    """The port of a page that everybody may read who asks by a name of ours."""
    registry = CollectorRegistry()
    Counter("northstar_told_total", "Help.", registry=registry)
    server, thread = serve(Page(registry), 0, HOST, names=["pnl.example.com"])
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def say(port: int, *lines: str) -> tuple[int, str]:
    """Send a request as it stands; return the status and the body of the answer."""
    with socket.create_connection((HOST, port), timeout=PATIENCE) as asking:
        asking.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1"))
        answer = asking.makefile("rb").read().decode("latin-1")
    head, _, body = answer.partition("\r\n\r\n")
    return int(head.split()[1]), body


@pytest.mark.parametrize(
    ("hosts", "status"),
    [
        (["127.0.0.1:9108"], 200),
        (["[::1]:9108"], 200),
        (["localhost"], 200),
        (["exporter:9108"], 200),
        (["PNL.example.com.:9108"], 200),
        (["evil.example"], 403),
        (["127.0.0.1.evil.example:9108"], 403),
        (["pnl.example.com.evil.example"], 403),
        (["[::1"], 400),
        (["127.0.0.1:x"], 400),
        ([""], 400),
        ([], 400),
        (["127.0.0.1", "evil.example"], 400),
        (["127.0.0.1, evil.example"], 400),
    ],
)
def test_a_name_that_is_not_ours_is_refused(bare: int, hosts: list[str], status: int) -> None:
    """Another site's name may have been pointed at this machine; its page reads no figure here."""
    for path in ("/metrics", "/favicon.ico", "http://127.0.0.1/metrics"):
        answered, body = say(bare, f"GET {path} HTTP/1.1", *(f"Host: {each}" for each in hosts))
        assert answered == status
        assert "northstar_told" not in body or status == 200
        assert ("NORTHSTAR_HOST_NAMES" in body) == (status == 403)


def test_no_page_of_another_site_may_read_an_answer(bare: int) -> None:
    """A browser asks for whoever wants it, and hands the answer to pages of the same origin alone."""
    _, headers, _ = get(bare, Origin="https://evil.example")
    assert not [name for name in headers if name.lower().startswith("access-control-")]


def test_a_request_from_before_there_were_host_names_is_answered(bare: int) -> None:
    """No browser sends one; the container's health check does."""
    assert say(bare, "GET /metrics HTTP/1.0")[0] == 200
    assert say(bare, "GET /metrics HTTP/1.0", "Host: evil.example")[0] == 403


@given(host=st.text(st.characters(max_codepoint=255, exclude_characters="\r\n"), max_size=30))
def test_any_host_is_answered_in_a_sentence(bare: int, host: str) -> None:
    """And without a fault."""
    status, body = say(bare, "GET /favicon.ico HTTP/1.1", f"Host: {host}")
    assert status in (200, 400, 403)
    assert status == 200 or body.endswith(".\n")


def test_a_name_is_looked_at_before_a_password(serving: Serve) -> None:
    """A page that was misled is not even asked for one; whoever knows it is refused as well."""
    port = serving(f"basic_auth_users: {{alice: {hashed('right')}}}")
    right = {"Authorization": basic("alice", "right")}
    assert get(port, Host="evil.example")[0] == get(port, Host="evil.example", **right)[0] == 403
    assert get(port, Host="exporter", **right)[0] == 200


def later(file: Path) -> None:
    """Let a file be seen as changed, however coarse its times are."""
    os.utime(file, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns + 1_000_000_000))


def test_a_new_certificate_is_shown_at_once(authority: Authority, serving: Serve, tmp_path: Path) -> None:
    """Without a new start; one that is written half leaves the last one in force, and is said once."""
    port = serving(TLS.format(more=""))

    def shown() -> str:
        with (
            socket.create_connection((HOST, port)) as plain,
            trust(authority).wrap_socket(plain, server_hostname=HOST) as encrypted,
        ):
            certificate = encrypted.getpeercert()
            assert certificate is not None
            return str(certificate["serialNumber"])

    first = shown()
    authority.issue(HOST, file="server")
    second = shown()
    assert second != first
    whole = (tmp_path / "server.key").read_bytes()
    authority.issue(HOST, file="next")
    (tmp_path / "server.crt").write_bytes((tmp_path / "next.crt").read_bytes())
    later(tmp_path / "server.crt")
    assert shown() == second
    (tmp_path / "server.key").write_bytes((tmp_path / "next.key").read_bytes())
    later(tmp_path / "server.key")
    assert shown() not in (first, second)
    assert whole != (tmp_path / "server.key").read_bytes()


def test_a_password_that_is_taken_away_is_refused_at_once(serving: Serve, tmp_path: Path) -> None:
    """Also one that was right a moment ago; and a new one is taken."""
    file = tmp_path / "web.yml"
    port = serving(f"basic_auth_users: {{alice: {hashed('old')}}}")
    old, new = ({"Authorization": basic("alice", word)} for word in ("old", "new"))
    assert [get(port, **each)[0] for each in (old, old, new)] == [200, 200, 401]
    file.write_text(f"basic_auth_users: {{alice: {hashed('new')}}}")
    later(file)
    assert [get(port, **each)[0] for each in (old, new)] == [401, 200]


@pytest.mark.parametrize(
    "broken", ["", "basic_auth_users: {alice: plain}", "basic_auth_user: {}", "a: [", None]
)
def test_a_file_that_breaks_leaves_what_was_read_in_force(
    serving: Serve, tmp_path: Path, caplog: pytest.LogCaptureFixture, broken: str | None
) -> None:
    """It is said once, however often somebody asks; nothing stands open meanwhile; and it heals by itself."""
    file = tmp_path / "web.yml"
    right = f"basic_auth_users: {{alice: {hashed('right')}}}"
    port = serving(right)
    if broken is None:
        file.unlink()
    else:
        file.write_text(broken)
        later(file)
    for _ in range(3):
        assert get(port)[0] == 401
        assert get(port, Authorization=basic("alice", "right"))[0] == 200
        if broken is not None:
            later(file)  # written once more, and as wrong as before
    (told,) = [each for each in caplog.records if each.levelno >= logging.WARNING]
    assert told.getMessage().startswith(f"{file}")
    assert told.getMessage().endswith("What was read before stays in force.")
    file.write_text(right.replace("alice", "bob"))
    later(file)
    assert get(port, Authorization=basic("bob", "right"))[0] == 200


def test_a_certificate_that_a_broken_file_names_is_waited_for(
    authority: Authority, serving: Serve, tmp_path: Path
) -> None:
    """The file may be written before what it names."""
    file = tmp_path / "web.yml"
    port = serving(TLS.format(more=""))
    file.write_text(TLS.format(more="").replace("server", "next"))
    later(file)
    assert get(port, trust(authority))[0] == 200
    authority.issue(HOST, file="next")
    (tmp_path / "server.crt").unlink()
    assert get(port, trust(authority))[0] == 200


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The hashes that passwords were compared with, in order."""
    found: list[bytes] = []
    really = bcrypt.checkpw

    def compare(password: bytes, with_hash: bytes) -> bool:
        found.append(with_hash)
        return really(password, with_hash)

    monkeypatch.setattr(web_guard.bcrypt, "checkpw", compare)
    return found


def test_a_right_password_is_hashed_once_and_a_wrong_one_each_time(compared: list[bytes]) -> None:
    """Prometheus asks every five seconds, and hashing takes long by intention."""
    passwords, users = Passwords(), {b"alice": hashed("right").encode()}
    assert all(passwords.right(users, basic("alice", "right")) for _ in range(5))
    assert len(compared) == 1
    assert not any(passwords.right(users, basic("alice", "wrong")) for _ in range(5))
    assert len(compared) == 6
    assert b"right" not in repr(vars(passwords)).encode()


def test_somebody_unknown_costs_as_much_as_somebody_known(compared: list[bytes]) -> None:
    """A hash is computed for a name that is not there, the most costly one."""
    cheap, dear = hashed("a").encode(), bcrypt.hashpw(b"b", bcrypt.gensalt(5))
    assert not Passwords().right({b"a": cheap, b"b": dear}, basic("nobody", "b"))
    assert compared == [dear]


def test_what_is_remembered_of_passwords_is_bounded() -> None:
    """A file may change for years."""
    passwords = Passwords()
    hashes = [hashed("right").encode() for _ in range(MOST_VERIFIED + 5)]
    for each in hashes:
        assert passwords.right({b"alice": each}, basic("alice", "right"))
    assert len(passwords._verified) <= MOST_VERIFIED


USERS = {b"alice": hashed("right").encode()}


@given(
    st.text(ANY, max_size=30)
    | st.binary(max_size=30).map(lambda raw: "Basic " + base64.b64encode(raw).decode())
)
def test_no_other_header_is_let_in(text: str) -> None:
    """Whatever it says, and without a fault."""
    assert text == basic("alice", "right") or not Passwords().right(USERS, text)
