"""The web configuration file of Prometheus' own exporters, for `/metrics`: TLS, headers and users.

The format is that of their exporter-toolkit. What it has and we cannot do is refused by name, like what it
does not have: a line that is read over would promise a protection that nobody has.
"""

from __future__ import annotations

import difflib
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails

from exporter.errors import SettingsError

BCRYPT = r"^\$2[abxy]\$(0[4-9]|[12]\d|3[01])\$[./A-Za-z0-9]{21}[.Oeu][./A-Za-z0-9]{31}$"
"""A hash as htpasswd writes it: its kind, its cost, 128 bits of salt and 184 of the hash."""

VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
"""Older ones are refused by the TLS library here, whatever a file says (RFC 8996)."""

CERTIFICATE_MODES = {
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
"""The two others of the format take any certificate, even one that nobody signed; the library does not."""

MAX_BYTES = 1_000_000
"""A file of a hundred users has ten thousand; a device or a log that is named by mistake has no end."""


def _nothing(value: Any) -> Any:
    """Return an empty section for a key with nothing behind it."""
    return {} if value == "" else value


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, str_min_length=1)


class TlsServer(_Section):
    """How connections are encrypted, and which certificate a client shows."""

    cert_file: Path | None = None
    key_file: Path | None = None
    client_auth_type: Literal["NoClientCert", "VerifyClientCertIfGiven", "RequireAndVerifyClientCert"] = (
        "NoClientCert"
    )
    client_ca_file: Path | None = None
    client_allowed_sans: Annotated[tuple[str, ...], Field(min_length=1)] | None = None
    min_version: Literal["TLS12", "TLS13"] = "TLS12"
    max_version: Literal["TLS12", "TLS13"] = "TLS13"

    @model_validator(mode="after")
    def _whole(self) -> TlsServer:
        """Refuse what is left open: half of it would be no protection, or another one than is meant."""
        verifies = self.client_auth_type != "NoClientCert"
        wrong = {
            "needs both cert_file and key_file": self.model_fields_set
            and not (self.cert_file and self.key_file),
            f"needs client_ca_file, because client_auth_type is {self.client_auth_type}": verifies
            and not self.client_ca_file,
            "has a client_ca_file and no client_auth_type, so that nobody would be asked for a "
            "certificate": self.client_ca_file and not verifies,
            "needs client_auth_type RequireAndVerifyClientCert for client_allowed_sans": (
                self.client_allowed_sans and self.client_auth_type != "RequireAndVerifyClientCert"
            ),
            "has a min_version above its max_version": self.min_version > self.max_version,
        }
        for what, holds in wrong.items():
            if holds:
                raise ValueError(what)
        return self


Line = Annotated[str, StringConstraints(pattern=r"^[\x20-\x7e]*$")]


class Headers(_Section):
    """Headers of every answer; an empty one is not sent. The format has these five."""

    model_config = ConfigDict(str_min_length=0)

    content_security_policy: Line = Field("", alias="Content-Security-Policy")
    x_frame_options: Literal["", "deny", "sameorigin"] = Field("", alias="X-Frame-Options")
    x_content_type_options: Literal["", "nosniff"] = Field("", alias="X-Content-Type-Options")
    x_xss_protection: Line = Field("", alias="X-XSS-Protection")
    strict_transport_security: Line = Field("", alias="Strict-Transport-Security")


def _no_http2(value: bool) -> bool:
    if value:
        raise ValueError("cannot be true: HTTP/1 is spoken here, so leave it out")
    return value


class HttpServer(_Section):
    """What is spoken, and the headers of every answer."""

    http2: Annotated[bool, AfterValidator(_no_http2)] = False
    headers: Annotated[Headers, BeforeValidator(_nothing)] = Headers()


def _user(name: str) -> str:
    if ":" in name:
        raise ValueError("has a colon in it, where basic authentication ends a name")
    return name


class WebFile(_Section):
    """The whole file."""

    tls_server_config: Annotated[TlsServer, BeforeValidator(_nothing)] = TlsServer()
    http_server_config: Annotated[HttpServer, BeforeValidator(_nothing)] = HttpServer()
    basic_auth_users: Annotated[
        dict[Annotated[str, AfterValidator(_user)], Annotated[str, StringConstraints(pattern=BCRYPT)]],
        BeforeValidator(_nothing),
    ] = {}

    def files(self, folder: Path) -> tuple[Path, ...]:
        """Return the files that are named in it; a relative name is one in the folder."""
        tls = self.tls_server_config
        return tuple(folder / each for each in (tls.cert_file, tls.key_file, tls.client_ca_file) if each)


SECTIONS: Mapping[tuple[str, ...], type[_Section]] = {
    (): WebFile,
    ("tls_server_config",): TlsServer,
    ("http_server_config",): HttpServer,
    ("http_server_config", "headers"): Headers,
}


@dataclass(frozen=True, slots=True)
class WebConfig:
    """What a server does with a request: `tls` is None for plain HTTP, no users ask for no password."""

    tls: ssl.SSLContext | None = None
    allowed_sans: frozenset[str] | None = None
    headers: tuple[tuple[str, str], ...] = ()
    users: Mapping[bytes, bytes] = field(default_factory=dict)

    @property
    def scheme(self) -> str:
        """What an address of the page begins with."""
        return "http" if self.tls is None else "https"


