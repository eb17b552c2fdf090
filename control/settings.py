"""Flags, environment and TOML to one frozen value, or one clear sentence.

A setting ``http`` is the flag ``--http``, the variable ``CONTROL_HTTP`` and the TOML key ``http``; a flag beats a
variable, a variable beats the file. The operator credential and the master key have no flag, because a process list
shows flags to everyone; where a master key comes from is said here, and it is read elsewhere. Variables that are no
setting are left alone: ``CONTROL_URL`` is the client's, and Kubernetes invents ``CONTROL_PORT`` for a service called
control.
"""

import difflib
import re
import shlex
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from control.authority.key_source import KeySource
from control.rollout.judge import Terms

PREFIX = "CONTROL_"
MIN_TOKEN_CHARS = 32
Network = IPv4Network | IPv6Network
LOG_LEVELS = ("debug", "info", "warning", "error")


class SettingsError(ValueError):
    """A setting that cannot be used. The text names it and says what to do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything ``control serve`` needs. Addresses are ``host:port``, ``[v6]:port`` or, for push, ``unix:/path``."""

    http: str = "127.0.0.1:7000"
    push: tuple[str, ...] = ("127.0.0.1:7001",)
    data: Path = Path("data")
    database: str | None = field(default=None, repr=False)
    public_url: str | None = None
    token: str | None = field(default=None, repr=False)
    token_lifetime_s: int = 900
    key_grace_s: int = 3600
    key_rotation_s: int = 0
    audit_kept_s: int = 0
    dynamic_registration: bool = False
    pages_dir: Path | None = None
    provider_networks: tuple[Network, ...] = ()
    canary: Terms = field(default_factory=Terms)
    master_key: KeySource | None = None
    master_key_previous: KeySource | None = None
    log_level: str = "info"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: its name, how text becomes a value, and a line of help."""

    name: str
    parse: Callable[[str], Any]
    help: str
    default: str = ""
    secret: bool = False


def address(text: str) -> tuple[str, int]:
    """``host:port`` or ``[v6]:port`` as (host, port); port 0 lets the system choose."""
    match = re.fullmatch(r"(?:\[([0-9A-Fa-f:.]+)\]|([^\s:/\[\],]+)):([0-9]{1,5})", text)
    if not match or int(match[3]) > 65535:
        raise SettingsError(f"{text!r} is not HOST:PORT")
    return match[1] or match[2], int(match[3])


def _http(text: str) -> str:
    address(text)
    return text


def _push(text: str) -> tuple[str, ...]:
    places = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if not places:
        raise SettingsError("is empty: say HOST:PORT or unix:/path")
    for place in places:
        if place.startswith("unix:"):
            if not place.startswith("unix:/"):
                raise SettingsError(f"{place!r} needs an absolute path: unix:/path")
        else:
            address(place)
    return places


def _data(text: str) -> Path:
    if not text.strip():
        raise SettingsError("is empty: name a directory")
    return Path(text)


def _database(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("postgresql", "postgres") and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or re.search(r"\s", text):  # not quoted: there may be a password in it
        raise SettingsError("is not postgresql://USER@HOST/NAME. Without it, --data DIR holds an SQLite file")
    return text.replace("postgres://", "postgresql://", 1)


def _has_password(url: str) -> bool:
    parts = urlsplit(url)
    return bool(parts.password) or "password" in parse_qs(parts.query)


def _public_url(text: str) -> str:
    try:
        parts = urlsplit(text)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable or not text.isascii() or re.search(r"[\s\"<>\\]", text):
        raise SettingsError(f"{text!r} is not an http:// or https:// URL")
    if parts.query or parts.fragment or parts.username is not None or "?" in text or "#" in text:
        # RFC 8414 section 2: an issuer identifier has no query and no fragment.
        raise SettingsError("takes no user name, query or fragment: it becomes the issuer's name")
    return text.rstrip("/")


def operator_token(text: str) -> str:
    """An operator credential: the characters of RFC 6750 section 2.1, and too many of them to be guessed."""
    if len(text) < MIN_TOKEN_CHARS:
        raise SettingsError(
            f"is {len(text)} characters long and must be {MIN_TOKEN_CHARS} or more: make one with openssl rand -hex 32"
        )
    if not re.fullmatch(r"[A-Za-z0-9\-._~+/]+=*", text):
        raise SettingsError("may hold only letters, digits and -._~+/= : make one with openssl rand -hex 32")
    return text


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def duration_s(text: str) -> int:
    """``90s``, ``15m``, ``2h``, ``7d`` or a bare number of seconds, as seconds."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text.strip())
    if not match or int(match[1]) == 0:
        raise SettingsError(f"{text!r} is not a duration such as 90s, 15m, 2h or 7d")
    return int(match[1]) * _UNITS[match[2] or "s"]


