"""Flags, environment and TOML to one frozen value, or one clear error.

A setting ``listen`` is the flag ``--listen``, the variable ``SIDECAR_LISTEN`` and the TOML key ``listen``; a flag
beats a variable, a variable beats the file. Secrets have no flag, because a process list shows flags to everyone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .contract.join import JoinToken, parse_join_token
from .contract.strict import ContractError
from .flags import meant
from .http1.express import Lane
from .http1.limits import Limits, Timeouts
from .proxy.origin import Network, Style
from .spelling import SettingsError
from .table import BY_NAME, LIMITS, PREFIX, SETTINGS, TIMEOUTS, Setting


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that was said, each for itself sound; ``lacking`` says what ``sidecar run`` still needs. Addresses
    are ``host:port``, ``[v6]:port`` or ``unix:/path``; a service of "" is the snapshot's own. ``said`` has, of each
    setting that was given, the text (none of a secret) and where it was said. ``unread_token`` says why the join
    token's file could not be read, which matters only to who has not joined yet."""

    service: str = ""
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
    http1: Lane = "express"
    decisions: bool = False
    timeouts: Timeouts = field(default_factory=Timeouts)
    limits: Limits = field(default_factory=Limits)
    said: Mapping[str, tuple[str, str]] = field(default_factory=dict, compare=False, repr=False)


def load(flags: Mapping[str, str | None], environ: Mapping[str, str]) -> Settings:
    """Flags over variables over the file named by ``config``. SettingsError names the first setting at fault."""
    config = flags.get("config") or environ.get(PREFIX + "CONFIG")
    given = _from_file(Path(config)) if config else {}
    given |= _from_environment(environ)
    given |= {name: (text, BY_NAME[name].flag) for name, text in flags.items() if name in BY_NAME and text is not None}
    said = {name: ("" if BY_NAME[name].secret else text, where) for name, (text, where) in given.items()}
    return _build({name: _parse(BY_NAME[name], *heard) for name, heard in given.items()}, said)


def lacking(settings: Settings, *, joined: bool) -> list[str]:
    """What ``sidecar run`` must still be told, as one would type it. ``joined``: control knows it already."""
    if settings.snapshot is not None:
        return []
    found = []
    if not settings.service:
        found.append("--service NAME or SIDECAR_SERVICE")
    if not settings.control:
        found.append("--control HOST:PORT or SIDECAR_CONTROL (or, to run without control, --snapshot FILE)")
    if settings.join_token is None and not joined:
        made = settings.unread_token or f"control join-token {settings.service or 'NAME'} --out FILE makes one"
        found.append(f"--join-token-file FILE or SIDECAR_JOIN_TOKEN, for it has not joined yet ({made})")
    return found


_VARIABLES = [setting.variable for setting in SETTINGS]

Given = dict[str, tuple[str, str]]
"""Setting name to its text and where it was said."""


_KUBERNETES = re.compile(r"service_(host|port(_.*)?)|port(_\d+_(tcp|udp|sctp)(_(proto|port|addr))?)?")
"""Variables that Kubernetes sets where a service is called ``sidecar``; nobody meant them for us."""


def _from_environment(environ: Mapping[str, str]) -> Given:
    given: Given = {}
    for variable, text in environ.items():
        if not variable.startswith(PREFIX) or variable == PREFIX + "CONFIG":
            continue
        name = variable.removeprefix(PREFIX).lower()
        if name not in BY_NAME:
            if _KUBERNETES.fullmatch(name):
                continue
            raise SettingsError(f"{variable}: there is no such setting{meant(variable, _VARIABLES)}")
        if text:
            given[name] = (text, variable)
    return given


def _from_file(path: Path) -> Given:
    import tomllib  # a process without a file has no use for it

    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"--config {path}: {error.strerror}") from error
    except ValueError as error:
        raise SettingsError(f"--config {path}: not TOML: {error}") from error
    given: Given = {}
    for name, value in table.items():
        if name not in BY_NAME:
            raise SettingsError(f"{path}: {name}: there is no such setting{meant(name, BY_NAME)}")
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
    if "snapshot" in values and "control" in values:
        raise SettingsError("snapshot and control exclude each other: a sidecar runs from a file or from control")
    token_file = values.pop("join_token_file", None)
    if token_file is not None:
        if "join_token" in values:
            raise SettingsError("join_token and join_token_file exclude each other")
        values |= _token_from(token_file)
    token = values.get("join_token")
    if token is not None and token.service != values.get("service", token.service):
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
