"""The issuers of the policy: issuer."""

import time
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from . import output as out
from .failure import Failure
from .options import Output, Timeout, Wait, duration_s, wants_json


def add_verbs(app: typer.Typer) -> None:
    """Adds this file's verbs."""
    group = typer.Typer(help="Whose tokens count, and how fresh their keys are.", no_args_is_help=True)
    group.command("list")(issuer_list)
    group.command("refresh")(issuer_refresh)
    app.add_typer(group, name="issuer")


def issuer_list(output: Output = None) -> None:
    """Every issuer of the policy in force, its keys, and when they were last obtained."""
    from .client import Client

    with Client() as client:
        answer = client.all("/issuers", "issuers")
    if wants_json(output):
        out.show_json(answer)
        return
    now = time.time()
    rows = [
        (one["name"], one["issuer"], one["keys_from"], ", ".join(_keys(one, now)) or "none", _freshness(one, now))
        for one in answer["issuers"]
    ]
    out.table(("name", "issuer", "keys from", "keys", "obtained"), rows, "no issuers: the policy in force names none")


def issuer_refresh(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in the policy.", show_default=False)],
    wait: Wait = False,
    timeout: Timeout = "30s",
    output: Output = None,
) -> None:
    """Look at the keys of an outside issuer now."""
    from .client import Client, segment
    from .rollout import report

    timeout_s = duration_s(timeout, "--timeout")
    with Client() as client:
        made = client.post(f"/issuers/{segment(name)}/refresh")
        one = made["issuer"]
        if one is None or one["error"]:
            if wants_json(output):
                out.show_json(made)
            raise Failure(f"{name}: {'the policy names it no longer' if one is None else one['error']}.")
        sentence = f"{name}: {', '.join(_keys(one, time.time()))}  [version {made['version']}]"
        report(client, made, sentence, wait and made["version"] > 0, timeout_s, wants_json(output))


def troubles(issuers: list[dict[str, Any]], now: float) -> Iterator[str]:
    """A line for each issuer whose keys are not as fresh as they should be."""
    for one in issuers:
        if not one["keys_known"]:
            none = "its keys were never obtained" if one["fetched_at"] is None else "it has no key that counts"
            yield f"issuer {one['name']}: {none}, its tokens get 503: {one['error'] or 'soon'}"
        elif one["error"]:
            yield f"issuer {one['name']}: {_freshness(one, now)}; the keys from then stay in force"


def _keys(one: dict[str, Any], now: float) -> list[str]:
    return [
        (key["kid"] or f"({key['kty']} without kid)")
        + ("" if key["leaves_at"] is None else f" (dropped, counts {_span(key['leaves_at'] - now)} more)")
        for key in one["keys"]
    ]


def _freshness(one: dict[str, Any], now: float) -> str:
    if not one["fetched"]:
        return "-"
    had = "never" if one["fetched_at"] is None else f"{_span(now - one['fetched_at'])} ago"
    tries = "1 try" if one["failures"] == 1 else f"{one['failures']} tries"
    return f"{had}; {tries} since failed: {one['error']}" if one["error"] else had


def _span(seconds: float) -> str:
    whole = max(0, int(seconds))
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if whole >= 2 * size:
            return f"{whole // size}{unit}"
    return f"{whole}s"