def _token_lifetime(text: str) -> int:
    seconds = duration_s(text)
    if not 10 <= seconds <= 86400:
        raise SettingsError(f"{text!r} is not within 10s and 24h")
    return seconds


def _key_grace(text: str) -> int:
    seconds = duration_s(text)
    if seconds > 7 * 86400:
        raise SettingsError(f"{text!r} is longer than 7d")
    return seconds


def _key_rotation(text: str) -> int:
    if text.strip().lower() == "off":
        return 0
    seconds = duration_s(text)
    if not 3600 <= seconds <= 366 * 86400:
        raise SettingsError(f"{text!r} is neither off nor within 1h and 366d")
    return seconds


def _audit_kept(text: str) -> int:
    if text.strip().lower() == "forever":
        return 0
    seconds = duration_s(text)
    if not 86400 <= seconds <= 36600 * 86400:
        raise SettingsError(f"{text!r} is neither forever nor within 1d and 36600d")
    return seconds


def _switch(text: str) -> bool:
    if text.strip().lower() not in ("on", "off"):
        raise SettingsError(f"{text!r} is neither on nor off")
    return text.strip().lower() == "on"


def _canary_time(text: str) -> int:
    seconds = duration_s(text)
    if seconds > 7 * 86400:
        raise SettingsError(f"{text!r} is longer than 7d")
    return seconds


def _canary_requests(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text) or int(text) == 0:
        raise SettingsError(f"{text!r} is not a number of requests, 1 or more")
    return int(text)


def _margin(text: str) -> float:
    if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,4})?%", text.strip()) or float(text.strip()[:-1]) > 100:
        raise SettingsError(f"{text!r} is not a percentage such as 1% or 0.5%")
    return float(text.strip()[:-1]) / 100


def _provider_networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise SettingsError(f"{text!r} is not a list of networks such as 10.0.0.0/8,fd00::/8") from None


def _command(text: str) -> tuple[str, ...]:
    try:
        words = tuple(shlex.split(text))
    except ValueError:
        words = ()
    if not words:
        raise SettingsError("is no command: the words of a program and its arguments, which no shell sees")
    return words


def _log_level(text: str) -> str:
    if text.lower() not in LOG_LEVELS:
        raise SettingsError(f"{text!r} is none of {', '.join(LOG_LEVELS)}")
    return text.lower()


SETTINGS = (
    Setting("http", _http, "where the admin API and the issuer listen", "127.0.0.1:7000"),
    Setting("push", _push, "where sidecars connect: HOST:PORT or unix:/path; may be repeated", "127.0.0.1:7001"),
    Setting("data", _data, "directory for the database and the keys", "./data"),
    Setting("database", _database, "PostgreSQL instead, which several controls may share: postgresql://USER@HOST/NAME"),
    Setting("public_url", _public_url, "the issuer's name, and the URL others reach control by", "http://HTTP"),
    Setting("token", operator_token, "operator credential (variable or file only)", "made at first start", secret=True),
    Setting("token_file", Path, "file that holds the operator credential"),
    Setting("token_lifetime", _token_lifetime, "how long an issued token lives", "15m"),
    Setting("key_grace", _key_grace, "how long a key that its provider has dropped still counts", "1h"),
    Setting("key_rotation", _key_rotation, "how long a signing key signs before the next one does: off, or 30d", "off"),
    Setting("audit_kept", _audit_kept, "how long entries of the audit trail are kept", "forever"),
    Setting("dynamic_registration", _switch, "whether clients may register themselves: on or off", "off"),
    Setting("pages_dir", _data, "directory of templates and style.css that take the place of the pages' own"),
    Setting("provider_networks", _provider_networks, "private networks that providers' public names may lead to"),
    Setting("canary_time", _canary_time, "how long a canary is tried at the least", "5m"),
    Setting("canary_requests", _canary_requests, "how many requests it takes to promote a canary", "100"),
    Setting("canary_error_margin", _margin, "how many more requests may fail in a canary", "1%"),
    Setting("canary_denial_margin", _margin, "how many more requests a canary may deny", "5%"),
    Setting("master_key", str, "encrypts private keys at rest (variable or file only)", "none", secret=True),
    Setting("master_key_file", Path, "file that holds the master key"),
    Setting("master_key_command", _command, "program, with its arguments, that prints the master key"),
    Setting("master_key_previous", str, "the master key before (variable or file only)", secret=True),
    Setting("master_key_previous_file", Path, "file that holds the master key before"),
    Setting("master_key_previous_command", _command, "program that prints the master key before"),
    Setting("log_level", _log_level, ", ".join(LOG_LEVELS), "info"),
)
_BY_NAME = {setting.name: setting for setting in SETTINGS}