def stated(path: Path) -> WebFile:
    """Return what the file says. Raises SettingsError with a sentence for each mistake."""
    try:
        tree = yaml.load(_text(path), _Loader)  # noqa: S506 - it makes texts, lists and maps, and no objects
    except (yaml.YAMLError, RecursionError) as error:
        where = getattr(error, "problem_mark", None)
        line = "" if where is None else f" in line {where.line + 1}"
        problem = getattr(error, "problem", None) or "it cannot be read as such"
        raise SettingsError([f"{path} is not YAML{line}: {problem}."]) from None
    if tree is None:
        # Whoever writes a file empties it first. Nothing may stand open for that moment.
        raise SettingsError([f"{path} is empty: it would protect nothing."])
    if not isinstance(tree, dict):
        raise SettingsError([f"{path} has no sections: {', '.join(WebFile.model_fields)}."])
    try:
        return WebFile.model_validate(tree)
    except ValidationError as error:
        raise SettingsError([f"{path}: {_sentence(each)}." for each in error.errors()]) from None


def built(path: Path, file: WebFile) -> WebConfig:
    """Return what follows from it, with its certificates read. Raises SettingsError for those."""
    tls = file.tls_server_config
    sans = tls.client_allowed_sans
    return WebConfig(
        tls=_context(path, tls) if tls.cert_file else None,
        allowed_sans=None if sans is None else frozenset(sans),
        headers=tuple(
            (name, value)
            for name, value in file.http_server_config.headers.model_dump(by_alias=True).items()
            if value
        ),
        users={name.encode(): hashed.encode() for name, hashed in file.basic_auth_users.items()},
    )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise SettingsError([f"{path} is no web configuration file: it is too large for one."])
        return content.decode()
    except OSError as error:
        raise SettingsError([f"{path} cannot be read: {error.strerror}."]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{path} is not UTF-8 text."]) from None


class _Loader(yaml.BaseLoader):
    """Reads every scalar as a text, and no key twice: of two passwords one would be dropped silently."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        found = super().construct_mapping(node, deep)
        if len(found) < len(node.value):
            raise yaml.constructor.ConstructorError(None, None, "a key stands there twice", node.start_mark)
        return found


def _sentence(error: ErrorDetails) -> str:
    """Return what is wrong, without the value: it may be a password that was never hashed."""
    place = tuple(str(part) for part in error["loc"])
    name = ".".join(part for part in place if part != "[key]")
    if error["type"] == "extra_forbidden":
        section = SECTIONS[place[:-1]]
        there = [info.alias or own for own, info in section.model_fields.items()]
        near = difflib.get_close_matches(place[-1], there, 1)
        hint = f"did you mean {near[0]}" if near else f"what can be set is {', '.join(there)}"
        return f"{name} is nothing that can be set here: {hint}"
    if place[0] == "basic_auth_users" and error["type"] == "string_pattern_mismatch":
        return f"{name} is no bcrypt hash, such as `htpasswd -nBC 10 {place[1]}` makes"
    if error["type"] == "literal_error":
        return f"{name} has to be one of {error['ctx']['expected']} here"
    if error["type"] == "string_pattern_mismatch":
        return f"{name} has to be one line of plain letters"
    said = error["msg"].removeprefix("Value error, ")
    return f"{name} {said}" if error["type"] == "value_error" else f"{name}: {said[:1].lower()}{said[1:]}"


def _context(path: Path, tls: TlsServer) -> ssl.SSLContext:
    """Return what serves TLS. Raises SettingsError that names the file which is wrong."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = VERSIONS[tls.min_version]
    context.maximum_version = VERSIONS[tls.max_version]
    context.set_alpn_protocols(["http/1.1"])
    assert tls.cert_file is not None
    assert tls.key_file is not None
    certificate = _readable(path, "cert_file", tls.cert_file)
    key = _readable(path, "key_file", tls.key_file)
    try:
        context.load_cert_chain(certificate, key, password=_encrypted)
    except (ssl.SSLError, ValueError) as error:
        raise SettingsError([f"{path}: cert_file and key_file {_unusable(error)}."]) from None
    if tls.client_ca_file:
        authority = _readable(path, "client_ca_file", tls.client_ca_file)
        try:
            context.load_verify_locations(authority)
        except ssl.SSLError as error:
            raise SettingsError([f"{path}: client_ca_file {_unusable(error)}."]) from None
    context.verify_mode = CERTIFICATE_MODES[tls.client_auth_type]
    return context


def _readable(path: Path, name: str, file: Path) -> Path:
    """Return where a file is that another one names. Raises SettingsError where none can be read."""
    where = path.parent / file
    try:
        with where.open("rb") as opened:
            opened.read(1)
    except OSError as error:
        raise SettingsError([f"{path}: {name} {where} cannot be read: {error.strerror}."]) from None
    return where


def _encrypted() -> str:
    """Say so instead of asking the terminal for its password, where nobody may sit."""
    raise ValueError("the key is encrypted, which is not supported")


def _unusable(error: ssl.SSLError | ValueError) -> str:
    reason = error.reason if isinstance(error, ssl.SSLError) else str(error)
    known = {
        "KEY_VALUES_MISMATCH": "do not belong together",
        "NO_CERTIFICATE_OR_CRL_FOUND": "holds no certificate",
        "": "hold no PEM",
    }
    reason = reason or ""
    return known.get(reason, f"cannot be used ({reason.lower().replace('_', ' ')})")
