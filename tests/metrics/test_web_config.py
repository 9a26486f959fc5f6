"""The web configuration file: what is taken from it, and a sentence for what cannot be honoured."""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import bcrypt
import pytest
import yaml
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import SettingsError
from exporter.metrics.web_config import BCRYPT, MAX_BYTES, WebConfig, built, stated
from tests.examples import ANY
from tests.metrics.authority import Authority, hashed

DOCUMENT = Path(__file__).parents[2] / "docs" / "metrics.md"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an authority, a server's certificate `server`, another one `other`, and odd files."""
    folder = tmp_path_factory.mktemp("web")
    authority = Authority(folder)
    authority.issue("127.0.0.1", file="server")
    authority.issue("127.0.0.1", file="other")
    key = load_pem_private_key((folder / "server.key").read_bytes(), None)
    locked = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    (folder / "locked.key").write_bytes(locked)
    (folder / "text.pem").write_text("no certificate")
    (folder / "folder").mkdir()
    return folder


def read(folder: Path, text: str | bytes) -> WebConfig:
    """Return what a file with this text is taken for."""
    file = folder / "web.yml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return built(file, stated(file))


def refusal(folder: Path, text: str | bytes) -> str:
    """Return the one sentence with which a file is refused, without the file's name."""
    with pytest.raises(SettingsError) as refused:
        read(folder, text)
    (sentence,) = refused.value.problems
    assert sentence.startswith(f"{folder / 'web.yml'}")
    assert sentence.endswith(".")
    return sentence.removeprefix(f"{folder / 'web.yml'}").removeprefix(":").strip()


TLS = "tls_server_config: {cert_file: server.crt, key_file: server.key%s}\n"


def test_a_file_is_taken_as_the_documents_show_it(folder: Path) -> None:
    """What the documentation shows can be copied."""
    (example,) = re.findall(r"```yaml\n(tls_server_config.*?)```", DOCUMENT.read_text(), re.DOTALL)
    for name, kind in re.findall(r"([\w.]+)\.(crt|key|pem)", example):
        source = "authority.pem" if kind == "pem" else f"server.{kind}"
        (folder / f"{name}.{kind}").write_bytes((folder / source).read_bytes())
    config = read(folder, example.replace("$2y$10$...", hashed("x")))
    assert config.scheme == "https"
    assert config.tls is not None
    assert config.tls.verify_mode == ssl.CERT_REQUIRED
    assert config.tls.minimum_version == ssl.TLSVersion.TLSv1_3
    assert config.allowed_sans == {"prometheus.example.com"}
    assert config.headers == (("Strict-Transport-Security", "max-age=31536000"),)
    assert list(config.users) == [b"prometheus"]


def test_what_is_not_said_is_as_the_format_has_it(folder: Path) -> None:
    """TLS from 1.2 on, no certificate of a client, no password, no header."""
    config = read(folder, TLS % "")
    assert config.tls is not None
    assert (config.tls.minimum_version, config.tls.maximum_version) == (
        ssl.TLSVersion.TLSv1_2,
        ssl.TLSVersion.TLSv1_3,
    )
    assert config.tls.verify_mode == ssl.CERT_NONE
    assert (config.users, config.headers, config.allowed_sans) == ({}, (), None)
    without = read(
        folder, "tls_server_config:\nbasic_auth_users:\nhttp_server_config: {http2: false, headers: }"
    )
    assert (without.tls, without.scheme, without.users) == (None, "http", {})


def test_a_file_elsewhere_is_named_by_its_whole_path(folder: Path, tmp_path: Path) -> None:
    """A path that begins at the root is taken as it stands, others begin at the file's own folder."""
    text = f"tls_server_config: {{cert_file: {folder / 'server.crt'}, key_file: {folder / 'server.key'}}}"
    assert read(tmp_path, text).tls is not None
    assert "server.crt cannot be read: No such file" in refusal(tmp_path, TLS % "")


