"""Flags, environment and TOML to one frozen value, or one clear error.

A setting ``listen`` is the flag ``--listen``, the variable ``SIDECAR_LISTEN`` and the TOML key ``listen``; a flag
beats a variable, a variable beats the file. Secrets have no flag, because a process list shows flags to everyone.
"""

import argparse
import dataclasses
import difflib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from . import spelling
from .contract.join import JoinToken, parse_join_token
from .contract.strict import ContractError
from .http1.limits import Limits, Timeouts
from .proxy.origin import Network, Style
from .spelling import SettingsError

PREFIX = "SIDECAR_"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything ``sidecar run`` needs. Addresses are ``host:port``, ``[v6]:port`` or ``unix:/path``. ``said`` has,
    of each setting that was given, the text (none of a secret) and where it was said. ``unread_token`` says why the
    join token's file could not be read, which matters only to who has not joined yet."""

    service: str
    listen: str = "0.0.0.0:8000"  # a sidecar is what the other services call
    upstream: str = "http://127.0.0.1:8080"
    admin: str = "127.0.0.1:8001"
    control: tuple[str, ...] = ()
    join_token: JoinToken | None = field(default=None, repr=False)
    unread_token: str = ""
    snapshot: Path | None = None
    state_dir: Path = Path("state")
    max_staleness_s: float | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    workers: int = 1
    trusted_proxies: tuple[Network, ...] = ()
    forwarded: Style = "x-forwarded"
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    said: Mapping[str, tuple[str, str]] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: its name, how text becomes a value, and a line of help."""

    name: str
    parse: Callable[[str], Any]
    help: str
    default: str = ""
    secret: bool = False


_MAIN = (
    Setting("service", spelling.service_name, "name of the service it stands beside (required)"),
    Setting("listen", spelling.listen, "where callers come in", "0.0.0.0:8000"),
    Setting("upstream", spelling.upstream, "the service: http://, https:// or unix:/path", "http://127.0.0.1:8080"),
    Setting("admin", spelling.listen, "/live /ready /metrics /snapshot /drain", "127.0.0.1:8001"),
    Setting("egress", spelling.no_egress, "not in this version"),
    Setting("control", spelling.controls, "one or more HOST:PORT or unix:/path, comma-separated, tried in turn"),
    Setting("join_token", spelling.join_token, "enrolment with control (variable or file only)", secret=True),
    Setting("join_token_file", spelling.path, "file that holds the join token"),
    Setting("snapshot", spelling.path, "run from this file, which control compile wrote, without control"),
    Setting("state_dir", spelling.path, "last-good snapshot and identity", "./state"),
    Setting("workers", spelling.workers, "processes sharing the port", "1"),
    Setting("max_staleness", spelling.duration_s, "refuse with 503 when control has been silent this long", "never"),
    Setting("tls_cert", spelling.path, "certificate chain in PEM: the port speaks TLS"),
    Setting("tls_key", spelling.path, "its private key in PEM"),
    Setting("trusted_proxies", spelling.networks, "peers whose X-Forwarded-* or Forwarded is believed", "none"),
    Setting("forwarded", spelling.style, "how hops are told to the service: x-forwarded, rfc7239, both", "x-forwarded"),
)


def _bounds(of: type[Timeouts] | type[Limits]) -> tuple[Setting, ...]:
    waits = of is Timeouts
    parse: Callable[[str], Any] = spelling.duration_s if waits else spelling.size
    meaning = "how long this wait may take" if waits else "how much there may be"
    rows = []
    for item in dataclasses.fields(of):
        default = "none" if item.default is None else f"{item.default}"
        rows.append(Setting(item.name, parse, meaning, default))
    return tuple(rows)


TIMEOUTS = _bounds(Timeouts)
LIMITS = _bounds(Limits)
SETTINGS = (*_MAIN, *TIMEOUTS, *LIMITS)
_BY_NAME = {setting.name: setting for setting in SETTINGS}


def add_flags(parser: argparse.ArgumentParser) -> None:
    """One flag a setting, but none for secrets."""
    parser.add_argument("--config", metavar="FILE.toml", help="settings from a TOML file")
    for setting in SETTINGS:
        if not setting.secret:
            shown = f"{setting.help} [{setting.default}]" if setting.default else setting.help
            flag = "--" + setting.name.replace("_", "-")
            parser.add_argument(flag, dest=setting.name, metavar="V", help=shown.replace("%", "%%"))


def load(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """Flags over variables over the file named by ``config``. SettingsError names the first setting at fault."""
    config = flags.get("config") or environ.get(PREFIX + "CONFIG")
    given = _from_file(Path(config)) if config else {}
    given |= _from_environment(environ)
    given |= {
        name: (text, "--" + name.replace("_", "-"))
        for name, text in flags.items()
        if name in _BY_NAME and text is not None
    }
    said = {name: ("" if _BY_NAME[name].secret else text, where) for name, (text, where) in given.items()}
    return _build({name: _parse(_BY_NAME[name], *heard) for name, heard in given.items()}, said)


Given = dict[str, tuple[str, str]]
"""Setting name to its text and where it was said."""


_KUBERNETES = re.compile(r"service_(host|port(_.*)?)|port(_\d+_(tcp|udp|sctp)(_(proto|port|addr))?)?")
"""Variables that Kubernetes sets where a service is called ``sidecar``; nobody meant them for us."""


def _meant(name: str, prefix: str = "") -> str:
    near = difflib.get_close_matches(name, _BY_NAME, 1)
    if not near:
        return ""
    return f"; did you mean {prefix}{near[0].upper() if prefix else near[0]}?"


def _from_environment(environ: Mapping[str, str]) -> Given:
    given: Given = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == PREFIX + "CONFIG":
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in _BY_NAME:
            if _KUBERNETES.fullmatch(name):
                continue
            raise SettingsError(f"{variable}: there is no such setting{_meant(name, PREFIX)}")
        if text:
            given[name] = (text, variable)
    return given


def _from_file(path: Path) -> Given:
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"--config {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"--config {path}: not TOML: {error}") from error
    given: Given = {}
    for name, value in table.items():
        if name not in _BY_NAME:
            raise SettingsError(f"{path}: {name}: there is no such setting{_meant(name)}")
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            value = ",".join(value)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise SettingsError(f"{path}: {name}: should be text or a number")
        given[name] = (str(value), f"{path}: {name}")
    return given


def _parse(setting: Setting, text: str, said: str) -> Any:
    try:
        return setting.parse(text)
    except SettingsError as error:
        raise SettingsError(f"{said}: {error}") from None


def _build(values: dict[str, Any], said: Mapping[str, tuple[str, str]]) -> Settings:
    if "service" not in values:
        raise SettingsError("service is required: --service NAME or SIDECAR_SERVICE")
    if "snapshot" in values and "control" in values:
        raise SettingsError("snapshot and control exclude each other: a sidecar runs from a file or from control")
    if "snapshot" not in values and not values.get("control"):
        raise SettingsError("control is required unless snapshot is given: --control HOST:PORT or SIDECAR_CONTROL")
    token_file = values.pop("join_token_file", None)
    if token_file is not None:
        if "join_token" in values:
            raise SettingsError("join_token and join_token_file exclude each other")
        values |= _token_from(token_file)
    token = values.get("join_token")
    if token is not None and token.service != values["service"]:
        raise SettingsError(f"the join token is for service {token.service!r}, not {values['service']!r}")
    if ("tls_cert" in values) != ("tls_key" in values):
        raise SettingsError("tls_cert and tls_key go together: give both or none")
    if "max_staleness" in values:
        values["max_staleness_s"] = values.pop("max_staleness")
    for key, of, rows in (("timeouts", Timeouts, TIMEOUTS), ("limits", Limits, LIMITS)):
        values[key] = of(**{row.name: values.pop(row.name) for row in rows if row.name in values})
    return Settings(**values, said=said)


def _token_from(path: Path) -> dict[str, Any]:
    """The token, or why there is none: whoever has joined already does well without."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except OSError as error:
        return {"unread_token": f"join_token_file {path}: {error.strerror}"}
    except ValueError:
        return {"unread_token": f"join_token_file {path}: is not text"}
    if not text:
        return {"unread_token": f"join_token_file {path}: is empty"}
    try:
        return {"join_token": parse_join_token(text)}
    except ContractError as error:
        raise SettingsError(f"join_token_file {path}: {error}") from None