SAID_IN_ONE_WAY = (
    ("token", "token_file"),
    *((name, f"{name}_file", f"{name}_command") for name in ("master_key", "master_key_previous")),
)
"""Settings that exclude each other: one thing, said in several ways."""

_CANARY = {
    "canary_time": "min_s",
    "canary_requests": "min_requests",
    "canary_error_margin": "error_margin",
    "canary_denial_margin": "denial_margin",
}

Given = dict[str, tuple[str, str]]
"""Setting name to its text and where it was said."""


def load(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """Flags over variables over the file named by ``config``. SettingsError names the first setting at fault."""
    config = flags.get("config") or environ.get(PREFIX + "CONFIG")
    layers = (_from_file(Path(config)) if config else {}, _from_environment(environ), _from_flags(flags))
    given: Given = {}
    for layer in layers:
        for ways in SAID_IN_ONE_WAY:
            if layer.keys() & set(ways):  # a later layer wins whole
                given = {name: said for name, said in given.items() if name not in ways}
        given |= layer
    return _build({name: _parse(_BY_NAME[name], *said) for name, said in given.items()})


def _from_flags(flags: Mapping[str, str | None]) -> Given:
    return {
        name: (text, "--" + name.replace("_", "-"))
        for name, text in flags.items()
        if name in _BY_NAME and text is not None
    }


def _from_environment(environ: Mapping[str, str]) -> Given:
    said = {name: environ.get(PREFIX + name.upper(), "") for name in _BY_NAME}
    return {name: (text, PREFIX + name.upper()) for name, text in said.items() if text}


def _from_file(path: Path) -> Given:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"--config {path}: {error.strerror}") from None
    except ValueError as error:
        raise SettingsError(f"--config {path}: not TOML: {error}") from None
    given: Given = {}
    for name, value in table.items():
        if name not in _BY_NAME:
            near = difflib.get_close_matches(name, _BY_NAME, 1)
            raise SettingsError(f"{path}: {name}: there is no such setting" + (f"; {near[0]}?" if near else ""))
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = shlex.join(value) if _BY_NAME[name].parse is _command else ",".join(value)
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise SettingsError(f"{path}: {name}: should be text")
        given[name] = (str(value), f"{path}: {name}")
    return given


def _parse(setting: Setting, text: str, said: str) -> Any:
    try:
        value = setting.parse(text)
    except SettingsError as error:
        raise SettingsError(f"{said}: {error}") from None
    if setting.name == "database" and said.startswith("--") and _has_password(value):
        raise SettingsError(
            f"{said}: holds a password, which a list of processes shows to everyone. Give it in CONTROL_DATABASE, in "
            "PGPASSWORD or in a password file (PGPASSFILE)"
        )
    return value


def _build(values: dict[str, Any]) -> Settings:
    for ways in SAID_IN_ONE_WAY:
        said = [name for name in ways if name in values]
        if len(said) > 1:
            raise SettingsError(f"{' and '.join(said)} exclude each other: set one of them")
        if said and ways[0] != "token":
            values[ways[0]] = _key_source(said[0], values.pop(said[0]))
    if "master_key_previous" in values and "master_key" not in values:
        raise SettingsError("master_key_previous is of use beside a master_key alone: set that too")
    if "token_file" in values:
        values["token"] = read_token(values.pop("token_file"))
    for name in ("token_lifetime", "key_grace", "key_rotation", "audit_kept"):
        if name in values:
            values[f"{name}_s"] = values.pop(name)
    terms = {own: values.pop(name) for name, own in _CANARY.items() if name in values}
    return Settings(**values, canary=Terms(**terms))


def _key_source(name: str, value: Any) -> KeySource:
    match value:
        case Path():
            return KeySource(f"{name} {value}", file=value)
        case tuple():
            return KeySource(name, command=value)
    return KeySource(name, text=value)


def read_token(path: Path) -> str:
    """The operator credential in a file, whole and alone; SettingsError never quotes it."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except UnicodeDecodeError:
        raise SettingsError(f"token_file {path}: is not plain text") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be read"
        raise SettingsError(f"token_file {path}: {reason}") from None
    try:
        return operator_token(text)
    except SettingsError as error:
        raise SettingsError(f"token_file {path}: the credential in it {error}") from None
