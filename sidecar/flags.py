"""The command line: verbs and flags to words, or one sentence that says what was probably meant."""

import argparse
from collections.abc import Iterable, Sequence
from typing import NoReturn

from . import __version__
from .table import LIMITS, MAIN, SETTINGS, TIMEOUTS

VERBS = {
    "run": "stand beside the service and enforce",
    "check": "are the settings and the snapshot usable?",
    "explain": "one decision, step by step",
}
_NEEDED_TO_EXPLAIN = ("service", "snapshot", "state_dir")
_SECRETS = {setting.flag: setting for setting in SETTINGS if setting.secret}


class CommandLine(argparse.ArgumentParser):
    """Argparse's, whose error is one sentence and not a page of usage above one."""

    def error(self, message: str) -> NoReturn:
        """Exit 2."""
        self.exit(2, f"sidecar: {message.removeprefix('argument ')} (see: {self.prog} --help)\n")


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """What was typed. Exits with 2 and a sentence if it is no command."""
    whole, verbs = _parsers()
    first = arguments[0] if arguments else ""
    if first not in VERBS and first not in ("-h", "--help", "--version"):
        whole.error(_no_verb(first))
    options, unknown = whole.parse_known_args(arguments)
    if unknown:
        verb = verbs[options.verb]
        verb.error(_no_flag(unknown, verb.format_help().split()))
    return options


def meant(name: str, known: Iterable[str]) -> str:
    """``; did you mean X?`` if something known is near, else nothing."""
    import difflib  # a process that goes on has no use for it

    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else ""


def _no_verb(first: str) -> str:
    if not first:
        return "say what to do: run, check or explain"
    if first.startswith("-"):
        return f"the verb comes before {first.partition('=')[0]}: run, check or explain"
    return f"there is no verb {first!r}{meant(first, VERBS) or '; there are run, check and explain'}"


def _no_flag(unknown: Sequence[str], known: Iterable[str]) -> str:
    """Names no value: it may be a secret."""
    flag = next((word.partition("=")[0] for word in unknown if word.startswith("-")), "")
    if flag in _SECRETS:
        return f"{flag} would show the secret in every process list: set {_SECRETS[flag].variable}, or use {flag}-file"
    if flag:
        return f"there is no flag {flag}{meant(flag, known)}"
    return "there is a word too many" if len(unknown) == 1 else f"there are {len(unknown)} words too many"


def _parsers() -> tuple[CommandLine, dict[str, CommandLine]]:
    whole = CommandLine(prog="sidecar", description="Verifies and authorises every request to one service.")
    whole.add_argument("--version", action="version", version=f"sidegate {__version__}")
    adding = whole.add_subparsers(dest="verb", required=True, metavar="|".join(VERBS), parser_class=CommandLine)
    verbs = {verb: adding.add_parser(verb, help=VERBS[verb], allow_abbrev=False) for verb in VERBS}
    for verb, parser in verbs.items():
        parser.usage = f"sidecar {verb} [--SETTING VALUE]..."
        parser.description = VERBS[verb][0].upper() + VERBS[verb][1:].rstrip("?") + "."
    _add_explain(verbs["explain"])
    for verb, parser in verbs.items():
        _add_settings(parser, brief=verb == "explain")
    return whole, verbs


def _add_explain(parser: CommandLine) -> None:
    parser.usage = (
        "sidecar explain METHOD PATH [--token T] [--header 'K: V']... [--address A] [--snapshot FILE | --state-dir DIR]"
    )
    parser.add_argument("method", metavar="METHOD", help="such as GET")
    parser.add_argument("path", metavar="PATH", help="with its query, as it is sent")
    parser.add_argument("--token", metavar="T", help="the bearer token or API key; - reads it from standard input")
    parser.add_argument("--header", action="append", default=[], metavar="'K: V'", help="a request header (repeatable)")
    parser.add_argument("--address", metavar="A", default="", help="the caller's IP address")


def _add_settings(parser: CommandLine, *, brief: bool) -> None:
    """One flag a setting, but none for secrets. ``brief``: all are taken, and those that matter are shown."""
    main = parser.add_argument_group("settings", "each is also a variable SIDECAR_* and a key of the file")
    main.add_argument("--config", metavar="FILE.toml", help="settings from a TOML file")
    waits = parser.add_argument_group("waits", "such as 250ms, 10s, 5m or 2h") if not brief else main
    limits = parser.add_argument_group("limits", "such as 65536, 64k or 10m") if not brief else main
    for group, rows in ((main, MAIN), (waits, TIMEOUTS), (limits, LIMITS)):
        for row in rows:
            if row.secret:
                continue
            shown = f"{row.help} [{row.default}]" if row.default else row.help
            if brief and row.name not in _NEEDED_TO_EXPLAIN:
                shown = argparse.SUPPRESS
            group.add_argument(row.flag, dest=row.name, metavar=row.form, help=shown.replace("%", "%%"))