def test_a_user_may_have_a_number_for_a_name(folder: Path) -> None:
    """Every name is a text, whatever YAML would make of it."""
    users = read(
        folder, f"basic_auth_users: {{123: {hashed('a')}, on: {hashed('b')}, ärzte: {hashed('c')}}}"
    ).users
    assert list(users) == [b"123", b"on", "ärzte".encode()]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty: it would protect nothing."),
        ("# only a remark\n", "is empty: it would protect nothing."),
        ("[a]", "has no sections: tls_server_config, http_server_config, basic_auth_users."),
        ("a: [", "is not YAML in line 1: expected the node content, but found '<stream end>'."),
        (b"\xff\xfea", "is not UTF-8 text."),
        ("a: \x01", "is not YAML: it cannot be read as such."),
        ("a" * (MAX_BYTES + 1), "is no web configuration file: it is too large for one."),
        (
            "basic_auth_user: {}",
            "basic_auth_user is nothing that can be set here: did you mean basic_auth_users.",
        ),
        (
            "rate_limit: {burst: 20}",
            "rate_limit is nothing that can be set here: what can be set is tls_server_config, "
            "http_server_config, basic_auth_users.",
        ),
        (
            "http_server_config: {headers: {X-Anything: a}}",
            "http_server_config.headers.X-Anything is nothing that can be set here: what can be set is "
            "Content-Security-Policy, X-Frame-Options, X-Content-Type-Options, X-XSS-Protection, "
            "Strict-Transport-Security.",
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: allow}}",
            "http_server_config.headers.X-Frame-Options has to be one of '', 'deny' or 'sameorigin' here.",
        ),
        (
            'http_server_config: {headers: {X-XSS-Protection: "1\\r\\nSet-Cookie: a"}}',
            "http_server_config.headers.X-XSS-Protection has to be one line of plain letters.",
        ),
        (
            "http_server_config: {http2: true}",
            "http_server_config.http2 cannot be true: HTTP/1 is spoken here, so leave it out.",
        ),
        (
            "basic_auth_users: {eve: secret}",
            "basic_auth_users.eve is no bcrypt hash, such as `htpasswd -nBC 10 eve` makes.",
        ),
        ("basic_auth_users: {eve: }", "basic_auth_users.eve: string should have at least 1 character."),
        ("basic_auth_users: eve", "basic_auth_users: input should be a valid dictionary."),
        (
            f"basic_auth_users: {{'e:ve': {hashed('x')}}}",
            "basic_auth_users.e:ve has a colon in it, where basic authentication ends a name.",
        ),
        (
            f"basic_auth_users:\n  eve: {hashed('x')}\n  eve: {hashed('y')}\n",
            "is not YAML in line 2: a key stands there twice.",
        ),
        (
            "tls_server_config: {cert_file: server.crt}",
            "tls_server_config needs both cert_file and key_file.",
        ),
        ("tls_server_config: {min_version: TLS13}", "tls_server_config needs both cert_file and key_file."),
        (
            "tls_server_config: {cert_file: gone.crt, key_file: server.key}",
            "cert_file {folder}/gone.crt cannot be read: No such file or directory.",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: folder}",
            "key_file {folder}/folder cannot be read: Is a directory.",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: other.key}",
            "cert_file and key_file do not belong together.",
        ),
        (
            "tls_server_config: {cert_file: text.pem, key_file: server.key}",
            "cert_file and key_file hold no PEM.",
        ),
        (
            "tls_server_config: {cert_file: server.crt, key_file: locked.key}",
            "cert_file and key_file cannot be used (the key is encrypted, which is not supported).",
        ),
        (
            TLS % ", client_auth_type: RequireAndVerifyClientCert",
            "tls_server_config needs client_ca_file, because client_auth_type is RequireAndVerifyClientCert.",
        ),
        (
            TLS % ", client_ca_file: authority.pem",
            "tls_server_config has a client_ca_file and no client_auth_type, so that nobody would be asked "
            "for a certificate.",
        ),
        (
            TLS % ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: text.pem",
            "client_ca_file holds no certificate.",
        ),
        (
            TLS % ", client_auth_type: RequestClientCert",
            "tls_server_config.client_auth_type has to be one of 'NoClientCert', 'VerifyClientCertIfGiven' "
            "or 'RequireAndVerifyClientCert' here.",
        ),
        (
            TLS % ", client_auth_type: VerifyClientCertIfGiven, client_ca_file: authority.pem, "
            "client_allowed_sans: [a]",
            "tls_server_config needs client_auth_type RequireAndVerifyClientCert for client_allowed_sans.",
        ),
        (
            TLS % ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: authority.pem, "
            "client_allowed_sans: []",
            "tls_server_config.client_allowed_sans: tuple should have at least 1 item after validation, "
            "not 0.",
        ),
        (
            TLS % ", min_version: TLS10",
            "tls_server_config.min_version has to be one of 'TLS12' or 'TLS13' here.",
        ),
        (
            TLS % ", min_version: TLS13, max_version: TLS12",
            "tls_server_config has a min_version above its max_version.",
        ),
    ],
)
def test_what_cannot_be_honoured_is_refused_by_name(folder: Path, text: str | bytes, sentence: str) -> None:
    """A line that is read over would promise a protection that nobody has."""
    assert refusal(folder, text) == sentence.replace("{folder}", str(folder))


UNSUPPORTED = (
    "cert",
    "key",
    "client_ca",
    "cipher_suites",
    "curve_preferences",
    "prefer_server_cipher_suites",
)


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_the_format_has_and_we_have_not_is_refused(folder: Path, name: str) -> None:
    """Each by its name."""
    said = refusal(folder, TLS % f", {name}: a")
    assert said.startswith(f"tls_server_config.{name} is nothing that can be set here: ")


def test_a_password_is_never_repeated(folder: Path) -> None:
    """Whoever forgot to hash it would find it in the log."""
    for text in ("basic_auth_users: {eve: 'correct horse'}", "basic_auth_users: {eve: [correct horse]}"):
        assert "correct horse" not in refusal(folder, text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """And so is a folder."""
    for path, why in ((tmp_path / "gone.yml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(SettingsError) as refused:
            stated(path)
        assert refused.value.problems == (f"{path} cannot be read: {why}.",)


KEYS = st.sampled_from(
    [
        "tls_server_config",
        "http_server_config",
        "basic_auth_users",
        "headers",
        "cert_file",
        "client_allowed_sans",
    ]
)
TREES = st.recursive(
    st.text(ANY, max_size=8) | st.integers() | st.booleans() | st.none() | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(KEYS | st.text(ANY, max_size=5), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.binary(max_size=60)
    | st.text(ANY, max_size=60).map(str.encode)
    | TREES.map(yaml.safe_dump).map(str.encode)
)
def test_whatever_a_file_holds_it_is_understood_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    """In sentences, and without a traceback."""
    file = tmp_path_factory.getbasetemp() / "any.yml"
    file.write_bytes(content)
    problems: tuple[str, ...] = ()
    try:
        assert isinstance(built(file, stated(file)), WebConfig)
    except SettingsError as refused:
        problems = refused.problems
    assert all(each.startswith(str(file)) and each.endswith(".") for each in problems)


@given(st.from_regex(BCRYPT.replace(r"(0[4-9]|[12]\d|3[01])", "04"), fullmatch=True))
def test_what_is_taken_for_a_hash_can_be_compared_with(text: str) -> None:
    """So that no request meets one that the library cannot read."""
    assert bcrypt.checkpw(b"a password", text.encode()) is False
